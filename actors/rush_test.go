package actors

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// The simulation has one processor: nothing happens between two lines of one actor.
// Here all goes on at the same time, in real time: clients, operators, agents, timers
// and the store. No actor may panic, no answer be an internal error, and at the end
// the data must be as the rules have them, and nobody be left.

// rushTime is for how long each life of a service is under load.
const rushTime = 400 * time.Millisecond

// TestRush runs three lives of a service: the first is stopped under load, the second
// dies, and the last, perhaps from a backup, comes to rest. RUSH says for how long that is repeated, with other
// options each time.
func TestRush(t *testing.T) {
	long, _ := time.ParseDuration(os.Getenv("RUSH"))
	calls, n := newRushCalls(t), 0
	for begin := time.Now(); n == 0 || time.Since(begin) < long && !t.Failed(); n++ {
		r := newRush(t, calls)
		r.begin(r.store)
		r.stopUnderLoad()
		r.begin(memory.New(memory.Options{Faults: r.fault, Snapshot: r.store.Snapshot()}))
		r.dieUnderLoad()
		if rand.IntN(2) == 0 {
			r.restoreBackup()
		}
		r.last.Store(true)
		r.begin(r.store)
		r.comeToRest()
	}
	t.Logf("%d times three lives on %d processors; calls: %s", n, runtime.GOMAXPROCS(0), calls)
	<-time.After(1100 * time.Millisecond) // the engine's throttle of dead letters sleeps
}

// rush is a world in real time that many act on.
type rush struct {
	*world
	last, calm atomic.Bool // it is the last life; nothing fails any more
	calls      *rushCalls
	messages   atomic.Uint64 // that actors have handled
	shelf      *rushShelf
	hosts      []*rushAgent

	mu    sync.Mutex
	known []uuid.UUID // ARQs that somebody has made
	where []*BindTo   // that something was bound to

	over, away    context.Context //nolint:containedctx // of the load, and of the agents
	halt, quit    context.CancelFunc
	crowd, agents sync.WaitGroup
}

// newRush has times so short that leases, holds and deadlines end while others begin.
func newRush(t *testing.T, calls *rushCalls) *rush {
	t.Helper()
	r := &rush{calls: calls}
	r.shelf = &rushShelf{r: r, now: map[uuid.UUID]bool{}}
	r.world = newWorld(t, func(w *world) {
		w.opts = Options{
			Inventory: r.shelf, InventoryInterval: 20 * time.Millisecond,
			BindTimeout: 400 * time.Millisecond, EventDeadline: 500 * time.Millisecond, IdleAfter: 20 * time.Millisecond,
			Deliveries: 1 + rand.IntN(4), HoldFailed: rand.IntN(2) == 0,
			Lease: 200 * time.Millisecond, HostDeadAfter: 200 * time.Millisecond, HealthHold: 10 * time.Millisecond,
			Images:     &gallery{functions: map[string][]uuid.UUID{"sort": {imageA}, "find": {imageB}}},
			LocalHosts: []string{"h"},
		}
		if rand.IntN(2) == 0 {
			w.opts.Quota = Quota{ARQs: 60, Unbound: 40}
		}
	})
	r.setFaults(func(persistence.Transition) memory.Fault { return r.mishap() })
	r.tell = r.hear
	for _, host := range []string{"a", "b", "v"} {
		r.hosts = append(r.hosts, newRushAgent(r, host))
	}
	return r
}

// mishap is the store's mood. In the last life nobody loses for no reason: who has lost
// waits for seconds before the next try.
func (r *rush) mishap() memory.Fault {
	if r.calm.Load() {
		return memory.Fault{}
	}
	switch n := rand.IntN(100); {
	case n < 5:
		return memory.Fault{Delay: time.Duration(rand.IntN(3000)) * time.Microsecond}
	case n < 6:
		return memory.Fault{Effect: memory.ApplyUnknown}
	case n < 7:
		return memory.Fault{Effect: memory.DropUnknown}
	case n < 10 && !r.last.Load():
		return memory.Fault{Effect: memory.Lose}
	}
	return memory.Fault{}
}

// bad says that something is to fail, which it does once in so many times.
func (r *rush) bad(in int) bool { return !r.calm.Load() && rand.IntN(in) == 0 }

// fewer is how many are missing of what there is: less than most.
func (r *rush) fewer(most int) int {
	if r.calm.Load() {
		return 0
	}
	return rand.IntN(most)
}

// pause is a moment, or none.
func (r *rush) pause(ctx context.Context) {
	if rand.IntN(4) == 0 {
		wait(ctx, time.Duration(rand.IntN(5000))*time.Microsecond)
	}
}

// carry is the hardware of the host without an agent.
func (r *rush) carry(ctx context.Context, c devices.Command) error {
	r.pause(ctx)
	if c.Kind == devices.ProgramFPGA && r.bad(10) {
		return devices.ErrUnknownState
	}
	return nil
}

// hear is the compute service.
func (r *rush) hear(ctx context.Context, _ *Event) error {
	r.pause(ctx)
	switch {
	case r.bad(10):
		return ErrRefused
	case r.bad(10):
		return errMachine
	}
	return nil
}

// begin starts a process on what there is, and has everybody begin.
func (r *rush) begin(store *memory.Store) {
	r.t.Helper()
	r.store = store
	r.sys = New(r.opts, store, hardwareFunc(r.carry), NotifierFunc(r.notify))
	r.sys.engine.before = func(actorKind, any) { r.messages.Add(1) }
	r.must(r.sys.Start(r.t.Context()))
	r.calls.ending.Store(false)
	r.over, r.halt = context.WithCancel(context.Background())
	r.away, r.quit = context.WithCancel(context.Background())
	r.report()
	for _, act := range []func(){
		r.client, r.client, r.client, r.client, r.client, r.client, r.operator, r.operator, r.author, r.reporter, r.reader, r.reader,
	} {
		r.crowd.Go(repeated(r.over, act))
	}
	for _, a := range r.hosts {
		r.agents.Go(repeated(r.away, a.live))
		r.agents.Go(repeated(r.away, a.beat))
	}
	<-time.After(rushTime)
}

// repeated does something again and again.
func repeated(ctx context.Context, act func()) func() {
	return func() {
		for ctx.Err() == nil {
			act()
		}
	}
}

// ended has everybody come to an end.
func (r *rush) ended() {
	r.halt()
	r.crowd.Wait()
	r.quit()
	r.agents.Wait()
}

func (r *rush) stopUnderLoad() {
	r.t.Helper()
	r.calls.ending.Store(true)
	defer time.AfterFunc(50*time.Millisecond, r.halt).Stop() // some wait for agents, who are not heard any more
	r.must(r.sys.Stop(r.t.Context()))
	r.ended()
	r.must(r.store.Close())
	r.wantQuiet()
	r.wantRules(r.store.Snapshot())
}

// dieUnderLoad ends the process with its store: nobody hears anything any more.
func (r *rush) dieUnderLoad() {
	r.t.Helper()
	r.calls.ending.Store(true)
	next := r.store.Crash()
	r.sys.cancel()
	r.sys.life.set(stopped)
	r.ended()
	r.wantQuiet()
	r.store = next
	r.wantRules(next.Snapshot())
}

// restoreBackup has the next process begin with a store that comes out of a backup.
func (r *rush) restoreBackup() {
	r.t.Helper()
	s := memory.New(memory.Options{Snapshot: r.store.Snapshot()})
	r.must(s.Recover(r.t.Context(), func(persistence.Record) error { return nil }))
	r.markRestored(s)
	r.must(s.Close())
	r.must(r.store.Close())
	r.store = memory.New(memory.Options{Faults: r.fault, Snapshot: s.Snapshot()})
}
