package actors

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// wantNotThere wants an FPGA that is empty to be said to be so.
func (w *world) wantNotThere(id uuid.UUID) {
	w.t.Helper()
	synctest.Wait()
	dep := w.deployableOf("n")
	if dep.BitstreamID != uuid.Nil || w.state(id) == "Bound" && dep.Lost == nil {
		w.t.Errorf("the FPGA is empty, its ARQ is %s: %+v", w.state(id), dep)
	}
}

// The agent has said that an image is loaded, and the store had a bad day when that was
// to be on record with the device: the host is started again meanwhile.
func TestAnImageIsLostBeforeItIsOnRecord(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		w.setFaults(noDevices)
		a.done(c)
		w.setFaults(nil)
		a.restarted("boot-2")
		<-time.After(2 * healthRetry)
		w.wantNotThere(id)
		w.wantStates("BindStarted", id)
		if again := a.fetchImage(); again.ID == c.ID {
			t.Error("it is not loaded again")
		}
		w.finishAll(a)
		w.wantStates("Bound", id)
		w.wantLost("n", false)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// A card has fallen off its bus when its agent says that an image was loaded into it,
// whatever becomes of the service, and when the card is there again.
func TestAnImageOfACardThatFallsOffMeanwhile(t *testing.T) {
	for _, crash := range []bool{false, true} {
		withAgent(t, func(w *world, a *scripted, _ *Device) {
			id := w.program("n", instance)
			c := a.fetch()
			lost := a.lose(0)
			synctest.Wait()
			a.done(c)
			if crash {
				w.crash()
				a.open()
				a.report()
			}
			w.wantNotThere(id)
			a.content.Devices = []protocol.Device{lost}
			a.report()
			w.wantNotThere(id)
			w.finishAll(a)
			w.wantStates("Bound", id)
			w.wantLost("n", false)
			w.wantCommandsOnRecord(0)
			w.wantConsistent()
		})
	}
}

// An image that was loaded since the last start of its host is there after a restart of
// the service, though something else of the host could not be made anew yet, and a bind
// that wants the image, too, is on its way: nothing is loaded under its guest.
func TestAnImageThatWasLoadedSinceAStartOfTheHost(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.mdevsOf(1)
		a.open()
		a.report()
		elsewhere := w.withMdevs("v")
		w.bound(w.wantDevices("n", 2)[1], uuid.New())
		w.finishAll(a)
		w.setFaults(neverInOrder("boot-2"))
		a.restarted("boot-2")
		a.failed(a.fetch(), protocol.ResultError) // cannot be made anew

		first := w.program("n", instance)
		next := []uuid.UUID{w.create("image", 1)[0], w.create("one", 1)[0]}
		w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
			{ARQ: next[0], Bind: w.to("n", another)}, {ARQ: next[1], Bind: w.to("v", another)},
		}}))
		a.done(a.fetchImage())
		w.wantStates("Bound", first)
		w.wantStates("BindStarted", next...)
		w.crash()
		w.setFaults(nil)
		a.open()
		elsewhere.open()
		synctest.Wait()
		if dep := w.deployableOf("n"); dep.BitstreamID == uuid.Nil || dep.Lost != nil {
			t.Errorf("it is lost: %+v", dep)
		}
		if kinds := w.finishAll(a); slices.Contains(kinds, devices.ProgramFPGA) {
			t.Errorf("done under a guest: %v", kinds)
		}
		w.finishAll(elsewhere)
		w.wantStates("Bound", append(next, first)...)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// Somebody gets an image that is loaded while it gets on record that it is lost: he is
// among those who miss it.
func TestAnImageIsLostWhileSomebodyGetsIt(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		a.done(a.fetch())
		w.must(w.unbind(id))
		w.setFaults(func(t persistence.Transition) memory.Fault {
			// That he gets it comes after the session, and before what the device writes then.
			if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindHost || p.Key.Kind == kindARQ }) {
				return memory.Fault{Delay: time.Second}
			}
			return memory.Fault{}
		})
		opened := make(chan error, 1)
		a.boot = "boot-2"
		go func() {
			_, err := a.tryOpen()
			opened <- err
		}()
		synctest.Wait()
		w.must(w.bind(w.to("n", instance), id))
		w.must(<-opened)
		w.setFaults(nil)
		w.wantNotThere(id)
		w.wantStates("Bound", id)
		w.wantLost("n", true)
		a.done(a.fetchImage())
		w.wantLost("n", false)
		w.wantConsistent()
	})
}

// An image that was loaded into a card which was not there before the last start of its
// host is not loaded again under its guest, though something else of the host has to be
// made anew still.
func TestAnImageOfACardThatIsNewSinceAStart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.mdevsOf(1)
		card := a.without(0)
		a.open()
		a.report()
		w.bound(w.wantDevices("n", 1)[0], uuid.New())
		w.finishAll(a)
		w.setFaults(neverInOrder("boot-2"))
		a.restarted("boot-2")
		synctest.Wait()
		a.content.Devices = append(a.content.Devices, card)
		a.report()
		a.failed(a.fetch(), protocol.ResultError) // cannot be made anew
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		id := w.create("image", 1)[0]
		w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: card.Deployables[0].ProviderUUID(), InstanceUUID: instance}, id))
		a.done(a.fetchImage())
		w.wantStates("Bound", id)
		<-time.After(restorePause)
		a.beat()
		if kinds := w.finishAll(a); slices.Contains(kinds, devices.ProgramFPGA) || !slices.Contains(kinds, devices.CreateMdev) {
			t.Errorf("done: %v", kinds)
		}
		w.wantConsistent()
	})
}

// An operator finds an FPGA good that has lost the image of its guest, and somebody gets
// something of it: the image is not loaded again under him, but when he has left.
func TestAnImageIsNotLoadedAgainUnderOthers(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		w.program("n", instance)
		a.done(a.fetch())
		a.restarted("boot-2")
		a.failed(a.fetchImage(), protocol.ResultError)
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
		id := w.bound(d, another)
		w.wantStates("Bound", id)
		a.beats(2 * reloadPause)
		a.wantNothingToDo(time.Minute)
		w.must(w.unbind(id))
		a.done(a.fetchImage())
		w.wantLost("n", false)
		w.wantConsistent()
	})
}
