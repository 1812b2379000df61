package actors

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// A bind's time is over while its image is looked up, and the record of its command cannot
// be removed at first. The device asks for the command in between: it is not sent.
func TestACommandOfABindThatIsOverIsNotSent(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if slices.ContainsFunc(t.Deletes, func(d persistence.Delete) bool { return d.Key.Kind == kindCommand }) {
				return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable, Delay: 5 * time.Second}
			}
			return memory.Fault{}
		})
		id := w.program("n", instance)
		for range 4 {
			a.beats(20 * time.Second)
			for _, c := range a.poll(0, time.Second) {
				t.Errorf("sent for a bind that is %s: %s", w.state(id), c.Kind)
			}
		}
		w.wantStates("BindFailed", id)
		w.setFaults(nil)
		a.beats(20 * time.Second)
		w.wantHandles(5, 0, 0)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	}, withGallery(&gallery{takes: 62 * time.Second}))
}

// The record of a command goes behind its host's back: the device goes on with what the agent
// says of it, and is not busy for ever.
func TestACommandWhoseRecordIsGone(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		c := a.fetch()
		key := commandKey(c.ID)
		gone := persistence.Transition{Deletes: []persistence.Delete{{Key: key, Expected: 1}}}
		if got := persistence.Apply(w.t.Context(), w.store, []persistence.Transition{gone}); got[0].Outcome != persistence.Won {
			t.Fatalf("%+v", got)
		}
		for range maxAttempts - 1 {
			w.wantCode(a.tryResult(c, protocol.ResultDone, ""), CodeConflict)
		}
		a.done(c)
		w.wantStates("Bound", id)
		w.must(w.unbind(id))
		w.finishAll(a)
		w.wantHandles(5, 0, 0)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// A bind's time is over before its device comes to it, and its host has had so many commands
// since that it does not remember: nothing is begun for it.
func TestABindThatIsOverLongSince(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.mdevsOf(1)
		a.open()
		a.report()
		var fpga, mdevs *Device
		for _, d := range w.wantDevices("n", 2) {
			if d.ControlPath.Info == a.content.Devices[0].ControlPath.Info {
				fpga = d
			} else {
				mdevs = d
			}
		}
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := w.create("image", 2)
		w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: fpga.Deployables[0].ProviderUUID, InstanceUUID: instance}, ids[0]))
		first := a.fetchImage()
		w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: fpga.Deployables[0].ProviderUUID, InstanceUUID: another}, ids[1]))
		a.beats(w.sys.opts.BindTimeout + 10*time.Second)
		w.wantStates("BindFailed", ids...)
		finish := func() {
			for range 10 {
				got := slices.DeleteFunc(a.poll(first.N, time.Second), func(c protocol.Command) bool { return c.ID == first.ID })
				if len(got) == 0 {
					return
				}
				for _, c := range got {
					a.done(c)
				}
			}
		}
		for range commandsRemembered/2 + 1 {
			id := w.bound(mdevs, uuid.New())
			finish()
			w.wantStates("Bound", id)
			w.must(w.remove(id))
			synctest.Wait()
			finish()
		}
		a.failed(first, protocol.ResultError)
		a.wantNothingToDo(time.Minute)
		w.wantHandles(9, 0, 0)
		w.wantCommandsOnRecord(0)
	})
}
