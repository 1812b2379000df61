package actors

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// restore starts the world again as if its store came out of a backup.
func (w *world) restore() {
	w.t.Helper()
	w.markRestored(w.store)
	w.crash()
}

// markRestored makes of a store one that comes out of a backup.
func (w *world) markRestored(store *memory.Store) {
	w.t.Helper()
	var marked persistence.Transition
	w.must(Restored(store, time.Now(), func(*ARQ) {}).Each(context.Background(), func(r persistence.Record) error {
		switch r.Key.Kind {
		case kindRestoration:
			marked.Puts = append(marked.Puts, persistence.Put{Key: r.Key, Body: r.Body})
		case kindDevice, kindARQ:
			marked.Puts = append(marked.Puts, persistence.Put{Key: r.Key, Expected: r.Generation, Body: r.Body, Claims: r.Claims})
		}
		return nil
	}))
	if r := persistence.Apply(context.Background(), store, []persistence.Transition{marked}); r[0].Outcome != persistence.Won {
		w.t.Fatalf("marked as restored: %+v", r)
	}
}

func (w *world) wantAwaited(hosts int) {
	w.t.Helper()
	if got := w.sys.Stats().HostsAwaited; got != hosts {
		w.t.Errorf("%d hosts are awaited, want %d", got, hosts)
	}
}

// TestRestoredStoreGivesNothingUntilHostsReport: what was given out after the
// backup is not known, so nothing is given out before the host is heard of.
// Whatever takes nothing from a device goes on.
func TestRestoredStoreGivesNothingUntilHostsReport(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.inventory("g", 2)
		w.profile("one")
		ids := w.create("one", 4)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.restore()

		w.wantAwaited(2)
		err := w.bind(w.to("h", another), ids[1])
		w.wantCode(err, CodeConflict)
		if err == nil || !strings.Contains(err.Error(), "host h has not reported") {
			t.Errorf("%v", err)
		}
		_, err = w.sys.ProgramDeployable(context.Background(), w.deployableOf("g").UUID, uuid.MustParse(image))
		w.wantCode(err, CodeConflict)
		w.must(w.unbind(ids[0]))
		w.must(w.remove(ids[3]))
		w.create("one", 1)

		w.inventory("h", 2)
		w.wantAwaited(1)
		w.must(w.bind(w.to("h", another), ids[1]))
		w.wantCode(w.bind(w.to("g", instance), ids[2]), CodeConflict)

		w.crash() // who has reported has
		w.wantAwaited(1)
		w.wantCode(w.bind(w.to("g", instance), ids[2]), CodeConflict)
		w.must(w.unbind(ids[1]))
		w.must(w.bind(w.to("h", another), ids[1]))

		w.inventory("g", 2)
		w.wantAwaited(0)
		w.must(w.bind(w.to("g", instance), ids[2]))
		w.wantConsistent()
		fresh, err := w.store.Fresh(context.Background(), []persistence.Key{restorationKey()})
		if err != nil || fresh[0].Generation != 0 {
			t.Errorf("the record of awaited hosts is still there: %+v, %v", fresh, err)
		}
	})
}

// TestRestoredStoreCleansNothingUpUntilHostsReport: what it would remove may
// be somebody else's by now.
func TestRestoredStoreCleansNothingUpUntilHostsReport(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		broken := true
		var removed int
		w.do = func(_ context.Context, c devices.Command) error {
			if c.Kind == devices.RemoveMdev && broken {
				return errors.New("not today")
			}
			if c.Kind == devices.RemoveMdev {
				removed++
			}
			return nil
		}
		found := []devices.Device{{
			Type: "GPU", ControlPath: devices.ControlPathID{Type: "PCI", Info: `{"bus": "1"}`},
			Deployables: []devices.Deployable{{
				Name: "gpu", DriverName: "x", NumAccelerators: 1,
				Attributes:    []devices.Attribute{{Key: "rc", Value: "VGPU"}},
				AttachHandles: []devices.AttachHandle{{Type: "MDEV", Info: `{"asked_type": "nvidia-222"}`}},
			}},
		}}
		w.must(w.sys.RegisterInventory(context.Background(), "v", found))
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		id := w.create("vgpu", 1)[0]
		w.must(w.bind(w.to("v", instance), id))
		<-time.After(time.Second)
		w.must(w.remove(id))
		synctest.Wait()
		w.restore()
		broken = false
		<-time.After(time.Minute)
		w.wantHandles(1, 0, 1)
		w.must(w.sys.RegisterInventory(context.Background(), "v", found))
		w.wantHandles(2, 0, 0)
		if removed != 1 {
			t.Errorf("removed %d times", removed)
		}
	})
}

// What was loaded when the backup was taken may not be so any more: whoever wants an
// image has it loaded. Nothing is loaded under a guest of then, whose host was started
// since.
func TestARestoredStoreKnowsNoImages(t *testing.T) {
	for _, inUse := range []bool{false, true} {
		withAgent(t, func(w *world, a *scripted, _ *Device) {
			id := w.program("n", instance)
			a.done(a.fetch())
			if !inUse {
				w.must(w.remove(id))
			}
			w.restore()
			if inUse {
				a.boot = "boot-2"
			}
			a.open()
			a.report()
			a.wantNothingToDo(time.Minute)
			if dep := w.deployableOf("n"); dep.BitstreamID != uuid.Nil || dep.Function != "" {
				t.Errorf("%+v is known of a store of before", dep)
			}
			if !inUse {
				next := w.program("n", another)
				a.done(a.fetchImage())
				w.wantStates("Bound", next)
			}
			w.wantConsistent()
		})
	}
}

// A backup may be of a device that is in quarantine for what its guests have lost.
// Restored it misses nothing, and shows that.
func TestARestoredStoreShowsNoLostImage(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		w.program("n", instance)
		a.done(a.fetch())
		a.boot = "boot-2"
		a.open()
		a.report()
		w.wantShown(d, Quarantined, w.deployableOf("n").loss())
		w.wantConsistent()
	})
}

// A backup was taken in the middle of a bind: the guest may have its mediated device by
// now. It keeps it, Nova is told nothing, and the instance's end gives it back.
func TestARestoredStoreLeavesABindToItsGuest(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: d.Deployables[0].ProviderUUID, InstanceUUID: instance}, id))
		a.fetch()
		w.wantStates("BindStarted", id)
		told := len(w.events())
		w.restore()
		w.wantStates("Bound", id)
		a.open()
		a.report()
		a.wantNothingToDo(time.Minute)
		w.wantStates("Bound", id)
		w.wantHandles(4, 1, 0)
		w.wantConsistent()
		if got := w.events(); len(got) > told {
			t.Errorf("told %+v", got[told:])
		}
		w.must(w.removeInstance(instance))
		a.done(a.fetch())
		w.wantHandles(5, 0, 0)
	})
}

// TestRestoringTwice: the record of an earlier restore in a backup gives way.
func TestRestoringTwice(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.restore()
		n := 0
		w.must(Restored(w.store, time.Now(), func(*ARQ) {}).Each(context.Background(), func(r persistence.Record) error {
			if r.Key.Kind == kindRestoration {
				n++
			}
			return nil
		}))
		if n != 1 {
			t.Errorf("%d records of awaited hosts, want 1", n)
		}
	})
}
