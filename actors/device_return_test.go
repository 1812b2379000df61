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

// A start of a host that the store does not take at first is dealt with later, and once.
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
