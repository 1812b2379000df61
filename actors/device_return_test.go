package actors

import (
	"bytes"
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

// neverInOrder is the store's day on which it does not come on record that all devices of a
// host know of its start: they are told of that again and again.
func neverInOrder(boot string) func(persistence.Transition) memory.Fault {
	return func(t persistence.Transition) memory.Fault {
		if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool {
			return p.Key.Kind == kindHost && bytes.Contains(p.Body, []byte(`"boot_id":"`+boot+`"`))
		}) {
			return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
		}
		return memory.Fault{}
	}
}

// One of the mediated devices of a card cannot be made anew: the others are, at once.
func TestOneThatCannotBeMadeAnewHoldsUpNoOther(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		for range 4 {
			w.bound(d, uuid.New())
		}
		w.finishAll(a)
		a.restarted("boot-2")
		made := map[uuid.UUID]bool{}
		var bad uuid.UUID
		for range 10 {
			for _, c := range a.poll(0, time.Second) {
				h := *c.Args.Handle
				if bad == uuid.Nil || h == bad {
					bad = h
					a.failed(c, protocol.ResultError)
					continue
				}
				made[h] = true
				a.done(c)
			}
		}
		if len(made) != 3 {
			t.Errorf("%d made", len(made))
		}
	})
}

// A device falls off its bus once more, and is back, while what its guests have is made anew
// for the time before: it is made anew again, once.
func TestFallsOnceMoreWhileMadeAnew(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, another)
		w.finishAll(a)
		w.wantStates("Bound", id)
		lost := a.lose(0)
		a.content.Devices = []protocol.Device{lost}
		a.report()
		c := a.fetch() // to be made anew
		lost = a.lose(0)
		a.content.Devices = []protocol.Device{lost}
		a.report()
		synctest.Wait()
		a.done(c) // it may have been made before it fell once more
		var kinds []devices.CommandKind
		for range 60 {
			for _, c := range a.poll(0, 10*time.Second) {
				kinds = append(kinds, c.Kind)
				a.done(c)
			}
			a.beat()
		}
		if !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev}) {
			t.Errorf("done: %v; to be made anew: %v", kinds, w.sys.devicesOf("n")[0].Anew)
		}
		w.wantConsistent()
	})
}

// An image is loaded again into a card that is missing and there for a moment; then a report
// lacks the card once more. What was loaded is lost with it, and loaded when it is back.
func TestLoadedWhileMissing(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		lost := a.lose(0)
		synctest.Wait()
		a.done(c)
		a.done(a.fetchImage())
		w.wantStates("Bound", id)
		w.wantLost("n", false)
		for range 2 {
			<-time.After(6 * time.Second)
			a.report()
		}
		w.wantNotThere(id)
		w.wantLost("n", true)
		a.content.Devices = []protocol.Device{lost}
		a.report()
		a.done(a.fetchImage())
		w.wantLost("n", false)
		w.wantConsistent()
	})
}
