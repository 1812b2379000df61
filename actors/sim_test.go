package actors

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// TestSimulation runs random clients, on processes that die at random points or
// are stopped. SIM_RUNS says how many runs there are, each of its own seed, from
// SIM_FIRST on; SIM_SEED repeats one, SIM_REPEAT times.
func TestSimulation(t *testing.T) {
	restore := quietly()
	defer restore()
	var total simCounts
	failed := 0
	courses := map[uint64]int{}
	first, runs, repeat := simRuns()
	for i := range runs * repeat {
		seed := first + i/repeat
		counts, violations, course := simulate(t, seed)
		total.add(counts)
		courses[course]++
		for _, v := range violations {
			t.Errorf("seed %d: %s", seed, v)
		}
		if len(violations) > 0 {
			failed++
			t.Logf("repeat it with: make sim SEED=%d", seed)
		}
	}
	t.Logf("seeds %d to %d: %d steps, %d crashes injected, %d stops, %d faults of the store, %d time-outs, %d looks at what is held back, %d deliveries of several events; %d runs with violations",
		first, first+runs-1, total.steps, total.crashes, total.stops, total.faults, total.timeouts, total.holds, total.together, failed)
	if repeat > 1 {
		t.Logf("of %d runs %d took the same course", repeat, slices.Max(slices.Collect(maps.Values(courses))))
	}
}

func simRuns() (first, runs, repeat uint64) {
	number := func(name string, otherwise uint64) uint64 {
		v, err := strconv.ParseUint(os.Getenv(name), 10, 64)
		if err != nil || v == 0 {
			return otherwise
		}
		return v
	}
	if seed := number("SIM_SEED", 0); seed != 0 {
		return seed, 1, number("SIM_REPEAT", 1)
	}
	return number("SIM_FIRST", 1), number("SIM_RUNS", 60), 1
}

// quietly takes away what makes two runs of a seed differ, as far as that can
// be done: processors that run at the same time, and random ids.
func quietly() (restore func()) {
	before := runtime.GOMAXPROCS(1)
	return func() {
		runtime.GOMAXPROCS(before)
		uuid.SetRand(nil)
	}
}

// seededReader is the source of ids in a run.
type seededReader struct {
	mu  sync.Mutex
	rng *rand.ChaCha8
}

func newSeededReader(seed uint64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return &seededReader{rng: rand.NewChaCha8(key)}
}

// Read never fails.
func (r *seededReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Read(b)
}

// simulate makes one run.
func simulate(t *testing.T, seed uint64) (counts simCounts, violations []string, trace uint64) {
	t.Helper()
	uuid.SetRand(newSeededReader(seed))
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		rng := stream(seed, "run")
		s := newSimulation(t, func(o *Options) {
			if rng.IntN(4) == 0 {
				o.CallTimeout = 3 * time.Second // some callers have little patience
			}
			o.HoldFailed = rng.IntN(2) == 0
			o.Deliveries = []int{1, 1, 2, 16}[rng.IntN(4)]
			o.Lease, o.HostDeadAfter = simLease, simDeadAfter
			o.jitter = jitterOf(stream(seed, "jitter"))
		})
		r := &simRun{simulation: s, rng: rng, crowd: &crowd{s: s}}
		s.points.sched = stream(seed, "sched")
		s.randomMachines(seed)
		s.randomCompute(seed)
		r.faults = stream(seed, "faults")
		if rng.IntN(2) == 0 {
			s.withAgents(func(host string) *rand.Rand { return stream(seed, "agent "+host) })
		}
		if rng.IntN(2) == 0 {
			s.withScheduler(stream(seed, "scheduler"))
		}
		s.begin(s.newStore(memory.Snapshot{}))
		r.play(seed)
		counts, violations, trace = s.counts, s.history.violations, s.hash()
		if len(violations) > 0 {
			s.keep(seed)
		}
		if _, runs, repeat := simRuns(); runs*repeat == 1 {
			t.Logf("seed %d:\n%s", seed, s.history.chronicle())
		}
	})
	return counts, violations, trace
}

// keep leaves all that is known of a run that failed: it may never be the same again.
func (s *simulation) keep(seed uint64) {
	s.t.Helper()
	text := strings.Join(s.history.violations, "\n") + "\n\n" + s.history.chronicle() + "\n" + strings.Join(s.points.trace, "\n") + "\n"
	file, err := os.CreateTemp("", fmt.Sprintf("arqd-sim-%d-", seed))
	if err == nil {
		_, err = file.WriteString(text)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		s.t.Errorf("the course is lost: %v", err)
		return
	}
	s.t.Logf("seed %d: its course is in %s", seed, file.Name())
}

// jitterOf has the pauses of a run be its own.
func jitterOf(rng *rand.Rand) func(time.Duration) time.Duration {
	var mu sync.Mutex
	return func(d time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(rng.Int64N(int64(d)))
	}
}

// stream gives a source of random numbers for one use in a run: what others
// draw does not change what it gives.
func stream(seed uint64, use string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(use))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// randomMachines has commands take up to 15 s and fail now and then, each
// host by a stream of its own.
func (s *simulation) randomMachines(seed uint64) {
	streams := map[string]*rand.Rand{}
	for _, host := range slices.Concat(simHosts, agentHosts) {
		streams[host] = stream(seed, "machine "+host)
	}
	s.machines.will(func(c devices.Command) work {
		rng := streams[c.Host]
		w := work{takes: time.Duration(rng.IntN(15000)) * time.Millisecond, effect: rng.IntN(2) == 0, cut: rng.IntN(2) == 0}
		if w.fails = rng.IntN(4) == 0; !w.fails {
			w.effect = true
		}
		return w
	})
}

// randomCompute has the compute service take its time for every other event,
// keep every fifth for later and refuse every tenth for good. Every eighth answer
// does not arrive, or not all of it, or somebody trips over it.
func (s *simulation) randomCompute(seed uint64) {
	var mu sync.Mutex
	rng := stream(seed, "compute")
	s.tell = func(ctx context.Context, _ *Event) error {
		mu.Lock()
		verdict, slow := rng.IntN(10), rng.IntN(2) == 0
		takes := time.Duration(rng.IntN(3000)) * time.Millisecond
		mu.Unlock()
		if slow {
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		switch verdict {
		case 0, 1:
			return errors.New("away")
		case 2:
			return fmt.Errorf("unknown: %w", ErrRefused)
		}
		return nil
	}
	s.garble = func(outcomes []error) []error {
		mu.Lock()
		mood := rng.IntN(24)
		mu.Unlock()
		switch mood {
		case 0:
			return slices.Repeat([]error{errors.New("cut short")}, len(outcomes))
		case 1:
			return append(outcomes, nil)
		case 2:
			panic("notifier bug")
		}
		return outcomes
	}
}

// simRun is a random run.
type simRun struct {
	*simulation
	crowd  *crowd
	rng    *rand.Rand
	faults *rand.Rand  // the store's goroutine's alone
	quiet  atomic.Bool // nobody asks for anything
}

func (r *simRun) play(seed uint64) {
	r.arm(0, false)
	r.run(func() {
		r.boot()
		for _, p := range simProfiles {
			_ = r.askProfile(r.life, p.name, p.requests...)
		}
	})
	calm := r.agentsSuffer(seed)
	for range 1 + r.rng.IntN(4) {
		r.epoch(seed)
	}
	if r.agents != nil {
		r.suffer()
	}
	calm()
	r.setFaults(nil)
	r.rest()
}

// epoch is some clients at work, and perhaps the end of their process in the
// middle of it.
func (r *simRun) epoch(seed uint64) {
	r.setFaults(r.mishap)
	end := r.rng.IntN(4)
	target := 0
	if end < 2 {
		target = 1 + r.rng.IntN(120)
	}
	r.arm(target, r.rng.IntN(2) == 0)
	var clients []*rand.Rand
	for range 2 + r.rng.IntN(4) {
		clients = append(clients, rand.New(rand.NewPCG(seed, r.rng.Uint64())))
	}
	l := r.life
	alive := r.run(func() {
		var wg sync.WaitGroup
		for _, rng := range clients {
			wg.Go(func() { r.crowd.client(l, rng) })
		}
		if end == 2 {
			<-time.After(time.Duration(r.rng.IntN(1500)) * time.Millisecond)
			r.stopGently(l)
		}
		wg.Wait()
	})
	switch {
	case !alive:
		r.revive(l.next)
	case end == 2:
		r.revive(r.bury(l))
	}
	for _, id := range r.crowd.arqs {
		r.look(r.life, id, instance)
	}
	r.wantInvariants(r.store)
}

// stopGently ends a process as SIGTERM does.
func (r *simRun) stopGently(l *life) {
	l.ending.Store(true)
	r.counts.stops++
	r.note("stop")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := l.sys.Stop(ctx); err != nil {
		r.history.violation("the process does not stop: %v", err)
	}
}

// revive starts processes on what is left until one comes up. The first may
// die of that too.
func (r *simRun) revive(left *memory.Store) {
	target := r.rng.IntN(60)
	for {
		r.begin(left)
		r.arm(target, false)
		l := r.life
		if r.run(func() { r.boot() }) {
			r.arm(0, false)
			return
		}
		left, target = l.next, 0
	}
}

func (r *simRun) mishap(persistence.Transition) memory.Fault {
	switch n := r.faults.IntN(100); {
	case n < 4:
		return memory.Fault{Delay: time.Duration(r.faults.IntN(600)) * time.Millisecond}
	case n < 7:
		return memory.Fault{Effect: memory.Lose}
	case n < 10:
		return memory.Fault{Effect: memory.ApplyUnknown}
	case n < 12:
		return memory.Fault{Effect: memory.DropUnknown}
	case n < 14:
		return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
	case n < 15:
		return memory.Fault{Delay: time.Duration(r.faults.IntN(int(simDelay/time.Second))) * time.Second}
	}
	return memory.Fault{}
}
