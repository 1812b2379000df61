package actors

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// wantShown wants the attributes of a device's health; "": there are none.
func (w *world) wantShown(d *Device, condition Condition, reason string) {
	w.t.Helper()
	synctest.Wait()
	now, found := w.sys.Device(d.UUID)
	if !found {
		w.t.Fatal("the device is gone")
	}
	for _, dep := range now.Deployables {
		shown := map[string][]string{}
		for _, a := range dep.Attributes {
			if v, known := w.sys.dir.attribute(a.UUID); !known || v != a {
				w.t.Errorf("attribute %s is not to be found", a.Key)
			}
			shown[a.Key] = append(shown[a.Key], a.Value)
		}
		want := func(key, value string) {
			if got := shown[key]; value == "" && got != nil || value != "" && !slices.Equal(got, []string{value}) {
				w.t.Errorf("%s is %q, want %q", key, got, value)
			}
		}
		want(keyHealth, string(condition))
		want(keyHealthReason, reason)
	}
}

func TestAQuarantinedDeviceTakesNoBind(t *testing.T) {
	s := &shelf{}
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 2)
		d, other := w.wantDevices("n", 2)[0], w.wantDevices("n", 2)[1]
		id := w.bound(d, instance)
		w.wantShown(d, "", "")
		a.quarantines(d)
		w.wantShown(d, Quarantined, "smoke")
		w.wantShown(other, "", "")
		if now, _ := w.sys.Device(d.UUID); !now.Maintaining() || now.Disabled {
			t.Error("it is not shown as maintaining, or as disabled by an operator")
		}
		if p := s.seen(t, d); p.Total != 4 || p.Reserved != 4 {
			t.Errorf("the scheduler sees %+v", p)
		}
		_, err := w.bindTo(d, another)
		w.wantCode(err, CodeConflict)
		if !strings.Contains(err.Error(), "quarantined") || !strings.Contains(err.Error(), "smoke") {
			t.Errorf("refused with %q", err)
		}
		w.bound(other, another)
		w.wantStates("Bound", id)
		if st := w.sys.HealthStats(); st.ARQs != 1 || st.Quarantines != 1 || st.Devices[Quarantined] != 1 || st.Devices[""] != 2 {
			t.Errorf("%+v", st)
		}
		w.must(w.unbind(id))
		synctest.Wait()
		if st := w.sys.HealthStats(); st.ARQs != 0 {
			t.Errorf("after the unbind %+v", st)
		}
		a.report() // an inventory does not heal it
		w.wantShown(d, Quarantined, "smoke")

		a.says(d, ok, nil)
		a.beats(4 * time.Minute)
		w.wantShown(d, Quarantined, "smoke")
		a.beats(time.Minute)
		w.wantShown(d, Healthy, "")
		if p := s.seen(t, d); p.Reserved != 0 {
			t.Errorf("the scheduler sees %+v", p)
		}
		w.bound(d, uuid.New())
		w.wantConsistent()
	}, withShelf(s))
}

// However often it changes its mind, what the scheduler sees changes once.
func TestFlappingIsNotPassedOn(t *testing.T) {
	s := &shelf{}
	withAgent(t, func(w *world, a *scripted, d *Device) {
		a.quarantines(d)
		shown := func() (reserved []int) {
			for _, call := range s.all() {
				for _, p := range call.Providers {
					if p.UUID == d.Deployables[0].ProviderUUID && !slices.Contains(reserved, p.Reserved) {
						reserved = append(reserved, p.Reserved)
					}
				}
			}
			return reserved
		}
		for range 60 {
			a.says(d, ok, nil)
			a.says(d, failed, nil, "smoke")
		}
		if got := shown(); !slices.Equal(got, []int{0, 4}) || s.seen(t, d).Reserved != 4 {
			t.Errorf("shown with %v reserved", got)
		}
		if now, _ := w.sys.Device(d.UUID); now.Generation > d.Generation+2 {
			t.Errorf("written %d times", now.Generation-d.Generation)
		}
	}, withShelf(s))
}

func TestAQuarantineSurvives(t *testing.T) {
	s := &shelf{}
	withAgent(t, func(w *world, a *scripted, d *Device) {
		a.quarantines(d)
		a.says(d, ok, nil)
		<-time.After(4 * time.Minute)
		w.crash()
		w.wantShown(d, Quarantined, "smoke")
		_, err := w.bindTo(d, instance)
		w.wantCode(err, CodeConflict)
		a.open()
		a.report()
		a.beats(6 * time.Minute) // of this device the session has not spoken
		w.wantShown(d, Quarantined, "smoke")
		if p := s.seen(t, d); p.Reserved != 4 {
			t.Errorf("the scheduler sees %+v", p)
		}
		a.says(d, ok, nil)
		a.beats(4 * time.Minute)
		w.wantShown(d, Quarantined, "smoke") // the time begins anew
		a.beats(time.Minute)
		w.wantShown(d, Healthy, "")
	}, withShelf(s))
}

// Nobody has recovered while nobody looks.
func TestASilentHostsDevicesDoNotRecover(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		a.quarantines(d)
		a.says(d, ok, nil)
		<-time.After(8 * time.Minute)
		w.wantShown(d, Quarantined, "smoke")
		a.beats(6 * time.Minute)
		w.wantShown(d, Healthy, "")
	})
}

// What the operator wants and what health asks for are remembered apart.
func TestDisablingAndQuarantineAreTwo(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		set := func(enabled bool) {
			t.Helper()
			w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, enabled))
		}
		wantMaintaining := func(want bool) {
			t.Helper()
			if now, _ := w.sys.Device(d.UUID); now.Maintaining() != want {
				t.Errorf("maintaining: %v", now.Maintaining())
			}
		}
		set(false)
		a.quarantines(d)
		a.says(d, ok, nil)
		a.beats(6 * time.Minute)
		w.wantShown(d, Healthy, "")
		wantMaintaining(true) // recovery undoes no operator
		a.quarantines(d)
		set(true)
		w.wantShown(d, Quarantined, "smoke") // nor he the quarantine, along with his own
		wantMaintaining(true)
		set(true)
		w.wantShown(d, Degraded, "smoke")
		wantMaintaining(false)
		w.bound(d, instance)
		a.says(d, failed, nil, "smoke")
		w.wantShown(d, Degraded, "smoke")
		set(true)
		w.crash()
		w.wantShown(d, Degraded, "smoke")
		a.open()
		a.says(d, failed, nil, "smoke", "fire")
		w.wantShown(d, Quarantined, "smoke; fire")
		w.wantConsistent()
	})
}

// A bind that is on its way when its device is quarantined is refused or
// accepted, and never bound to a device that was in quarantine before.
func TestAQuarantineAmongBinds(t *testing.T) {
	for delay := range 12 {
		withAgent(t, func(w *world, a *scripted, d *Device) {
			w.profile("one")
			ids := w.create("one", 4)
			a.says(d, failed, nil, "smoke")
			<-time.After(10 * time.Second)
			w.setFaults(func(persistence.Transition) memory.Fault { return memory.Fault{Delay: 5 * time.Millisecond} })
			done := make(chan error)
			for i, id := range ids {
				go func() {
					<-time.After(time.Duration(i) * 3 * time.Millisecond)
					done <- w.bind(&BindTo{Hostname: "n", ProviderUUID: d.Deployables[0].ProviderUUID, InstanceUUID: uuid.New()}, id)
				}()
			}
			<-time.After(time.Duration(delay) * time.Millisecond)
			a.tells(d, failed, nil, "smoke")
			accepted := 0
			for range ids {
				if err := <-done; err == nil {
					accepted++
				} else {
					w.wantCode(err, CodeConflict)
				}
			}
			w.setFaults(nil)
			<-time.After(time.Second)
			w.wantShown(d, Quarantined, "smoke")
			if st := w.sys.HealthStats(); st.ARQs != accepted {
				t.Errorf("%d are accepted, %d flagged", accepted, st.ARQs)
			}
			w.wantConsistent()
		})
	}
}

func TestErrorsThatAreCounted(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		a.says(d, ok, fatal(3))
		w.wantShown(d, Healthy, "")
		w.crash()
		a.open()
		a.says(d, ok, fatal(4)) // one more while nobody was looking
		w.wantShown(d, Quarantined, countedReasons[devices.ErrorsFatal])
		a.beats(6 * time.Minute)
		w.wantShown(d, Healthy, "")
		a.restarted("boot-2")
		a.says(d, ok, fatal(4))
		w.wantShown(d, Quarantined, countedReasons[devices.ErrorsFatal])
	})
}

// A device that its driver cannot report is there, and of use to nobody.
func TestAScanThatCannotReportADevice(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 1)
		a.content.Devices[0].ControlPath.Info = `{"bus": "3b", "device": "00", "domain": "0000", "function": "0"}`
		a.open()
		a.report()
		d := w.wantDevices("n", 1)[0]
		taken := a.without(0)
		a.content.Problems = []protocol.Problem{{Driver: "d", Problem: devices.Problem{Where: "0000:3b:00.0", Kind: devices.ProblemUnreadable}}}
		a.report()
		w.wantNotQuarantined(d)
		<-time.After(protocol.ScansApart)
		if !a.beat().SendInventory {
			t.Error("no second scan is asked for")
		}
		a.report()
		w.wantShown(d, Quarantined, "the scan of its host cannot report it: unreadable")
		a.content.Problems, a.content.Devices = nil, append(a.content.Devices, taken)
		a.report()
		w.wantShown(d, Quarantined, "the scan of its host cannot report it: unreadable")
		a.beats(5 * time.Minute)
		w.wantShown(d, Healthy, "")
	})
}

// A function that is just being reset, or that another program writes to, cannot
// be read for a moment: a scan of that moment takes no device away for minutes.
func TestAScanAtABadMoment(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 1)
		a.content.Devices[0].ControlPath.Info = `{"bus": "3b", "device": "00", "domain": "0000", "function": "0"}`
		a.open()
		a.report()
		d, whole := w.wantDevices("n", 1)[0], a.content
		for range 3 {
			a.content = whole
			a.without(0)
			a.content.Problems = []protocol.Problem{{Driver: "d", Problem: devices.Problem{Where: "0000:3b:00.0", Kind: devices.ProblemUnreadable}}}
			a.report()
			a.report()
			w.wantNotQuarantined(d)
			a.content = whole
			a.report()
			a.beats(time.Hour)
		}
		w.wantNotQuarantined(d)
	})
}

// wantNotQuarantined looks at what is published of a device.
func (w *world) wantNotQuarantined(d *Device) {
	w.t.Helper()
	synctest.Wait()
	if now := w.sys.dir.deviceAt(d.Hostname, d.ControlPath.Info); now == nil || now.Quarantined() {
		w.t.Errorf("%+v", now)
	}
}

// A device that was suspected once, and was well since, is not suspected any more:
// the next reset of its function is the first again.
func TestASuspicionIsForgotten(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		a.says(d, ok, nil)
		a.says(d, lost, nil, "its configuration space cannot be read")
		a.says(d, ok, nil)
		a.beats(time.Hour)
		a.says(d, lost, nil, "its configuration space cannot be read")
		w.wantShown(d, Healthy, "")
		a.says(d, lost, nil, "its configuration space cannot be read")
		w.wantShown(d, Quarantined, "its configuration space cannot be read")
	})
}

// What is said of a device before it is registered is not lost.
func TestHealthComesBeforeTheDevice(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 1)
		a.open()
		a.says(&Device{ControlPath: a.content.Devices[0].ControlPath}, shaky, nil, "few lanes")
		a.report()
		w.wantShown(w.wantDevices("n", 1)[0], Degraded, "few lanes")
	})
}

// A store that refuses writes for a while learns of it later.
func TestHealthThatCannotBeWritten(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		w.setFaults(func(persistence.Transition) memory.Fault { return memory.Fault{Effect: memory.Lose} })
		a.says(d, shaky, nil, "few lanes")
		w.wantShown(d, "", "")
		w.setFaults(nil)
		a.beats(10 * time.Second)
		w.wantShown(d, Degraded, "few lanes")
	})
}

// While the store refuses, a device is tried again at a steady pace, however often
// its agent repeats what it says; what has been taken back since is not.
func TestHealthIsTriedAgainAtASteadyPace(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		a.says(d, ok, nil)
		var tries atomic.Int64
		lose := func(persistence.Transition) memory.Fault {
			tries.Add(1)
			return memory.Fault{Effect: memory.Lose}
		}
		w.setFaults(lose)
		for range 60 {
			a.says(d, failed, nil, "smoke")
		}
		if n, most := tries.Load(), int64(600/5+60); n == 0 || n > most {
			t.Errorf("%d tries in ten minutes, want %d at most", n, most)
		}
		a.says(d, ok, nil)
		w.setFaults(nil)
		a.beats(time.Minute)
		w.wantShown(d, Healthy, "")

		a.quarantines(d)
		a.says(d, ok, nil)
		a.beats(4 * time.Minute)
		tries.Store(0)
		w.setFaults(lose)
		for i := range 60 {
			a.says(d, ok, map[devices.ErrorCounter]uint64{"correctable": uint64(i)})
		}
		if n, most := tries.Load(), int64(600/5+60); n == 0 || n > most {
			t.Errorf("%d tries in ten minutes, want %d at most", n, most)
		}
		w.setFaults(nil)
		a.beats(time.Minute)
		w.wantShown(d, Healthy, "")
	})
}

// A card with as many reasons as are kept, all of which an operator has accepted, is
// quarantined for one more.
func TestOneReasonMore(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		var reasons []string
		for i := range findingReasons {
			reasons = append(reasons, fmt.Sprintf("fault %d", i))
		}
		a.says(d, failed, nil, reasons...)
		a.says(d, failed, nil, reasons...)
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
		a.says(d, failed, nil, reasons...)
		w.wantNotQuarantined(d)
		a.says(d, failed, nil, "smoke")
		w.wantShown(d, Quarantined, strings.Join(append(reasons[1:], "smoke"), "; "))
		a.says(d, failed, nil, append(reasons[:1:1], "smoke")...)
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
		a.says(d, failed, map[devices.ErrorCounter]uint64{devices.ErrorsFatal: 1}, "smoke")
		a.says(d, failed, map[devices.ErrorCounter]uint64{devices.ErrorsFatal: 2}, "smoke")
		if now, _ := w.sys.Device(d.UUID); !now.Quarantined() {
			t.Errorf("%+v", now.Health)
		}
	})
}
