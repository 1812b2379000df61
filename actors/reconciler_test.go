package actors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// shelf is an Inventory that does what the test says and keeps what it is shown.
type shelf struct {
	show func(ctx context.Context, s *Supply) (int, error)

	mu    sync.Mutex
	calls []*Supply
	now   map[uuid.UUID]bool // devices that are being shown
	most  int                // at the same time
}

// withShelf gives a world an Inventory; the worlds of these tests have it from
// the start.
func withShelf(s *shelf) worldOption {
	s.now = map[uuid.UUID]bool{}
	if s.show == nil {
		s.show = func(context.Context, *Supply) (int, error) { return 0, nil }
	}
	return func(w *world) { w.opts.Inventory = s }
}

func (s *shelf) Show(ctx context.Context, supply *Supply) (int, error) {
	s.mu.Lock()
	twice := s.now[supply.Device]
	s.now[supply.Device] = true
	s.calls = append(s.calls, supply)
	s.most = max(s.most, len(s.now))
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.now, supply.Device)
	}()
	if twice {
		return 0, errors.New("the device is being shown already")
	}
	s.mu.Lock()
	show := s.show
	s.mu.Unlock()
	return show(ctx, supply)
}

// answers makes an Inventory answer so from now on.
func (s *shelf) answers(changes int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show = func(context.Context, *Supply) (int, error) { return changes, err }
}

// taken gives the calls since it was last asked, once all has come to rest.
func (s *shelf) taken() []*Supply {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// last gives the one provider of the last call, and fails without calls.
func (s *shelf) last(t *testing.T) Provider {
	t.Helper()
	calls := s.taken()
	if len(calls) == 0 {
		t.Fatal("nothing was shown")
	}
	return calls[len(calls)-1].Providers[0]
}

func (w *world) device() *Device { return w.sys.Devices()[0] }

func (w *world) wantSupplies(want map[string]int) {
	w.t.Helper()
	synctest.Wait()
	have := w.sys.SupplyStats().Devices
	maps.DeleteFunc(have, func(_ string, n int) bool { return n == 0 })
	if !maps.Equal(have, want) {
		w.t.Errorf("devices by what is seen of them: %v, want %v", have, want)
	}
}

// report has the host report its device with so many handles and these
// attributes.
func (w *world) report(accelerators int, attributes ...devices.Attribute) {
	w.t.Helper()
	d := devices.Device{
		Type: "FPGA", ControlPath: devices.ControlPathID{Type: "PCI", Info: "a"},
		Deployables: []devices.Deployable{{Name: "h_a", NumAccelerators: accelerators, Attributes: attributes}},
	}
	w.must(w.sys.RegisterInventory(w.t.Context(), "h", []devices.Device{d}))
}

func TestDevicesAreShown(t *testing.T) {
	s := &shelf{}
	inBubble(t, 4, func(w *world) {
		dep := w.deployableOf("h")
		p := s.last(w.t)
		if p.UUID != dep.ProviderUUID || p.Name != dep.Name || p.Class != "FPGA" || p.Total != 4 || p.Reserved != 0 ||
			!slices.Equal(p.Traits, []string{"CUSTOM_FAKE_DEVICE", traitOwner}) {
			t.Errorf("shown: %+v", p)
		}
		made, err := w.sys.CreateAttribute(w.t.Context(), NewAttribute{DeployableID: dep.ID, Key: "trait7", Value: "CUSTOM_physnet-2"})
		w.must(err)
		if p := s.last(w.t); !slices.Contains(p.Traits, "CUSTOM_PHYSNET_2") {
			t.Errorf("with an attribute: %+v", p)
		}
		w.must(w.sys.DeleteAttribute(w.t.Context(), made.UUID))
		if p := s.last(w.t); slices.Contains(p.Traits, "CUSTOM_PHYSNET_2") || !slices.Equal(p.FormerTraits, []string{"CUSTOM_PHYSNET_2"}) {
			t.Errorf("without it: %+v", p)
		}
		w.wantSupplies(map[string]int{"synced": 1})
		w.wantConsistent()
	}, withShelf(s))
}

// All of a disabled device is reserved until it is enabled, also after a restart.
func TestADisabledDeviceIsReserved(t *testing.T) {
	s := &shelf{}
	inBubble(t, 4, func(w *world) {
		wantReserved := func(n int) {
			t.Helper()
			if p := s.last(w.t); p.Total != 4 || p.Reserved != n {
				t.Errorf("seen as %+v, want %d reserved", p, n)
			}
		}
		wantReserved(0)
		for _, enabled := range []bool{false, true} {
			w.must(w.sys.SetDeviceEnabled(w.t.Context(), w.device().UUID, enabled))
			reserved := map[bool]int{false: 4, true: 0}[enabled]
			wantReserved(reserved)
			w.crash()
			wantReserved(reserved)
		}
	}, withShelf(s))
}

// What does not alter what the scheduler sees is not shown again.
func TestChangesThatTheSchedulerDoesNotSee(t *testing.T) {
	s := &shelf{}
	inBubble(t, 4, func(w *world) {
		s.taken()
		w.must(w.bindNew(w.create(w.profile("p").Name, 1)...))
		dep := w.deployableOf("h")
		_, err := w.sys.CreateAttribute(w.t.Context(), NewAttribute{DeployableID: dep.ID, Key: "colour", Value: "red"})
		w.must(err)
		if calls := s.taken(); len(calls) != 0 {
			t.Errorf("%d calls", len(calls))
		}
	}, withShelf(s))
}

func (w *world) bindNew(ids ...uuid.UUID) error { return w.bind(w.to("h", instance), ids...) }

func TestWhatIsShownIsLookedAtFromTimeToTime(t *testing.T) {
	s := &shelf{}
	inBubble(t, 4, func(w *world) {
		s.taken()
		const rounds = 20
		<-time.After(rounds * 10 * time.Minute)
		if n := len(s.taken()); n < rounds*2/3 || n > rounds*2 {
			t.Errorf("%d times within %d intervals", n, rounds)
		}
		s.answers(2, nil)
		<-time.After(15 * time.Minute)
		synctest.Wait()
		if n := w.sys.SupplyStats().Repairs; n < 1 {
			t.Errorf("%d repairs are counted", n)
		}
	}, withShelf(s))
}

func TestFailuresAreTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		state    string
		within   time.Duration
		attempts int // within an hour, at most
	}{
		"away":     {fmt.Errorf("503: %w", ErrInventoryAway), "unreachable", 2 * time.Minute, 140},
		"no host":  {ErrHostUnknown, "waiting_for_host", 2 * time.Minute, 140},
		"in use":   {ErrSupplyInUse, "in_use", 8 * time.Minute, 40},
		"refused":  {errors.New("400"), "failing", 2 * time.Minute, 140},
		"panicked": {nil, "failing", 2 * time.Minute, 140},
	} {
		t.Run(name, func(t *testing.T) {
			bad := func(context.Context, *Supply) (int, error) {
				if c.err == nil {
					panic("what now?")
				}
				return 0, c.err
			}
			s := &shelf{show: bad}
			inBubble(t, 4, func(w *world) {
				<-time.After(time.Hour)
				if n := len(s.taken()); n < 5 || n > c.attempts {
					t.Errorf("%d attempts within an hour", n)
				}
				w.wantSupplies(map[string]int{c.state: 1})
				s.answers(0, nil)
				<-time.After(c.within)
				w.wantSupplies(map[string]int{"synced": 1})
			}, withShelf(s))
		})
	}
}

// While a device is being shown it changes, several times: the newest counts,
// and nothing is shown twice at a time.
func TestTheNewestStateWins(t *testing.T) {
	release := make(chan struct{})
	s := &shelf{show: func(context.Context, *Supply) (int, error) { <-release; return 1, nil }}
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		w := newWorld(t, withShelf(s))
		w.start(w.store)
		for n := range 5 {
			w.report(n+1, devices.Attribute{Key: "rc", Value: "FPGA"})
		}
		if calls := s.taken(); len(calls) != 1 || calls[0].Providers[0].Total != 1 {
			t.Errorf("%d calls while the first goes on", len(calls))
		}
		close(release)
		if calls := s.taken(); len(calls) != 1 || calls[0].Providers[0].Total != 5 {
			t.Errorf("%d calls after it", len(calls))
		}
		w.stop()
	})
}

func TestAStartWithManyDevicesIsNoRush(t *testing.T) {
	const many = 1000
	s := &shelf{show: func(context.Context, *Supply) (int, error) { <-time.After(100 * time.Millisecond); return 1, nil }}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withShelf(s))
		w.start(w.store)
		found := make([]devices.Device, many)
		for i := range found {
			info := fmt.Sprintf("%d", i)
			found[i] = devices.Device{
				ControlPath: devices.ControlPathID{Type: "PCI", Info: info},
				Deployables: []devices.Deployable{{Name: "h_" + info, NumAccelerators: 1, Attributes: []devices.Attribute{{Key: "rc", Value: "PGPU"}}}},
			}
		}
		w.must(w.sys.RegisterInventory(w.t.Context(), "h", found))
		<-time.After(many / supplyWorkers * 110 * time.Millisecond)
		w.wantSupplies(map[string]int{"synced": many})
		s.taken()
		w.crash()
		<-time.After(many / supplyWorkers * 110 * time.Millisecond)
		w.wantSupplies(map[string]int{"synced": many})
		if n := len(s.taken()); n != many || s.most > supplyWorkers {
			t.Errorf("%d devices are shown at a start, %d at a time", n, s.most)
		}
		w.stop()
	})
}

// What is not wanted any more is taken back, and only that, whenever the
// service was killed.
func TestWhatWentIsTakenBackAcrossRestarts(t *testing.T) {
	s := &shelf{}
	attribute := func(value string) devices.Attribute { return devices.Attribute{Key: "trait1", Value: value} }
	class := func(value string) devices.Attribute { return devices.Attribute{Key: "rc", Value: value} }
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withShelf(s))
		w.start(w.store)
		w.report(1, class("FPGA"), attribute("CUSTOM_A"))
		s.taken()
		s.answers(0, ErrInventoryAway)
		w.report(1, class("PGPU"), attribute("CUSTOM_B"))
		s.taken()
		w.crash()
		w.report(1, class("VGPU"), attribute("CUSTOM_C"))
		s.taken()
		w.crash()
		p := s.last(w.t)
		if !slices.Equal(p.FormerClasses, []string{"FPGA", "PGPU"}) || !slices.Equal(p.FormerTraits, []string{"CUSTOM_A", "CUSTOM_B"}) {
			t.Errorf("to be taken back: %v %v", p.FormerClasses, p.FormerTraits)
		}
		s.answers(1, nil)
		<-time.After(2 * time.Minute)
		s.taken()
		w.crash()
		if p := s.last(w.t); len(p.FormerClasses)+len(p.FormerTraits) > 0 {
			t.Errorf("was taken back: %v %v", p.FormerClasses, p.FormerTraits)
		}
		w.wantConsistent()
		w.stop()
	})
}

// A device is not shown before the record says that it may be seen.
func TestNothingIsShownThatIsNotOnRecord(t *testing.T) {
	s := &shelf{}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withShelf(s))
		w.start(w.store)
		w.setFaults(func(p persistence.Transition) memory.Fault {
			if len(p.Puts) > 0 && p.Puts[0].Key.Kind == kindShown {
				return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
			}
			return memory.Fault{}
		})
		w.report(1, devices.Attribute{Key: "rc", Value: "FPGA"})
		if calls := s.taken(); len(calls) != 0 {
			t.Errorf("%d calls", len(calls))
		}
		w.wantSupplies(map[string]int{"failing": 1})
		w.setFaults(nil)
		<-time.After(2 * time.Minute)
		w.wantSupplies(map[string]int{"synced": 1})
		w.stop()
	})
}

func TestNamesForTheScheduler(t *testing.T) {
	for text, want := range map[string]string{
		"CUSTOM_A1": "CUSTOM_A1", "custom_a-b.c d": "CUSTOM_A_B_C_D", "": "", "CUSTOM_Ä": "CUSTOM__",
	} {
		if got := schedulerName(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
