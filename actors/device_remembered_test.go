package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
)

// A free card that falls off its bus and returns is as it was: nobody gets one of
// which nobody knows what is loaded, or which an operator has disabled.
func TestACardThatFallsOffItsBus(t *testing.T) {
	for what, rule := range map[string]struct {
		before func(w *world, a *scripted, d *Device)
		enable int // how often an operator has to enable it, until it is given away
	}{
		"uncertain": {func(w *world, a *scripted, _ *Device) {
			id := w.program("n", instance)
			a.failed(a.fetch(), protocol.ResultUnknown)
			w.must(w.remove(id))
		}, 1},
		"disabled": {func(w *world, _ *scripted, d *Device) {
			w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, false))
		}, 1},
		"both": {func(w *world, a *scripted, d *Device) {
			id := w.program("n", instance)
			a.failed(a.fetch(), protocol.ResultUnknown)
			w.must(w.remove(id))
			w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, false))
		}, 2},
	} {
		t.Run(what, func(t *testing.T) {
			s, log := &shelf{}, &lines{}
			withAgent(t, func(w *world, a *scripted, d *Device) {
				rule.before(w, a, d)
				lost := a.lose(0)
				stays := func(missing bool) {
					t.Helper()
					now := w.wantDevices("n", 1)[0]
					if now.UUID != d.UUID || now.Missing != missing || !now.Maintaining() {
						t.Errorf("%+v", now)
					}
					_, err := w.bindTo(d, uuid.New())
					w.wantCode(err, CodeConflict)
					if p := s.seen(t, d); p.Reserved != 4 {
						t.Errorf("the scheduler sees %+v", p)
					}
				}
				stays(true)
				a.report()
				w.crash()
				a.open()
				a.report()
				stays(true)
				if n := log.count("level=WARN", "it is remembered", "device="+d.UUID.String()); n != 1 {
					t.Errorf("said %d times", n)
				}
				if n := w.sys.HostCounts().DevicesMissing; n != 0 {
					t.Errorf("%d are missing that somebody has", n)
				}
				a.content.Devices = []protocol.Device{lost}
				a.wantRefused(a.report())
				stays(false)
				for range rule.enable {
					stays(false)
					w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
				}
				_, err := w.bindTo(d, another)
				w.must(err)
				w.wantConsistent()
			}, withShelf(s), withLog(log))
		})
	}
}

// What is remembered goes when an operator enables it, or another card is there.
func TestACardThatIsTakenOut(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 2)
		all := w.wantDevices("n", 2)
		for _, d := range all {
			w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, false))
		}
		next := a.content.Devices[0]
		a.lose(0)
		a.lose(0)
		w.wantDevices("n", 2)
		first := w.sys.dir.deviceAt("n", next.ControlPath.Info)
		next.Vendor = "0xABCE"
		a.content.Devices = []protocol.Device{next}
		a.wantRefused(a.report())
		for _, d := range w.wantDevices("n", 2) {
			if d.UUID == first.UUID {
				t.Error("the old card is there beside the one in its place")
			}
			if d.Missing {
				w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
			}
		}
		w.wantDevices("n", 1)
		w.wantConsistent()
	})
}

// One that goes while somebody has it, and is uncertain or disabled, is remembered
// when the last has given back.
func TestACardThatFallsOffItsBusUnderItsGuest(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, false))
		a.lose(0)
		w.must(w.unbind(id))
		synctest.Wait()
		<-time.After(time.Minute)
		if now := w.wantDevices("n", 1)[0]; !now.Missing || !now.Disabled {
			t.Errorf("%+v", now)
		}
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
		w.wantDevices("n", 0)
		w.wantConsistent()
	})
}
