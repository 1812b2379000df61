package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

func writesHandle(p persistence.Transition) bool {
	return len(p.Puts) > 0 && p.Puts[0].Key.Kind == kindHandle
}

// All handles are offered to a request that then fails in the store: whoever
// came after it is not told that there is none.
func TestARefusalDoesNotRestOnAnUndecidedProposal(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		w.wantTheSecondToWin(
			w.bindEach(w.to("h", instance), w.to("h", instance)),
			w.bindEach(w.to("h", another), w.to("h", another)))
	})
}

// The same over the deployables of a device: what is offered of one of them is
// no reason to refuse all of it.
func TestARefusalOverSeveralDeployablesDoesNotRestOnAnUndecidedProposal(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.twoRegions(1)
		w.profile("one")
		w.wantTheSecondToWin(
			w.bindEach(w.toRegion(0, instance)),
			w.bindEach(w.toRegion(0, another), w.toRegion(1, another)))
	})
}

// wantTheSecondToWin has the first of two requests lose its batch to a bad day of
// the store while the second waits for what it was offered.
func (w *world) wantTheSecondToWin(first, second Patch) {
	w.t.Helper()
	failing := true
	w.setFaults(func(p persistence.Transition) memory.Fault {
		if !writesHandle(p) || !failing {
			return memory.Fault{}
		}
		failing = false
		return memory.Fault{
			Effect: memory.Lose, Delay: 50 * time.Millisecond,
			Err: fmt.Errorf("bad day: %w", persistence.ErrUnavailable),
		}
	})
	var wg sync.WaitGroup
	var lost, won error
	wg.Go(func() { lost = w.sys.PatchARQs(context.Background(), first) })
	synctest.Wait()
	wg.Go(func() { won = w.sys.PatchARQs(context.Background(), second) })
	wg.Wait()
	w.wantCode(lost, CodeUnavailable)
	w.must(won)
	w.wantStates("Initial", arqsOf(first)...)
	w.wantStates("Bound", arqsOf(second)...)
	w.wantConsistent()
}

// A bind that loads an image writes the device's record. Who wants something
// else of it changed, an operator or its host, waits for that, and has it changed also
// when the store is so slow that he did not wait to the end.
func TestNobodyLosesADevicesChangeToABind(t *testing.T) {
	for name, change := range map[string]func(*world, *Deployable) error{
		"disable": func(w *world, _ *Deployable) error {
			return w.sys.SetDeviceEnabled(context.Background(), w.device().UUID, false)
		},
		"create an attribute": func(w *world, dep *Deployable) error {
			_, err := w.sys.CreateAttribute(context.Background(), NewAttribute{DeployableID: dep.ID, Key: "note", Value: "mine"})
			return err
		},
		"delete an attribute": func(w *world, dep *Deployable) error {
			i := slices.IndexFunc(dep.Attributes, func(a *Attribute) bool { return a.Key == "old" })
			return w.sys.DeleteAttribute(context.Background(), dep.Attributes[i].UUID)
		},
		"report what is new": func(w *world, _ *Deployable) error {
			found, err := fake.New(fake.Options{Host: "h", DevicesPerHost: 1, HandlesPerDevice: 1}).Discover(context.Background())
			w.must(err)
			found.Devices[0].Model = "new"
			return w.sys.RegisterInventory(context.Background(), "h", found.Devices)
		},
		"report it missing": func(w *world, _ *Deployable) error {
			gone, err := w.sys.vanish(context.Background(), w.device().UUID, false)
			if gone {
				w.t.Error("it is gone, and somebody has something of it")
			}
			return err
		},
		"start its host again": func(w *world, _ *Deployable) error {
			return awaitAll(context.Background(), w.sys.tellRebooted("h", "boot-2"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				_, err := w.sys.CreateAttribute(context.Background(), NewAttribute{DeployableID: w.deployableOf("h").ID, Key: "old", Value: "v"})
				w.must(err)
				_, err = w.sys.ProgramDeployable(context.Background(), w.deployableOf("h").UUID, uuid.New())
				w.must(err)
				w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
				id := w.create("image", 1)[0]
				w.setFaults(func(persistence.Transition) memory.Fault { return memory.Fault{Delay: 3 * offerPatience} })
				var wg sync.WaitGroup
				wg.Go(func() { w.must(w.bind(w.to("h", instance), id)) })
				synctest.Wait()
				wg.Go(func() { w.must(change(w, w.deployableOf("h"))) })
				wg.Wait()
				<-time.After(10 * time.Second)
				w.wantStates("Bound", id)
				w.wantConsistent()
			})
		})
	}
}

// bindEach is a request that binds new ARQs, one to each of these.
func (w *world) bindEach(to ...*BindTo) Patch {
	w.t.Helper()
	p := Patch{Scope: demo}
	for i, id := range w.create("one", len(to)) {
		p.Items = append(p.Items, PatchItem{id, to[i]})
	}
	return p
}

func arqsOf(p Patch) []uuid.UUID {
	var ids []uuid.UUID
	for _, item := range p.Items {
		ids = append(ids, item.ARQ)
	}
	return ids
}

// A proposal that stays undecided for long is no reason to wait for ever: the
// handles are offered again, and generations decide.
func TestAnUndecidedProposalDoesNotBlockForEver(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		first, second := w.create("one", 1), w.create("one", 1)
		slow := true
		w.setFaults(func(p persistence.Transition) memory.Fault {
			if writesHandle(p) && slow {
				slow = false
				return memory.Fault{Delay: 10 * time.Second}
			}
			return memory.Fault{}
		})
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { errs[0] = w.bind(w.to("h", instance), first...) })
		synctest.Wait()
		wg.Go(func() { errs[1] = w.bind(w.to("h", another), second...) })
		wg.Wait()
		w.must(errs[0])
		w.wantCode(errs[1], CodeNoFreeHandle)
		w.wantHandles(0, 1, 0)
		w.wantConsistent()
	})
}

// A device is disabled after it has made its proposal and before the bind is
// written: the bind does not happen.
func TestABindHoldsOnlyWhileItsDeviceIsAsProposed(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.inventory("g", 1)
		w.profile("one")
		ids := w.create("one", 2)
		w.setFaults(slowDevices)
		h := w.sys.Devices()[0]
		var wg sync.WaitGroup
		var bound error
		w.occupy(&wg, "g", 1)
		wg.Go(func() {
			bound = w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ids[0], w.to("h", instance)}, {ids[1], w.to("g", instance)},
			}})
		})
		synctest.Wait()
		wg.Go(func() { w.must(w.sys.SetDeviceEnabled(context.Background(), h.UUID, false)) })
		wg.Wait()
		w.wantCode(bound, CodeConflict)
		w.wantStates("Initial", ids...)
		w.wantHandles(2, 0, 0)
		w.wantConsistent()
	})
}

// An ARQ that was unbound and bound anew while its first bind was being
// prepared is not finished by the first one's end.
func TestAnOldPreparationDoesNotFinishANewBind(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.inventory("g", 1)
		end := withProgramming(w)
		id := w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		w.must(w.unbind(id))
		w.must(w.bind(w.to("g", another), id))
		end <- nil // one of the two devices
		end <- errors.New("bad bitstream")
		synctest.Wait()
		a, _ := w.sys.ARQ(id)
		if a.Binding == nil || a.Binding.InstanceUUID != another || !a.State.Resolved() {
			t.Errorf("ARQ is %s on %+v", a.State, a.Binding)
		}
		w.wantConsistent()
	})
}

// A bind over several devices is Bound when the last of them is prepared.
func TestABindWaitsForEveryDevice(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.inventory("g", 1)
		end := withProgramming(w)
		ids := w.create("program", 2)
		w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
			{ids[0], w.to("h", instance)}, {ids[1], w.to("g", instance)},
		}}))
		end <- nil
		synctest.Wait()
		w.wantStates("BindStarted", ids...)
		end <- nil
		synctest.Wait()
		w.wantStates("Bound", ids...)
		w.wantConsistent()
	})
}

func TestWhatAnARQAgreesTo(t *testing.T) {
	bound := &ARQ{
		UUID: uuid.New(), Generation: 5, ProjectID: "demo", State: Bound, Group: &Group{},
		Binding: &Binding{Hostname: "h", InstanceUUID: instance},
	}
	started := *bound
	started.State = BindStarted
	same := &BindTo{Hostname: "h", InstanceUUID: instance}
	for name, c := range map[string]struct {
		arq  *ARQ
		ask  arqAsk
		want Code
		ok   bool
	}{
		"not for this project":           {bound, arqAsk{event: evUnbind, scope: Scope{ProjectID: "x"}}, CodeNotFound, false},
		"an administrator sees all":      {bound, arqAsk{event: evUnbind, scope: admin}, 0, true},
		"the same bind again":            {bound, arqAsk{event: evBind, scope: demo, bind: same}, 0, true},
		"the same bind, still going on":  {&started, arqAsk{event: evBind, scope: demo, bind: same}, 0, true},
		"the same, to another project":   {bound, arqAsk{event: evBind, scope: admin, bind: &BindTo{Hostname: "h", InstanceUUID: instance, ProjectID: "y"}}, CodeConflict, false},
		"deletion without service token": {bound, arqAsk{event: evDelete, scope: demo}, CodeForbidden, false},
		"deletion with one":              {bound, arqAsk{event: evDelete, scope: demo, service: true}, 0, true},
		"settled too late":               {&started, arqAsk{event: evFinishBind, scope: admin, generation: 4}, CodeConflict, false},
		"settled in time":                {&started, arqAsk{event: evFinishBind, scope: admin, generation: 5}, 0, true},
	} {
		err := c.ask.check(c.arq)
		if (err == nil) != c.ok || err != nil && ErrorCode(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An actor leaves its address book only when nothing is on its way to it.
func TestAnActorWithMailDoesNotLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(slog.New(slog.DiscardHandler))
		table := newPIDTable(e, kindARQActor, func(uuid.UUID, *pidSlot) temporary { return &engineDummy{} })
		id := uuid.New()
		table.tell(id, "one")
		slot := table.shard(id).slots[id]
		table.tell(id, "two")
		if table.leave(id, slot) {
			t.Error("left with a message besides its own")
		}
		table.handled(id, slot)
		if !table.leave(id, slot) || table.leave(id, slot) {
			t.Error("leaves once, when it handles its last message")
		}
		table.tell(id, "three")
		if again := table.shard(id).slots[id]; again == nil || again == slot {
			t.Error("not woken anew")
		}
		e.system.Shutdown()
		<-time.After(2 * time.Second)
	})
}

// A panic answers the one who asked, and the actor goes on.
func TestAPanicIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(slog.New(slog.DiscardHandler))
		pid := e.spawn(kindServiceActor, &engineDummy{})
		for range 20 { // more often than the library's supervisor would bear
			p := newPromise[struct{}]()
			e.tell(pid, &setEnabled{promise: p})
			if _, err := p.wait(t.Context(), newPatience(time.Second)); ErrorCode(err) != CodeInternal || err == nil {
				t.Fatalf("answered %v", err)
			}
		}
		e.system.Shutdown()
		<-time.After(2 * time.Second)
	})
}
