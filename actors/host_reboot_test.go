package actors

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// Row "Host reboots": what guests have is made anew, once, and also when the
// service ends in between.
func TestAHostIsStartedAgain(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		first := w.bound(d, instance)
		second := w.bound(d, another)
		w.finishAll(a)
		w.wantStates("Bound", first, second)
		a.open() // the agent alone
		if kinds := w.finishAll(a); kinds != nil {
			t.Errorf("made anew for nothing: %v", kinds)
		}
		a.restarted("boot-2")
		c := a.fetch()
		if c.Kind != devices.CreateMdev {
			t.Errorf("%+v", c)
		}
		a.done(c)
		w.crash()
		a.open()
		if kinds := w.finishAll(a); len(kinds) < 2 || slices.Contains(kinds, devices.RemoveMdev) {
			t.Errorf("made anew: %v", kinds)
		}
		w.wantStates("Bound", first, second)
		w.crash()
		a.open()
		if kinds := w.finishAll(a); kinds != nil {
			t.Errorf("made anew once more: %v", kinds)
		}
		w.wantConsistent()
	})
}

// What cannot be made anew is tried again.
func TestWhatCannotBeMadeAnew(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		w.finishAll(a)
		a.restarted("boot-2")
		a.failed(a.fetch(), protocol.ResultError)
		<-time.After(31 * time.Second)
		a.beat()
		a.done(a.fetch())
		w.wantStates("Bound", id)
		w.wantCommandsOnRecord(0)
	})
}

// Of an FPGA nobody knows what is loaded after a start of its host.
func TestImagesAfterAStartOfTheHost(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		a.done(a.fetch())
		w.must(w.unbind(id))
		a.restarted("boot-2")
		synctest.Wait()
		if dep := w.deployableOf("n"); dep.BitstreamID != uuid.Nil {
			t.Error("an image is said to be loaded")
		}
		again := w.program("n", instance)
		if c := a.fetch(); c.Kind != devices.ProgramFPGA {
			t.Errorf("%+v", c)
		} else {
			a.done(c)
		}
		w.wantStates("Bound", again)
	})
}

// An image that was loaded before the last start of its host is loaded again.
func TestAnImageThatWasLoadedBeforeAStart(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		before := a.fetch()
		a.restarted("boot-2")
		synctest.Wait()
		a.done(before) // it was, and the agent could not say so in time
		w.wantStates("BindStarted", id)
		again := a.fetch()
		if again.ID == before.ID || again.Kind != devices.ProgramFPGA || again.Args.Image.String() != image {
			t.Errorf("%+v", again)
		}
		a.done(again)
		w.wantStates("Bound", id)
		w.wantCommandsOnRecord(0)
	})
}

// A host that is started once more while it is put in order is put in order for
// that start, too, whatever becomes of the first try.
func TestAHostIsStartedAgainAndAgain(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		w.finishAll(a)
		a.restarted("boot-2")
		a.fetch()
		a.restarted("boot-3")
		a.failed(a.fetch(), protocol.ResultUnknown)
		for range 4 {
			<-time.After(10 * time.Second)
			a.beat()
		}
		if kinds := w.finishAll(a); !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev}) {
			t.Errorf("made anew: %v", kinds)
		}
		w.wantStates("Bound", id)
		w.crash()
		a.open()
		if kinds := w.finishAll(a); kinds != nil {
			t.Errorf("made anew once more: %v", kinds)
		}
	})
}

// Devices hear of a start of their host at once, also when the host is not in order after
// the one before: nobody gets what they do not have any more.
func TestDevicesHearOfEachStart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.mdevsOf(1)
		a.open()
		a.report()
		guest := w.bound(w.wantDevices("n", 2)[1], another)
		w.finishAll(a)
		a.restarted("boot-2")
		a.fetch() // and is not done
		id := w.program("n", instance)
		synctest.Wait()
		for _, c := range a.poll(0, time.Second) {
			if c.Kind == devices.ProgramFPGA {
				a.done(c)
			}
		}
		w.wantStates("Bound", id)
		w.must(w.unbind(id))
		a.restarted("boot-3")
		synctest.Wait()
		if dep := w.deployableOf("n"); dep.BitstreamID != uuid.Nil {
			t.Errorf("an image is said to be loaded: %+v", dep)
		}
		w.finishAll(a)
		w.wantStates("Bound", guest)
		w.crash()
		a.open()
		if kinds := w.finishAll(a); kinds != nil {
			t.Errorf("made anew once more: %v", kinds)
		}
		w.wantConsistent()
	})
}

// What guests have of a device that is missing after a start of its host is made anew when
// it is there, also when the service ends in between; and so it is of one that has fallen
// off its bus alone.
func TestADeviceThatReturns(t *testing.T) {
	for name, rule := range map[string]struct{ reboot, crash bool }{
		"after a start of its host":                 {true, false},
		"after a start of its host and the service": {true, true},
		"from its bus":                              {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			withMdevAgent(t, func(w *world, a *scripted, d *Device) {
				id := w.bound(d, instance)
				w.finishAll(a)
				if rule.reboot {
					a.restarted("boot-2")
					a.failed(a.fetch(), protocol.ResultNoDevice)
				}
				lost := a.lose(0)
				a.beats(2 * restorePause)
				a.wantNothingToDo(time.Minute)
				a.content.Devices = []protocol.Device{lost}
				a.report()
				c := a.fetch()
				if rule.crash {
					w.crash()
					a.open()
					a.report()
					c = a.fetch()
				}
				a.failed(c, protocol.ResultError)
				a.beats(restorePause)
				if kinds := w.finishAll(a); !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev}) {
					t.Errorf("made anew: %v", kinds)
				}
				w.wantStates("Bound", id)
				a.beats(2 * restorePause)
				w.crash()
				a.open()
				a.report()
				if kinds := w.finishAll(a); kinds != nil {
					t.Errorf("made anew once more: %v", kinds)
				}
				w.wantCommandsOnRecord(0)
				w.wantConsistent()
			})
		})
	}
}
