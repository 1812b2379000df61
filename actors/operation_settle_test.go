package actors

import (
	"testing"
	"time"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// While the store takes nothing an accepted bind is tried every second, and the log
// hears of it twice: that it began, and that it is over.
func TestTheLogIsNotFilledByABindThatCannotBeSettled(t *testing.T) {
	log := &lines{}
	inBubble(t, 1, func(w *world) {
		w.must(w.sys.RegisterInventory(w.t.Context(), "v", vgpuHost()))
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		id := w.create("vgpu", 1)[0]
		accepted := false
		w.setFaults(func(persistence.Transition) memory.Fault {
			if !accepted {
				accepted = true
				return memory.Fault{}
			}
			return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
		})
		w.must(w.bind(w.to("v", instance), id))
		<-time.After(30 * settlePause)
		w.wantStates("BindStarted", id)
		w.setFaults(nil)
		<-time.After(2 * settlePause)
		w.wantStates("Bound", id)
		w.wantConsistent()
	}, withLog(log))
	if n, over := log.count("could not be settled"), log.count("settled at last"); n != 1 || over != 1 {
		t.Errorf("%d times that it failed, %d times that it is over", n, over)
	}
}
