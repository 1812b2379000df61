package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
)

// What an older version has put on record of devices, and what not.

// rewriteDevices changes the records of devices, to what an older version would have written.
func (w *world) rewriteDevices(change func(*Device)) {
	w.t.Helper()
	var t persistence.Transition
	w.must(w.store.Each(w.t.Context(), func(r persistence.Record) error {
		if r.Key.Kind != kindDevice {
			return nil
		}
		d := &Device{}
		w.must(decodeJSON(r, d))
		change(d)
		t.Puts = append(t.Puts, persistence.Put{Key: r.Key, Expected: r.Generation, Body: encodeJSON(d), Claims: deviceClaims(d)})
		return nil
	}))
	if got := persistence.Apply(w.t.Context(), w.store, []persistence.Transition{t}); got[0].Outcome != persistence.Won {
		w.t.Fatalf("%+v", got)
	}
}

// It does not say which command loads an image: for a bind that goes on it is the one of that,
// and for nobody it is not known what is loaded.
func TestALoadThatAnOlderVersionDoesNotName(t *testing.T) {
	for name, over := range map[string]bool{"for a bind": false, "for nobody": true} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				id := w.program("n", instance)
				c := a.fetch()
				if over {
					w.must(w.remove(id))
				}
				w.rewriteDevices(func(d *Device) {
					d.Boot, d.Anew = "", false
					for _, dep := range d.Deployables {
						dep.Loader, dep.Outdated = uuid.Nil, false
					}
				})
				w.crash()
				a.open()
				if err := a.tryResult(c, protocol.ResultDone, ""); (err == nil) == over {
					t.Errorf("the agent is told %v", err)
				}
				a.wantNothingToDo(time.Minute)
				w.wantUncertain("n", over)
				if !over {
					w.wantStates("Bound", id)
				}
				w.wantCommandsOnRecord(0)
				w.wantConsistent()
			})
		})
	}
}

// A store of an older version, which has only the first load on record while an image is
// loaded once more: its end tells nothing.
func TestAFirstLoadThatAnOlderVersionHasOnRecord(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		first := a.fetch()
		a.restarted("boot-2")
		synctest.Wait()
		a.done(first)
		again := a.fetchImage()
		w.rewriteDevices(func(d *Device) {
			for _, dep := range d.Deployables {
				dep.Loader, dep.Outdated = first.ID, false
			}
		})
		w.crash()
		a.open()
		synctest.Wait()
		w.wantStates("BindStarted", id)
		w.wantNotThere(id)
		if c := a.fetchImage(); c.ID != again.ID {
			t.Errorf("%s is sent after %s", c.ID, again.ID)
		}
		a.done(again)
		w.wantStates("Bound", id)
		a.wantNothingToDo(time.Minute)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}
