package actors

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// vanishing removes the records of a kind.
func vanishing(kind persistence.Kind) func(persistence.Record) *persistence.Transition {
	return func(r persistence.Record) *persistence.Transition {
		if r.Key.Kind != kind {
			return nil
		}
		return &persistence.Transition{Deletes: []persistence.Delete{{Key: r.Key, Expected: r.Generation}}}
	}
}

// A guest has what its ARQ shows, also where the handle, or all of the device, is
// not on record any more: when the host reports it, nobody else gets it.
func TestWhatAnARQShowsIsItsOwnWhenItIsReported(t *testing.T) {
	for what, damage := range map[string][]func(persistence.Record) *persistence.Transition{
		"its handle": {vanishing(kindHandle)},
		"its device": {vanishing(kindHandle), vanishing(kindDevice)},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, 3, func(w *world) {
				w.profile("one")
				ids := w.create("one", 5)
				w.must(w.bind(w.to("h", instance), ids[0], ids[1]))
				a, _ := w.sys.ARQ(ids[1])
				w.rewrite(damage...)
				w.inventory("h", 3)
				w.wantHandles(1, 2, 0)
				w.wantConsistent()
				if now, _ := w.sys.ARQ(ids[1]); *now.AttachHandle() != *a.AttachHandle() || now.Generation != a.Generation {
					t.Errorf("%+v became %+v", a, now)
				}
				w.must(w.bind(w.to("h", another), ids[2]))
				w.wantCode(w.bind(w.to("h", uuid.New()), ids[3]), CodeNoFreeHandle)
				w.must(w.removeInstance(instance))
				w.wantHandles(2, 1, 0)
				w.must(w.bind(w.to("h", instance), ids[4]))
				w.wantConsistent()
			})
		})
	}
}

// Of two that show what is reported, the one that was bound last has it.
func TestTheLastOfTwoThatShowAHandleHasIt(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		a, _ := w.sys.ARQ(ids[0])
		<-time.After(2 * time.Second)
		w.must(w.bind(w.to("h", another), ids[1]))
		w.rewrite(vanishing(kindHandle), arqOf(ids[1], func(b *ARQ) { b.Binding.Handle.Info = a.Binding.Handle.Info }))
		w.inventory("h", 2)
		w.wantHandles(1, 1, 0)
		w.must(w.unbind(ids[0]))
		w.wantHandles(1, 1, 0)
		w.wantConsistent()
	})
}

// A repair of a store whose device is lost leaves the ARQs what they show, until the
// host reports it.
func TestARepairLeavesWhatALostDeviceHas(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		w.alter(vanishing(kindDevice))
		for _, r := range persistence.Apply(context.Background(), w.store, plan(w.t, w.store, nil).Transitions) {
			if r.Outcome != persistence.Won {
				w.t.Fatalf("%+v", r)
			}
		}
		w.crash()
		w.inventory("h", 2)
		w.wantHandles(1, 1, 0)
		w.wantStates("Bound", id)
		w.wantConsistent()
	})
}

// wantOneEach wants no function to be given to two, whoever binds.
func (w *world) wantOneEach(host string) {
	w.t.Helper()
	for range 3 {
		_ = w.bind(w.to(host, uuid.New()), w.create("one", 1)...)
	}
	all, err := w.sys.ARQs(ARQQuery{Scope: admin})
	w.must(err)
	has := map[string]uuid.UUID{}
	for a := range all {
		if a.State != Bound {
			continue
		}
		info := a.Binding.Handle.Info
		if other, twice := has[info]; twice {
			w.t.Errorf("%s is given to %s and %s", info, other, a.UUID)
		}
		has[info] = a.UUID
	}
}

// Of a device only its own record is lost: the handles of which are still there.
func TestADeviceWhoseHandlesAreStillOnRecord(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		w.rewrite(vanishing(kindDevice))
		w.inventory("h", 2)
		w.wantOneEach("h")
		w.must(w.unbind(id))
		w.must(w.bind(w.to("h", another), id))
	})
}

// The handle that an ARQ shows is lost, and an older record of another one names it: its
// host can report what it has all the same.
func TestAnOlderHandleThatNamesAnother(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.must(w.bind(w.to("h", another), ids[1]))
		b, _ := w.sys.ARQ(ids[1])
		w.must(w.unbind(ids[1]))
		w.rewrite(handleOf(ids[0], vanished), func(r persistence.Record) *persistence.Transition {
			if r.Key != handleKey(b.Binding.Handle.UUID) {
				return nil
			}
			h, err := decodeHandle(r)
			w.must(err)
			h = heldBy(uuid.Max)(h)
			changed := &batch{}
			changed.put(r.Key, r.Generation, encodeHandle(h), h.claims())
			return &changed.t
		})
		w.rewrite(handleOf(uuid.Max, heldBy(ids[0])))
		w.inventory("h", 3)
		w.wantOneEach("h")
	})
}
