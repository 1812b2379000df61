package actors

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// rewrite changes records of the store as damage to it would, and starts again.
func (w *world) rewrite(how ...func(persistence.Record) *persistence.Transition) {
	w.t.Helper()
	w.alter(how...)
	w.crash()
}

// alter changes records of the store behind the service's back.
func (w *world) alter(how ...func(persistence.Record) *persistence.Transition) {
	w.t.Helper()
	var all []persistence.Transition
	for _, r := range w.all() {
		for _, h := range how {
			if t := h(r); t != nil {
				all = append(all, *t)
			}
		}
	}
	if len(all) == 0 {
		w.t.Fatal("nothing is altered")
	}
	for _, r := range persistence.Apply(context.Background(), w.store, all) {
		if r.Outcome != persistence.Won {
			w.t.Fatalf("alter: %+v", r)
		}
	}
}

// handleOf alters the handle that an ARQ has on record; nil: it goes.
func handleOf(arq uuid.UUID, how func(h *heldHandle) *heldHandle) func(persistence.Record) *persistence.Transition {
	return func(r persistence.Record) *persistence.Transition {
		if r.Key.Kind != kindHandle {
			return nil
		}
		h, err := decodeHandle(r)
		if err != nil || h.Holder != arq {
			return nil
		}
		before := r.Generation
		b := &batch{}
		if h = how(h); h == nil {
			b.remove(r.Key, before)
		} else {
			b.put(r.Key, before, encodeHandle(h), h.claims())
		}
		return &b.t
	}
}

// arqOf alters an ARQ on record.
func arqOf(id uuid.UUID, how func(a *ARQ)) func(persistence.Record) *persistence.Transition {
	return func(r persistence.Record) *persistence.Transition {
		if r.Key.Kind != kindARQ || r.Key.ID != id {
			return nil
		}
		a, err := decodeARQ(r)
		if err != nil {
			return nil
		}
		how(a)
		b := &batch{}
		b.put(r.Key, r.Generation, encodeARQ(a), nil)
		return &b.t
	}
}

func vanished(*heldHandle) *heldHandle { return nil }

func freed(h *heldHandle) *heldHandle {
	h.State, h.Holder = handleFree, uuid.Nil
	return h
}

func heldBy(holder uuid.UUID) func(h *heldHandle) *heldHandle {
	return func(h *heldHandle) *heldHandle {
		h.State, h.Holder = handleTaken, holder
		return h
	}
}

// hears keeps what the service logs.
func hears(to *bytes.Buffer) worldOption {
	return func(w *world) { w.opts.Logger = slog.New(slog.NewTextHandler(to, nil)) }
}

// An ARQ of a store that was saved from a damaged disk lets go of a handle that is
// not its own, whatever has become of that, and says so once.
func TestAnARQLetsGoOfWhatItDoesNotHave(t *testing.T) {
	stranger := uuid.Must(uuid.NewV7())
	for what, c := range map[string]struct {
		damage               func(h *heldHandle) *heldHandle
		freeAfter, heldAfter int
	}{
		"free on record":        {freed, 3, 0},
		"not on record":         {vanished, 2, 0},
		"somebody else's":       {heldBy(stranger), 2, 1},
		"held by one not there": {heldBy(uuid.Max), 2, 1},
	} {
		for how, end := range map[string]func(w *world, id uuid.UUID) error{
			"unbound":              func(w *world, id uuid.UUID) error { return w.unbind(id) },
			"deleted":              func(w *world, id uuid.UUID) error { return w.remove(id) },
			"deleted by instance":  func(w *world, _ uuid.UUID) error { return w.removeInstance(instance) },
			"unbound with another": func(w *world, id uuid.UUID) error { return w.unbind(id, w.create("one", 1)[0]) },
		} {
			t.Run(what+", "+how, func(t *testing.T) {
				var said bytes.Buffer
				inBubble(t, 3, func(w *world) {
					w.profile("one")
					id := w.create("one", 1)[0]
					w.must(w.bind(w.to("h", instance), id))
					w.rewrite(handleOf(id, c.damage))
					w.must(end(w, id))
					w.wantHandles(c.freeAfter, c.heldAfter, 0)
					if n := strings.Count(said.String(), "has let go of an attach handle"); n != 1 ||
						!strings.Contains(said.String(), "arq="+id.String()) {
						t.Errorf("it is said %d times, want once: %s", n, said.String())
					}
					for range c.freeAfter { // what is free can be bound
						w.must(w.bind(w.to("h", uuid.New()), w.create("one", 1)...))
					}
				}, hears(&said))
			})
		}
	}
}

// Two ARQs show one handle: who holds it keeps it, whether the other one goes
// before or together with it.
func TestAnotherKeepsWhatIsLetGoOf(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.must(w.bind(w.to("h", another), ids[1]))
		shown := make([]Handle, 2)
		for i, id := range ids {
			a, _ := w.sys.ARQ(id)
			shown[i] = *a.Binding.Handle
		}
		w.rewrite(handleOf(ids[1], freed), arqOf(ids[1], func(a *ARQ) { a.Binding.Handle = &shown[0] }))
		w.must(w.unbind(ids[1]))
		w.wantHandles(1, 1, 0)
		w.wantStates("Bound", ids[0])
		w.wantConsistent()
		w.must(w.unbind(ids[0]))
		w.wantHandles(2, 0, 0)
	})
}

// The device is gone with its handles: nobody is left to give anything back to.
func TestAnARQLetsGoOfADeviceThatIsNotThere(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.rewrite(handleOf(ids[0], vanished), func(r persistence.Record) *persistence.Transition {
			if r.Key.Kind != kindDevice {
				return nil
			}
			return &persistence.Transition{Deletes: []persistence.Delete{{Key: r.Key, Expected: r.Generation}}}
		})
		w.must(w.remove(ids[0]))
		w.inventory("h", 1)
		w.must(w.bind(w.to("h", instance), ids[1]))
	})
}

// An accepted bind that a restart fails ends, though its handle is not its own.
func TestABindWithoutItsHandleIsSettled(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		w.rewrite(handleOf(id, freed), arqOf(id, func(a *ARQ) { a.State = BindStarted }))
		settled()
		settled()
		w.wantStates("BindFailed", id)
		w.wantConsistent()
		w.must(w.removeInstance(instance))
	})
}

// What contradicts itself when the batch is written counts, not what did so when
// it was composed.
func TestNothingIsLetGoOfThatIsItsOwnByThen(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		a, _ := w.sys.ARQ(id)
		handle := a.Binding.Handle.UUID
		w.rewrite(handleOf(id, freed))
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if len(t.Puts) == 1 && t.Puts[0].Key.Kind == kindHandle {
				return memory.Fault{Delay: time.Second} // and the unbind waits behind it
			}
			return memory.Fault{}
		})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.alter(func(r persistence.Record) *persistence.Transition {
				if r.Key.ID != handle {
					return nil
				}
				h, _ := decodeHandle(r)
				b := &batch{}
				b.put(r.Key, r.Generation, encodeHandle(heldBy(id)(h)), h.claims())
				return &b.t
			})
		}()
		synctest.Wait()
		w.wantCode(w.unbind(id), CodeUnavailable)
		<-ended
		w.wantStates("Bound", id)
		report, err := Verify(context.Background(), w.store)
		w.must(err)
		if len(report.Violations) > 0 {
			t.Errorf("%q", report.Violations)
		}
	})
}
