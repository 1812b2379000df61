package actors

import (
	"slices"
	"testing"
	"time"

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
