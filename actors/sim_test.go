package actors

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// Simulation: random clients on a small world, in fake time, over a store that
// loses, delays and forgets to tell, with crashes in between. SIM_SEED replays
// one run, SIM_RUNS says how many there are.

func simRuns(t *testing.T) (first, n uint64) {
	t.Helper()
	number := func(name string, otherwise uint64) uint64 {
		v, err := strconv.ParseUint(os.Getenv(name), 10, 64)
		if err != nil {
			return otherwise
		}
		return v
	}
	if seed := number("SIM_SEED", 0); seed != 0 {
		return seed, 1
	}
	return 1, number("SIM_RUNS", 150)
}

func TestSimulation(t *testing.T) {
	first, n := simRuns(t)
	var total simCounts
	for seed := first; seed < first+n; seed++ {
		counts := simulate(t, seed)
		total.steps += counts.steps
		total.faults += counts.faults
		total.crashes += counts.crashes
	}
	t.Logf("seeds %d to %d: %d steps, %d faults, %d crashes", first, first+n-1, total.steps, total.faults, total.crashes)
}

type simCounts struct{ steps, faults, crashes int }

type simulation struct {
	*world
	mu     sync.Mutex
	rand   *rand.Rand
	counts simCounts
	arqs   []uuid.UUID
}

// intn may be called from any goroutine. The order of calls follows the
// scheduler, so a seed makes a run likely again, not certain.
func (s *simulation) intn(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.IntN(n)
}

func simulate(t *testing.T, seed uint64) (counts simCounts) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if t.Failed() {
				t.Logf("replay with SIM_SEED=%d", seed)
			}
		}()
		s := &simulation{rand: rand.New(rand.NewPCG(seed, 2))}
		s.world = newWorld(t, func(w *world) { w.opts.BindTimeout = 10 * time.Second })
		s.do = s.hardware
		s.start(s.store)
		s.inventory("h", 3)
		s.inventory("g", 2)
		s.profile("one")
		s.profile("two", Request{"resources:FPGA", "2"})
		s.profile("program", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		for range 1 + s.intn(4) {
			s.epoch()
		}
		s.setFaults(nil)
		<-time.After(10 * time.Minute) // everything comes to rest
		s.wantAtRest()
		counts = s.counts
		s.stop()
	})
	return counts
}

// epoch is some clients at work, and perhaps a crash in the middle of it.
func (s *simulation) epoch() {
	s.setFaults(s.mishap)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for range 2 + s.intn(4) {
		wg.Go(func() {
			for range 1 + s.intn(8) {
				if ctx.Err() != nil {
					return
				}
				s.step(ctx)
				<-time.After(time.Duration(s.intn(300)) * time.Millisecond)
			}
		})
	}
	if s.intn(2) == 0 {
		<-time.After(time.Duration(s.intn(1500)) * time.Millisecond)
		s.counts.crashes++
		cancel() // clients of a dead process get no answer
		wg.Wait()
		s.crash()
	}
	wg.Wait()
	cancel()
	synctest.Wait()
	s.wantInvariants()
}

func (s *simulation) mishap(persistence.Transition) memory.Fault {
	n := s.intn(100)
	if n < 12 {
		s.mu.Lock()
		s.counts.faults++
		s.mu.Unlock()
	}
	switch {
	case n < 4:
		return memory.Fault{Delay: time.Duration(s.intn(600)) * time.Millisecond}
	case n < 7:
		return memory.Fault{Effect: memory.Lose}
	case n < 10:
		return memory.Fault{Effect: memory.ApplyUnknown}
	case n < 12:
		return memory.Fault{Effect: memory.DropUnknown}
	}
	return memory.Fault{}
}

func (s *simulation) hardware(ctx context.Context, _ devices.Command) error {
	select {
	case <-time.After(time.Duration(s.intn(15000)) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.intn(4) == 0 {
		return errors.New("bad day")
	}
	return nil
}

// some gives up to n of the ARQs made so far, hot ones rather than cold.
func (s *simulation) some(n int) []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []uuid.UUID
	for range 1 + s.rand.IntN(n) {
		if recent := s.arqs[max(0, len(s.arqs)-6):]; len(recent) > 0 {
			ids = append(ids, recent[s.rand.IntN(len(recent))])
		}
	}
	seen := map[uuid.UUID]bool{}
	unique := ids[:0]
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			unique = append(unique, id)
		}
	}
	return unique
}

// step is one call. What it answers may be anything a client can expect; what
// it leaves behind is checked later.
func (s *simulation) step(ctx context.Context) {
	s.mu.Lock()
	s.counts.steps++
	sys := s.sys
	s.mu.Unlock()
	instance := uuid.UUID{15: byte(1 + s.intn(3))}
	host := []string{"h", "g"}[s.intn(2)]
	var err error
	switch s.intn(9) {
	case 0, 1:
		var made []*ARQ
		name := []string{"one", "two", "program"}[s.intn(3)]
		made, err = sys.CreateARQs(ctx, CreateARQs{ProfileName: name, ProjectID: "demo"})
		s.mu.Lock()
		for _, a := range made {
			s.arqs = append(s.arqs, a.UUID)
		}
		s.mu.Unlock()
	case 2, 3, 4:
		err = sys.PatchARQs(ctx, Patch{Scope: demo, Items: s.items(host, instance)})
	case 5:
		err = sys.DeleteARQs(ctx, DeleteARQs{Scope: demo, ARQs: s.some(2), Service: true})
	case 6:
		err = sys.DeleteARQs(ctx, DeleteARQs{Scope: demo, Instance: instance, Service: true})
	case 7:
		err = sys.SetDeviceEnabled(ctx, sys.Devices()[s.intn(2)].UUID, s.intn(3) > 0)
	case 8:
		_, err = sys.ProgramDeployable(ctx, sys.Devices()[s.intn(2)].Deployables[0].UUID, uuid.MustParse(image))
	}
	if err != nil && ErrorCode(err) == CodeInternal {
		s.t.Errorf("a fault of ours: %v", err)
	}
}

func (s *simulation) items(host string, instance uuid.UUID) []PatchItem {
	var items []PatchItem
	unbind := s.intn(3) == 0
	for _, id := range s.some(3) {
		item := PatchItem{ARQ: id}
		if !unbind {
			item.Bind = s.to(host, instance)
		}
		if s.intn(8) == 0 {
			unbind = !unbind
		}
		items = append(items, item)
	}
	return items
}

// wantInvariants checks what is true at any time.
func (s *simulation) wantInvariants() {
	s.t.Helper()
	report, err := Verify(context.Background(), s.store)
	s.must(err)
	for _, v := range report.Violations {
		s.t.Error(v)
	}
}

// wantAtRest checks what is true when nothing is under way any more.
func (s *simulation) wantAtRest() {
	s.t.Helper()
	s.wantConsistent()
	st := s.sys.Stats()
	if st.ARQs[BindStarted] != 0 {
		s.t.Errorf("%d ARQs are BindStarted for ever", st.ARQs[BindStarted])
	}
	if st.HandlesReleasing != 0 || st.HandlesFree+st.HandlesTaken != 5 {
		s.t.Errorf("handles: %d free, %d taken, %d releasing", st.HandlesFree, st.HandlesTaken, st.HandlesReleasing)
	}
	if st.OutboxDepth != 0 || st.ActiveActors["operation"] != 0 || st.ActiveActors["arq"] != 0 {
		s.t.Errorf("not at rest: outbox %d, actors %v", st.OutboxDepth, st.ActiveActors)
	}
}
