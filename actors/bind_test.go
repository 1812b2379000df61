package actors

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"
)

func TestABoundARQShowsWhatItGot(t *testing.T) {
	inBubble(t, 16, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids...))
		for i, id := range ids {
			a, _ := w.sys.ARQ(id)
			if a.State != Bound || a.Binding.Hostname != "h" || a.Binding.InstanceUUID != instance {
				t.Errorf("ARQ is %s on %+v", a.State, a.Binding)
			}
			want := fmt.Sprintf(`{"domain": "0000", "bus": "0c", "device": "0", "function": "%d"}`, i+1)
			if h := a.Binding.Handle; h.Type != "TEST_PCI" || h.Info != want {
				t.Errorf("handle %s %s, want the lowest free first: %s", h.Type, h.Info, want)
			}
		}
		w.wantHandles(14, 2, 0)
		w.wantConsistent()
	})
}

func TestTheComputeServiceIsToldOncePerInstance(t *testing.T) {
	inBubble(t, 16, func(w *world) {
		w.profile("one")
		ids := w.create("one", 3)
		patch := Patch{Scope: demo, RequestID: "req-7", Items: []PatchItem{
			{ids[0], w.to("h", instance)}, {ids[1], w.to("h", another)}, {ids[2], w.to("h", instance)},
		}}
		w.must(w.sys.PatchARQs(w.t.Context(), patch))
		got := map[uuid.UUID]int{}
		for _, e := range w.events() {
			for _, a := range e.ARQs {
				if !a.Completed {
					t.Errorf("ARQ %s told as failed", a.UUID)
				}
			}
			if e.RequestID != "req-7" {
				t.Errorf("request id %q", e.RequestID)
			}
			got[e.Instance] += len(e.ARQs)
		}
		if len(w.events()) != 2 || got[instance] != 2 || got[another] != 1 {
			t.Errorf("told %v", got)
		}
		if st := w.sys.Stats(); st.OutboxDepth != 0 {
			t.Errorf("%d events left in the outbox", st.OutboxDepth)
		}
	})
}

// What is refused changes nothing, and says why in the right class.
func TestRefusedBindsChangeNothing(t *testing.T) {
	unknown := uuid.MustParse("00000000-0000-4000-8000-00000000dead")
	for name, c := range map[string]struct {
		want    Code
		request func(w *world, ids []uuid.UUID) error
	}{
		"unknown ARQ beside a good one": {CodeNotFound, func(w *world, ids []uuid.UUID) error {
			return w.bind(w.to("h", instance), ids[0], unknown)
		}},
		"ARQ of another project": {CodeNotFound, func(w *world, ids []uuid.UUID) error {
			return w.sys.PatchARQs(w.t.Context(), Patch{
				Scope: Scope{ProjectID: "other"}, Items: []PatchItem{{ids[0], w.to("h", instance)}},
			})
		}},
		"unknown provider": {CodeNotFound, func(w *world, ids []uuid.UUID) error {
			return w.bind(&BindTo{Hostname: "h", ProviderUUID: unknown, InstanceUUID: instance}, ids...)
		}},
		"another host than the device's": {CodeConflict, func(w *world, ids []uuid.UUID) error {
			to := w.to("h", instance)
			to.Hostname = "elsewhere"
			return w.bind(to, ids...)
		}},
		"instance has ARQs": {CodeConflict, func(w *world, ids []uuid.UUID) error {
			return w.bind(w.to("h", another), ids...)
		}},
		"one of several instances has ARQs": {CodeConflict, func(w *world, ids []uuid.UUID) error {
			return w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
				{ids[0], w.to("h", instance)}, {ids[1], w.to("h", another)},
			}})
		}},
		"wrong resource class": {CodeConflict, func(w *world, ids []uuid.UUID) error {
			w.profile("gpu", Request{"resources:PGPU", "1"})
			return w.bind(w.to("h", instance), ids[0], w.create("gpu", 1)[0])
		}},
		"forbidden trait": {CodeConflict, func(w *world, _ []uuid.UUID) error {
			w.profile("not-fake", Request{"resources:FPGA", "1"}, Request{"trait:CUSTOM_FAKE_DEVICE", "forbidden"})
			return w.bind(w.to("h", instance), w.create("not-fake", 1)[0])
		}},
		"missing trait": {CodeConflict, func(w *world, _ []uuid.UUID) error {
			w.profile("real", Request{"resources:FPGA", "1"}, Request{"trait:CUSTOM_REAL", "required"})
			return w.bind(w.to("h", instance), w.create("real", 1)[0])
		}},
		"disabled device": {CodeConflict, func(w *world, ids []uuid.UUID) error {
			w.must(w.sys.SetDeviceEnabled(w.t.Context(), w.sys.Devices()[0].UUID, false))
			return w.bind(w.to("h", instance), ids...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 16, func(w *world) {
				w.profile("one")
				w.must(w.bind(w.to("h", another), w.create("one", 1)...))
				ids := w.create("one", 2)
				w.wantCode(c.request(w, ids), c.want)
				w.wantStates("Initial", ids...)
				w.wantHandles(15, 1, 0)
				if n := len(w.events()); n != 1 {
					t.Errorf("%d events, want that of the first bind alone", n)
				}
				w.wantConsistent()
			})
		})
	}
}

func TestBindingAgain(t *testing.T) {
	inBubble(t, 16, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		before, _ := w.sys.ARQ(id)

		w.must(w.bind(w.to("h", instance), id)) // the very same: accepted, nothing written
		if after, _ := w.sys.ARQ(id); after != before {
			t.Errorf("repeating a bind wrote %+v", after)
		}
		w.wantCode(w.bind(w.to("h", another), id), CodeConflict)

		w.must(w.unbind(id))
		w.wantStates("Unbound", id)
		w.wantHandles(16, 0, 0)
		w.must(w.bind(w.to("h", another), id))
		w.wantStates("Bound", id)
		w.wantConsistent()
	})
}

func TestAnARQIsMovedToAProjectOnlyWhenAsked(t *testing.T) {
	inBubble(t, 16, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		to := w.to("h", instance)
		w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: admin, Items: []PatchItem{{ids[0], to}}}))
		moved := *w.to("h", another)
		moved.ProjectID = "other"
		w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: admin, Items: []PatchItem{{ids[1], &moved}}}))
		for i, want := range []string{"demo", "other"} {
			if a, _ := w.sys.ARQ(ids[i]); a.ProjectID != want {
				t.Errorf("project %s, want %s", a.ProjectID, want)
			}
		}
		seq, _ := w.sys.ARQs(ARQQuery{Scope: Scope{ProjectID: "other"}})
		for a := range seq {
			if a.UUID != ids[1] {
				t.Errorf("the other project sees %s", a.UUID)
			}
		}
	})
}

func TestUnbindingWhatIsNotBoundIsFine(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.unbind(id))
		w.must(w.unbind(id))
		w.wantStates("Unbound", id)
		w.must(w.bind(w.to("h", instance), id))
		w.wantConsistent()
	})
}

// Too few handles: the request was accepted and failed as a whole. No ARQ of
// it keeps a handle, all keep where they were to go.
func TestNoFreeHandleFailsTheWholePatch(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.profile("one")
		w.must(w.bind(w.to("h", another), w.create("one", 2)...))
		ids := w.create("one", 2)
		w.wantCode(w.bind(w.to("h", instance), ids...), CodeNoFreeHandle)
		w.wantStates("BindFailed", ids...)
		for _, id := range ids {
			if a, _ := w.sys.ARQ(id); a.Binding.InstanceUUID != instance || a.Binding.Handle != nil {
				t.Errorf("binding %+v", a.Binding)
			}
		}
		for _, e := range w.events() { // instances are told in no particular order
			if completed := e.Instance == another; len(e.ARQs) != 2 || e.ARQs[0].Completed != completed || e.ARQs[1].Completed != completed {
				t.Errorf("told %+v", e)
			}
		}
		w.wantHandles(1, 2, 0)
		w.wantConsistent()

		w.wantCode(w.bind(w.to("h", instance), ids[0]), CodeConflict) // unbind first
		w.must(w.unbind(ids[0]))
		w.must(w.removeInstance(instance))
		w.wantStates("gone", ids[1])
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.wantHandles(0, 3, 0)
		w.wantConsistent()
	})
}

// The unbinds of a PATCH whose binds find no handle are not done, whether they
// would give one back or not.
func TestAnExhaustedPatchLeavesItsUnbindsAlone(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		w.must(w.bind(w.to("h", another), w.create("one", 2)...))
		ids := w.create("one", 2)
		w.wantCode(w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
			{ids[0], nil}, {ids[1], w.to("h", instance)},
		}}), CodeNoFreeHandle)
		w.wantStates("Initial", ids[0])
		w.wantStates("BindFailed", ids[1])
		w.wantConsistent()
	})
}

func TestAMixedPatchIsAllOrNothing(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 3)
		w.must(w.bind(w.to("h", instance), ids[0]))
		mixed := func(bind uuid.UUID, to *BindTo) error {
			return w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{{ids[0], nil}, {bind, to}}})
		}
		elsewhere := w.to("h", another)
		elsewhere.Hostname = "x"
		w.wantCode(mixed(ids[1], elsewhere), CodeConflict)
		w.wantStates("Bound", ids[0])
		// The same instance changes hands within one request.
		w.must(mixed(ids[1], w.to("h", instance)))
		w.wantStates("Unbound", ids[0])
		w.wantStates("Bound", ids[1])
		w.wantHandles(1, 1, 0)
		w.wantConsistent()
	})
}

// Two requests, each for both of two free handles: exactly one wins, and the
// other is refused on committed state, every time.
func TestTwoOfTwoOverTwo(t *testing.T) {
	for range 50 {
		inBubble(t, 2, func(w *world) {
			w.profile("one")
			first, second := w.create("one", 2), w.create("one", 2)
			var wg sync.WaitGroup
			errs := make([]error, 2)
			wg.Go(func() { errs[0] = w.bind(w.to("h", instance), first...) })
			wg.Go(func() { errs[1] = w.bind(w.to("h", another), second...) })
			wg.Wait()
			w.wantOneWinner(errs, CodeNoFreeHandle)
			w.wantHandles(0, 2, 0)
			w.wantConsistent()
		})
	}
}

// Crosswise over two devices: each request holds what the other wants.
func TestCrosswiseRequestsDoNotBlockEachOther(t *testing.T) {
	for range 20 {
		inBubble(t, 1, func(w *world) {
			w.inventory("g", 1)
			w.profile("one")
			a, b := w.create("one", 2), w.create("one", 2)
			both := func(ids []uuid.UUID, i uuid.UUID, hosts ...string) error {
				return w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
					{ids[0], w.to(hosts[0], i)}, {ids[1], w.to(hosts[1], i)},
				}})
			}
			var wg sync.WaitGroup
			errs := make([]error, 2)
			wg.Go(func() { errs[0] = both(a, instance, "h", "g") })
			wg.Go(func() { errs[1] = both(b, another, "g", "h") })
			wg.Wait()
			w.wantOneWinner(errs, CodeNoFreeHandle)
			w.wantHandles(0, 2, 0)
			w.wantConsistent()
		})
	}
}

// One ARQ, many binds of it to different instances: one wins.
func TestOneARQIsBoundOnce(t *testing.T) {
	inBubble(t, 16, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			to := w.to("h", uuid.New())
			wg.Go(func() { errs[i] = w.bind(to, id) })
		}
		wg.Wait()
		w.wantOneWinner(errs, CodeConflict)
		w.wantHandles(15, 1, 0)
		w.wantConsistent()
	})
}

// Evacuation: the instance's ARQs are deleted while new ones are bound to it.
func TestDeletingAnInstanceDoesNotEatItsNewARQs(t *testing.T) {
	for range 50 {
		inBubble(t, 4, func(w *world) {
			w.profile("one")
			before, after := w.create("one", 2), w.create("one", 2)
			w.must(w.bind(w.to("h", instance), before...))
			var wg sync.WaitGroup
			var bound, deleted error
			wg.Go(func() { deleted = w.removeInstance(instance) })
			wg.Go(func() { bound = w.bind(w.to("h", instance), after...) })
			wg.Wait()
			w.must(deleted)
			w.wantStates("gone", before...)
			if bound == nil { // it came after the delete
				w.wantStates("Bound", after...)
			} else {
				w.wantCode(bound, CodeConflict)
				w.wantStates("Initial", after...)
				w.must(w.bind(w.to("h", instance), after...))
			}
			w.wantHandles(2, 2, 0)
			w.wantConsistent()
		})
	}
}

// Many clients on few handles; whatever they are told, the store agrees.
func TestManyClientsOnFewHandles(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.profile("one")
		var wg sync.WaitGroup
		for range 12 {
			ids := w.create("one", 2)
			wg.Go(func() {
				for range 10 {
					i := uuid.New()
					err := w.bind(w.to("h", i), ids...)
					switch {
					case err == nil:
						w.wantStates("Bound", ids...)
						w.must(w.unbind(ids...))
					case ErrorCode(err) == CodeNoFreeHandle:
						w.wantStates("BindFailed", ids...)
						w.must(w.unbind(ids[1], ids[0]))
					default:
						t.Errorf("bind: %v", err)
					}
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		w.wantHandles(3, 0, 0)
		w.wantConsistent()
	})
}
