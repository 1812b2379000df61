package actors

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// changes has the handles of the agent's first device reported as something else.
func (a *scripted) changes(change func(*devices.AttachHandle)) {
	dep := &a.content.Devices[0].Deployables[0]
	dep.AttachHandles = slices.Clone(dep.AttachHandles)
	for i := range dep.AttachHandles {
		change(&dep.AttachHandles[i])
	}
	a.report()
}

func onNetwork(name string) func(*devices.AttachHandle) {
	return func(h *devices.AttachHandle) {
		before, _, _ := strings.Cut(h.Info, `, "physical_network"`)
		h.Info = strings.TrimSuffix(before, "}") + `, "physical_network": "` + name + `"}`
	}
}

func (w *world) handleOf(id uuid.UUID) Handle {
	w.t.Helper()
	a, ok := w.sys.ARQ(id)
	if !ok || a.Binding == nil || a.Binding.Handle == nil {
		w.t.Fatalf("ARQ %s shows no handle: %+v", id, a)
	}
	return *a.Binding.Handle
}

// A function is reported with another type, or on another network, while somebody has it. It
// stays his as it was, nobody else gets it, and it is as reported for who gets it next.
func TestAFunctionThatIsReportedAsSomethingElse(t *testing.T) {
	for name, change := range map[string]func(*devices.AttachHandle){
		"of another type":    func(h *devices.AttachHandle) { h.Type = handleTypePCI },
		"on another network": onNetwork("physnet2"),
	} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				a.changes(onNetwork("physnet1"))
				id := w.bound(d, instance)
				had := w.handleOf(id)
				a.changes(change)
				w.wantHandles(4, 1, 0)
				if now := w.handleOf(id); now != had {
					t.Errorf("its holder had %+v and has %+v", had, now)
				}
				var others []uuid.UUID
				for range 3 {
					others = append(others, w.bound(d, uuid.New()))
				}
				_, err := w.bindTo(d, uuid.New())
				w.wantCode(err, CodeNoFreeHandle)
				w.must(w.unbind(id))
				w.wantConsistent()

				next := devices.AttachHandle{Type: had.Type, Info: had.Info}
				change(&next)
				for _, id := range append(others, w.bound(d, another)) {
					h := w.handleOf(id)
					if h.Type != next.Type || strings.Contains(h.Info, "physnet1") == (name == "on another network") {
						t.Errorf("the next has %+v", h)
					}
				}
				a.report()
				w.wantHandles(1, 4, 0)
				w.wantConsistent()
			})
		})
	}
}

// An older version has taken a function that is reported as something else for another one:
// it is the one of who has it, and the free one goes.
func TestAFunctionThatIsOnRecordTwice(t *testing.T) {
	for _, heldFirst := range []bool{true, false} {
		withAgent(t, func(w *world, a *scripted, d *Device) {
			id := w.bound(d, instance)
			had := w.handleOf(id)
			twin := &heldHandle{Handle: had, Deployable: d.Deployables[0].UUID, Order: 4}
			twin.UUID = uuid.New()
			as := devices.AttachHandle{Type: had.Type, Info: had.Info}
			onNetwork("physnet2")(&as)
			twin.Info = as.Info
			b := &batch{}
			b.putHandle(nil, twin)
			if !heldFirst {
				held := *w.handleRecord(had.UUID)
				before := held
				held.Order, twin.Order = twin.Order, held.Order
				b = &batch{}
				b.putHandle(&before, &held)
				b.putHandle(nil, twin)
			}
			if got := persistence.Apply(w.t.Context(), w.store, []persistence.Transition{b.t}); got[0].Outcome != persistence.Won {
				t.Fatalf("%+v", got)
			}
			w.crash()
			a.open()
			a.changes(onNetwork("physnet2"))
			synctest.Wait()
			w.wantHandles(4, 1, 0)
			w.must(w.unbind(id))
			w.wantHandles(5, 0, 0)
			a.report()
			w.wantHandles(5, 0, 0)
			w.wantConsistent()
		})
	}
}

func (w *world) handleRecord(id uuid.UUID) *heldHandle {
	w.t.Helper()
	got, err := w.store.Fresh(w.t.Context(), []persistence.Key{handleKey(id)})
	w.must(err)
	h, err := decodeHandle(got[0])
	w.must(err)
	return h
}
