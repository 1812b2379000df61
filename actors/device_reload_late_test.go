package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// A host is started again while an image is loaded for a bind, so that the image is
// loaded once more; then the service ends, whatever it knows of that, and the host may be
// started yet again. What was said of the first load tells nothing any more.
func TestAnImageIsNotThereBecauseItOnceWas(t *testing.T) {
	for name, ends := range map[string]func(w *world, a *scripted, again protocol.Command) (sent bool){
		"before the end is known": func(w *world, a *scripted, again protocol.Command) bool {
			w.crash()
			a.restarted("boot-3")
			synctest.Wait()
			a.failed(again, protocol.ResultUnknown)
			return true
		},
		"before the device has the end on record": func(w *world, a *scripted, again protocol.Command) bool {
			w.setFaults(noDevices)
			a.failed(again, protocol.ResultUnknown)
			w.crashOnABadDay()
			a.open()
			return true
		},
		"before it is begun": func(w *world, a *scripted, _ protocol.Command) bool {
			w.crash()
			a.restarted("boot-3")
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, _ *Device) {
				id := w.program("n", instance)
				first := a.fetch()
				a.restarted("boot-2")
				synctest.Wait()
				a.done(first)
				again := a.fetchImage()
				if again.ID == first.ID {
					t.Fatal("the image is not loaded once more")
				}
				sent := ends(w, a, again)
				synctest.Wait()
				w.wantStates("BindStarted", id)
				last := a.fetchImage()
				if sent == (last.ID == again.ID) || last.ID == first.ID {
					t.Errorf("%s is sent after %s and %s", last.ID, first.ID, again.ID)
				}
				a.done(last)
				w.finishAll(a) // once more, if it may have been begun before a start of the host
				w.wantStates("Bound", id)
				w.wantUncertain("n", false)
				w.wantLost("n", false)
				w.wantCommandsOnRecord(0)
				w.wantConsistent()
			})
		})
	}
}

// The service ends when it knows that the host was started again during a load, and what
// the agent has said of that, and has not drawn its conclusion.
func TestAnImageThatWasLoadedBeforeAStartOfTheHost(t *testing.T) {
	for name, begin := range map[string]func(*world, *Device) (leave func()){
		"for a bind":           func(w *world, _ *Device) func() { w.program("n", instance); return func() {} },
		"for an administrator": func(w *world, d *Device) func() { return w.orders(d, image) },
	} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				defer begin(w, d)()
				first := a.fetch()
				a.restarted("boot-2")
				synctest.Wait()
				w.setFaults(noDevices)
				a.done(first)
				w.crash()
				w.setFaults(nil)
				a.open()
				synctest.Wait()
				if dep := w.deployableOf("n"); dep.BitstreamID != uuid.Nil {
					t.Errorf("the host was started again, and on record is %+v", dep)
				}
				a.done(a.fetchImage())
				if dep := w.deployableOf("n"); dep.BitstreamID.String() != image {
					t.Errorf("it was loaded again, and on record is %+v", dep)
				}
				a.wantNothingToDo(time.Minute)
				w.wantCommandsOnRecord(0)
				w.wantConsistent()
			})
		})
	}
}

// The end of a first load, of a bind that is over, and whose command is still on record because the
// store had a bad day: nothing is loaded for it, and nothing is believed of it.
func TestAnEndedLoadForNobodyTellsNothing(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		first := a.fetch()
		w.must(w.remove(id))
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if len(t.Deletes) > 0 && t.Deletes[0].Key.Kind == kindCommand {
				return memory.Fault{Effect: memory.Lose}
			}
			return memory.Fault{}
		})
		a.done(first)
		again := a.fetchImage()
		w.setFaults(noDevices)
		a.failed(again, protocol.ResultUnknown)
		w.wantCommandsOnRecord(2)
		w.crashOnABadDay()
		a.open()
		w.wantUncertain("n", true)
		a.wantNothingToDo(time.Minute)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// A bind of two cards: the image of one is loaded and lost again, somebody gets that card as
// it is, and the service is started again before the other card is ready. Nothing is loaded
// under him.
func TestOutdatedLoadUnderAnother(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.open()
		a.report()
		d := w.wantDevices("n", 2)
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := w.create("image", 2)
		w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
			{ARQ: ids[0], Bind: &BindTo{Hostname: "n", ProviderUUID: d[0].Deployables[0].ProviderUUID, InstanceUUID: instance}},
			{ARQ: ids[1], Bind: &BindTo{Hostname: "n", ProviderUUID: d[1].Deployables[0].ProviderUUID, InstanceUUID: instance}},
		}}))
		all := a.poll(0, time.Second)
		for len(all) < 2 {
			all = a.poll(0, time.Second)
		}
		for _, c := range all {
			if c.Device.Info == d[0].ControlPath.Info {
				a.done(c)
			}
		}
		w.wantStates("BindStarted", ids...)
		a.restarted("boot-2")
		synctest.Wait()
		for _, c := range a.poll(0, time.Second) {
			if c.Device.Info == d[0].ControlPath.Info {
				a.failed(c, protocol.ResultError)
			}
		}
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d[0].UUID, true))
		guest := w.bound(d[0], uuid.New())
		w.wantStates("Bound", guest)
		w.wantStates("BindStarted", ids...)
		w.crash()
		a.open()
		synctest.Wait()
		w.wantStates("Bound", guest)
		for _, c := range a.poll(0, time.Second) {
			if c.Device.Info == d[0].ControlPath.Info {
				t.Errorf("loaded under a guest: %s", c.Kind)
			}
		}
	})
}
