package actors

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/arqd/arqd/devices/protocol"
)

// seen is what the scheduler was last shown of a device's provider.
func (s *shelf) seen(t *testing.T, d *Device) Provider {
	t.Helper()
	var last *Provider
	for _, call := range s.all() {
		for i := range call.Providers {
			if call.Providers[i].UUID == d.Deployables[0].ProviderUUID {
				last = &call.Providers[i]
			}
		}
	}
	if last == nil {
		t.Fatalf("nothing was shown of %s", d.UUID)
	}
	return *last
}

func (s *shelf) all() []*Supply {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// What a dead host has is reserved until it is back, also after a restart.
func TestADeadHostsDevicesAreReserved(t *testing.T) {
	s := &shelf{}
	withAgent(t, func(w *world, a *scripted, d *Device) {
		wantReserved := func(n int) {
			t.Helper()
			if p := s.seen(w.t, d); p.Total != 4 || p.Reserved != n {
				t.Errorf("seen as %+v, want %d reserved", p, n)
			}
		}
		wantReserved(0)
		<-time.After(2 * time.Minute)
		w.wantHost("n", HostStale)
		wantReserved(0)
		<-time.After(4 * time.Minute)
		w.wantHost("n", HostDead)
		wantReserved(4)
		w.crash()
		wantReserved(4)
		a.open()
		wantReserved(0)
		w.crash()
		wantReserved(0)
		w.wantSupplies(map[string]int{"synced": 2})
	}, withShelf(s))
}

// A look that was due when a device went comes after all of it has been taken back.
func TestALookAtADeviceThatIsGoneFindsNothing(t *testing.T) {
	s := &shelf{}
	withAgent(t, func(w *world, a *scripted, d *Device) {
		a.content.Removed = []string{a.without(0).ControlPath.Info}
		a.report()
		if p := s.seen(w.t, d); !p.Gone {
			t.Errorf("seen as %+v", p)
		}
		before := len(s.all())
		w.sys.engine.tell(w.sys.reconciler, supplyDue{d.UUID})
		if calls := s.all(); len(calls) != before {
			t.Errorf("shown: %+v", calls[before:])
		}
		w.wantSupplies(map[string]int{"synced": 1})
	}, withShelf(s))
}

// What was shown of a device that is gone is taken back, however often it takes
// and whatever comes in between; then nothing is known of it any more.
func TestADeviceThatIsGoneIsTakenBack(t *testing.T) {
	for _, restart := range []bool{false, true} {
		s := &shelf{}
		inBubble(t, 1, func(w *world) {
			a := w.joined("n", 2)
			d := w.wantDevices("n", 2)[0]
			s.all()
			s.answers(0, ErrInventoryAway)
			a.content.Removed = []string{a.without(0).ControlPath.Info}
			a.report()
			if p := s.seen(w.t, d); !p.Gone {
				t.Errorf("seen as %+v", p)
			}
			if restart {
				w.crash()
			}
			s.answers(0, nil)
			<-time.After(time.Hour)
			if p := s.seen(w.t, d); !p.Gone {
				t.Errorf("seen as %+v", p)
			}
			w.wantSupplies(map[string]int{"synced": 2})
			if n := w.recorded(kindShown); n != 2 {
				t.Errorf("what %d devices have shown is on record", n)
			}
			w.wantConsistent()
		}, withShelf(s))
	}
}

// The next card in a slot has the same provider: it is shown when what was there
// is taken back, and not before.
func TestTheNextCardWaitsUntilTheLastIsTakenBack(t *testing.T) {
	for _, restart := range []bool{false, true} {
		s := &shelf{}
		withAgent(t, func(w *world, a *scripted, d *Device) {
			s.seen(w.t, d)
			s.mu.Lock()
			s.show = func(_ context.Context, supply *Supply) (int, error) {
				if supply.Providers[0].Gone {
					return 0, ErrSupplyInUse
				}
				return 0, nil
			}
			s.mu.Unlock()
			a.content.Devices = []protocol.Device{a.content.Devices[0]}
			a.content.Devices[0].StdBoardInfo = `{"product_id": "other"}`
			a.report()
			if p := s.seen(w.t, d); !p.Gone || w.wantDevices("n", 1)[0].UUID == d.UUID {
				t.Errorf("while the first is in use: %+v", p)
			}
			if restart {
				w.crash()
				if p := s.seen(w.t, d); !p.Gone {
					t.Errorf("after a restart: %+v", p)
				}
			}
			s.answers(0, nil)
			<-time.After(6 * time.Minute)
			if p := s.seen(w.t, d); p.Gone || p.Total != 4 {
				t.Errorf("in the end: %+v", p)
			}
			w.wantSupplies(map[string]int{"synced": 2})
		}, withShelf(s))
	}
}
