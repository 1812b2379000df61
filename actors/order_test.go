package actors

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// What clients are told has an order: each request is as if it had been done at
// one moment between its call and its answer.

// slowly holds up every write for less than an undecided proposal is waited
// for.
func slowly(persistence.Transition) memory.Fault { return memory.Fault{Delay: 100 * time.Millisecond} }

// A deletion by instance that has to wait for one of its ARQs deletes what the
// instance then has: not what has left it meanwhile, but what came instead.
func TestADeletionByInstanceTakesWhatTheInstanceHas(t *testing.T) {
	for name, comes := range map[string]bool{"an ARQ leaves": false, "an ARQ leaves and another comes": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(w *world) {
				w.profile("one")
				ids := w.create("one", 2)
				w.must(w.bind(w.to("h", instance), ids[0]))
				w.setFaults(slowly)
				p := Patch{Scope: demo, Items: []PatchItem{{ARQ: ids[0]}}}
				want := []string{"Unbound", "Initial"}
				if comes {
					p.Items = append(p.Items, PatchItem{ARQ: ids[1], Bind: w.to("h", instance)})
					want[1] = "gone"
				}
				var wg sync.WaitGroup
				wg.Go(func() { w.must(w.sys.PatchARQs(context.Background(), p)) })
				synctest.Wait()
				wg.Go(func() { w.must(w.removeInstance(instance)) })
				wg.Wait()
				w.wantStates(want[0], ids[0])
				w.wantStates(want[1], ids[1])
				w.wantConsistent()
			})
		})
	}
}

// A PATCH that finds no free handle adds its ARQs to those that it was to
// unbind: a deletion by instance takes all of them.
func TestADeletionByInstanceTakesWhatHasJoined(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		synctest.Wait()
		w.setFaults(slowly)
		var wg sync.WaitGroup
		wg.Go(func() {
			w.wantCode(w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ARQ: ids[0]}, {ids[1], w.to("h", instance)},
			}}), CodeNoFreeHandle)
		})
		synctest.Wait()
		wg.Go(func() { w.must(w.removeInstance(instance)) })
		wg.Wait()
		w.wantStates("gone", ids...)
		w.wantConsistent()
	})
}

// What a deletion by instance may not see it leaves alone, and ends.
func TestADeletionByInstanceLeavesOtherProjects(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		to := *w.to("h", instance)
		to.ProjectID = "elsewhere"
		w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: admin, Items: []PatchItem{
			{ids[0], &to}, {ids[1], w.to("h", instance)},
		}}))
		for range 2 {
			w.must(w.removeInstance(instance))
			w.wantStates("Bound", ids[0])
			w.wantStates("gone", ids[1])
		}
		w.must(w.removeInstance(uuid.New()))
		w.wantConsistent()
	})
}

// "No free handle" is true when it is written: a handle that was given back
// before that is taken.
func TestNoFreeHandleIsTrueWhenItIsWritten(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		synctest.Wait()
		w.setFaults(slowly)
		var wg sync.WaitGroup
		wg.Go(func() { w.must(w.unbind(ids[0])) })
		synctest.Wait()
		wg.Go(func() { w.must(w.bind(w.to("h", another), ids[1])) })
		<-time.After(150 * time.Millisecond)
		w.wantStates("Unbound", ids[0])
		w.wantStates("Initial", ids[1])
		wg.Wait()
		w.wantStates("Bound", ids[1])
		w.wantConsistent()
	})
}

// A bind that finds no free handle on one device fails only if nothing refuses
// it on the others, and is refused otherwise, also by what came in between.
func TestNoFreeHandleComesLast(t *testing.T) {
	disable := func(w *world, _ uuid.UUID) error {
		return w.sys.SetDeviceEnabled(context.Background(), w.sys.Devices()[1].UUID, false)
	}
	take := func(w *world, id uuid.UUID) error { return w.bind(w.to("g", uuid.New()), id) }
	for name, c := range map[string]struct {
		profile   string // of what is wanted of the other device
		meanwhile func(w *world, id uuid.UUID) error
	}{
		"the other device is disabled":                    {"one", disable},
		"the other device gets a guest without the image": {"program", take},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				w.inventory("g", 2)
				w.profile("one")
				withProgramming(w)
				ids, wanted := w.create("one", 3), w.create(c.profile, 1)[0]
				w.setFaults(slowly)
				var wg sync.WaitGroup
				wg.Go(func() { w.must(w.bind(w.to("h", another), ids[0])) }) // takes the last handle of h
				synctest.Wait()
				var err error
				wg.Go(func() { // waits for what becomes of that, and has been promised a handle of g
					err = w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
						{ids[1], w.to("h", instance)}, {wanted, w.to("g", instance)},
					}})
				})
				synctest.Wait()
				wg.Go(func() { w.must(c.meanwhile(w, ids[2])) })
				wg.Wait()
				w.wantCode(err, CodeConflict)
				w.wantStates("Initial", ids[1], wanted)
				w.wantConsistent()
			})
		})
	}
}

// Whether all ARQs of an instance are resolved, and what they are, is one
// answer. Those of another project do not count.
func TestAnAnswerOnlyIfAllAreResolved(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		end := withProgramming(w)
		ids := w.create("program", 2)
		to := *w.to("h", instance)
		to.ProjectID = "elsewhere"
		w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: admin, Items: []PatchItem{
			{ids[0], w.to("h", instance)}, {ids[1], &to},
		}}))
		q := ARQQuery{Scope: demo, Instance: instance, Resolved: true, States: []State{Bound}}
		_, err := w.sys.ARQs(q)
		w.wantCode(err, CodeUnresolved)
		w.must(w.unbind(ids[0]))
		if got := w.query(q); len(got) != 0 {
			t.Errorf("without ARQs of its own: %v", got)
		}
		end <- nil
		synctest.Wait()
		q.Scope = admin
		if got := w.query(q); len(got) != 1 || got[0] != ids[1] {
			t.Errorf("in the end: %v", got)
		}
	})
}

// write changes an ARQ, and nothing else, behind the back of its actor.
func (w *world) write(id uuid.UUID, e arqEvent, binding *Binding) {
	w.t.Helper()
	before, _ := w.sys.ARQ(id)
	b := &batch{}
	b.putARQ(before, before.after(e, binding, 0))
	done := make(chan persistence.Result, 1)
	w.sys.submit(b, func(r persistence.Result) { done <- r })
	w.must(storeError(<-done))
}

// What readers have been shown counts for an ARQ's actor, even if the operation
// that did it has not told it yet and its patience is at an end.
func TestARefusalRestsOnWhatReadersSee(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		silent := w.sys.engine.spawn(kindServiceActor, &engineDummy{})
		w.sys.arqs.tell(id, &proposeARQ{op: round{pid: silent}, engine: w.sys.engine, ask: arqAsk{event: evUnbind, scope: demo}})
		synctest.Wait()
		w.write(id, evUnbind, nil)
		w.wantStates("Unbound", id)
		err := w.bind(w.to("h", another), id)
		if ErrorCode(err) == CodeConflict {
			t.Errorf("refused by what was true before: %v", err)
		}
	})
}

// catcher is an operation that takes a device's proposal and does nothing.
type catcher chan *deviceProposal

func (c catcher) receive(_ actor.Context, msg any) {
	if p, ok := msg.(*deviceProposal); ok {
		c <- p
	}
}

// What readers have been shown counts for a device's actor as well: a handle that
// they saw given back is not in the way of another image.
func TestADeviceKnowsWhatReadersSee(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		withProgramming(w)
		guest, next := w.create("one", 1)[0], w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), guest))
		dev := w.sys.Devices()[0]
		bound, _ := w.sys.ARQ(guest)
		caught := make(catcher, 1)
		silent := w.sys.engine.spawn(kindOperationActor, caught)
		w.sys.devices.tell(dev.UUID, &proposeDevice{
			op: round{pid: silent}, engine: w.sys.engine, gives: []handleGive{{guest, bound.Binding.Handle.UUID}},
		})
		given := (<-caught).given[0]
		w.wantCode(w.bind(w.to("h", another), next), CodeConflict) // the device's patience is at an end
		b := &batch{}
		b.putHandle(given.before, given.after)
		done := make(chan persistence.Result, 1)
		w.sys.submit(b, func(r persistence.Result) { done <- r })
		w.must(storeError(<-done))
		var wg sync.WaitGroup
		wg.Go(func() { w.must(w.bind(w.to("h", another), next)) })
		synctest.Wait()
		w.sys.devices.tell(dev.UUID, &decided{op: round{pid: silent}, won: true})
		wg.Wait()
		w.wantStates("BindStarted", next)
	})
}

// The very same bind twice, while the device is being disabled: the second is a
// bind before that and a repetition after it, and refused at no moment.
func TestARefusalRestsOnOneMoment(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.setFaults(func(persistence.Transition) memory.Fault { return memory.Fault{Delay: 300 * time.Millisecond} })
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { w.must(w.bind(w.to("h", instance), id)) })
			synctest.Wait()
		}
		<-time.After(200 * time.Millisecond)
		wg.Go(func() { w.must(w.sys.SetDeviceEnabled(context.Background(), w.sys.Devices()[0].UUID, false)) })
		wg.Wait()
		w.wantStates("Bound", id)
		w.wantConsistent()
	})
}

// A repetition of two binds, of which one was undone before the other was done:
// it is none, and binds the first again.
func TestARepetitionRestsOnOneMoment(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		for range 2 { // each keeps the second ARQ for 250 ms
			silent := w.sys.engine.spawn(kindServiceActor, &engineDummy{})
			w.sys.arqs.tell(ids[1], &proposeARQ{op: round{pid: silent}, engine: w.sys.engine, ask: arqAsk{event: evUnbind, scope: demo}})
		}
		synctest.Wait()
		to := w.to("h", another)
		var wg sync.WaitGroup
		wg.Go(func() {
			w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ids[0], w.to("h", instance)}, {ids[1], to},
			}}))
		})
		synctest.Wait()
		w.must(w.unbind(ids[0]))
		w.write(ids[1], evBind, &Binding{Hostname: to.Hostname, ProviderUUID: to.ProviderUUID, InstanceUUID: to.InstanceUUID})
		wg.Wait()
		w.wantStates("Bound", ids...)
	})
}

// Whoever sees one ARQ as a PATCH has left it sees all others of that PATCH so.
// Real time, for the scheduler's sake.
func TestNobodySeesHalfAPatch(t *testing.T) {
	w := newWorld(t)
	w.start(w.store)
	w.inventory("h", 256)
	w.profile("many", Request{"resources:FPGA", "256"})
	for range 20 {
		ids := w.create("many", 1)
		var wg sync.WaitGroup
		wg.Go(func() { w.must(w.bind(w.to("h", instance), ids...)) })
		for w.state(ids[0]) != "Bound" {
			runtime.Gosched()
		}
		for _, id := range slices.Backward(ids) { // the last one to be published first
			if state := w.state(id); state != "Bound" {
				t.Fatalf("one is Bound, then another is %s", state)
			}
		}
		wg.Wait()
		w.must(w.remove(ids...))
	}
	_ = w.sys.Stop(t.Context())
	_ = w.store.Close()
}
