package actors

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// A start of a host that the store does not take at first.

// It comes on record later, and what guests have is made anew, once.
func TestAStartOfAHostThatCannotBeRecorded(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		w.bound(d, instance)
		w.finishAll(a)
		w.setFaults(noDevices)
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(nil)
		a.wantNothingToDo(time.Second)
		a.beats(restorePause)
		if kinds := w.finishAll(a); !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev}) {
			t.Errorf("made anew: %v", kinds)
		}
		a.beats(restorePause)
		w.crash()
		a.open()
		if kinds := w.finishAll(a); kinds != nil {
			t.Errorf("made anew once more: %v", kinds)
		}
		w.wantConsistent()
	})
}

// Nobody gets as loaded what was loaded before: it is loaded again.
func TestNobodyGetsAnImageFromBeforeAStartThatIsNotOnRecord(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		a.done(a.fetch())
		w.must(w.unbind(id))
		w.setFaults(noDevices)
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(nil)
		w.must(w.bind(w.to("n", another), id))
		w.wantStates("BindStarted", id)
		a.done(a.fetchImage())
		w.wantStates("Bound", id)
		w.wantConsistent()
	})
}

// An image that is loaded since that start is there, and not loaded again.
func TestLoadedSinceAStartThatIsNotOnRecord(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		w.setFaults(noDevices)
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(nil)
		id := w.program("n", instance)
		a.done(a.fetchImage())
		w.wantStates("Bound", id)
		w.wantLost("n", false)
		a.beats(10 * time.Second)
		a.wantNothingToDo(2 * restorePause)
		w.wantLost("n", false)
	})
}

// An image that was loaded before, as the agent says then, is not there.
func TestLoadedBeforeAStartThatIsNotOnRecord(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		w.setFaults(noDevices)
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(nil)
		a.done(c)
		<-time.After(10 * time.Second)
		w.wantNotThere(id)
	})
}

// The store takes no record of a device for longer than a bind has, while an image is loaded
// and the host is started again: the bind fails, nobody is asked without end, and what was
// loaded is on record when it can be.
func TestWritesThatLose(t *testing.T) {
	for name, c := range map[string]struct {
		fault memory.Fault
		most  int // tries in three minutes
	}{
		"where others are quicker":  {memory.Fault{Effect: memory.Lose}, 50 * maxAttempts},
		"while it takes no changes": {memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}, 50},
	} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				id := w.program("n", instance)
				load := a.fetch()
				tries := 0
				w.setFaults(func(t persistence.Transition) memory.Fault {
					if noDevicesLater()(t) == (memory.Fault{}) {
						return memory.Fault{}
					}
					tries++
					return c.fault
				})
				a.restarted("boot-2")
				a.done(load)
				a.beats(3 * time.Minute)
				w.wantStates("BindFailed", id)
				if tries > c.most {
					t.Errorf("%d tries", tries)
				}
				w.setFaults(nil)
				for range 2 {
					a.beats(time.Minute)
					w.finishAll(a)
				}
				w.wantLost("n", false)
				w.wantUncertain("n", false)
				w.wantHandles(5, 0, 0)
				w.wantCommandsOnRecord(0)
				w.wantConsistent()
			})
		})
	}
}

// A host is started once more while one of its devices has the start before not on record
// yet: all of them hear of the last one.
func TestAStartWhileTheOneBeforeGetsOnRecord(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 2)
		n := 0
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if noDevices(t) == (memory.Fault{}) {
				return memory.Fault{}
			}
			switch n++; n {
			case 1, 3:
				return memory.Fault{Delay: time.Second}
			case 2: // so that it comes after the next session
				return memory.Fault{Effect: memory.Lose}
			}
			return memory.Fault{}
		})
		a.restarted("boot-2")
		a.restarted("boot-3")
		a.beats(10 * time.Second)
		for _, d := range w.wantDevices("n", 2) {
			if d.Boot != "boot-3" {
				t.Errorf("a device has heard of %s", d.Boot)
			}
		}
		w.wantConsistent()
	})
}
