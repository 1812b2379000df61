package actors

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// slowHandles holds up what is written of handles.
func slowHandles(p persistence.Transition) memory.Fault {
	if writesHandle(p) {
		return memory.Fault{Delay: 50 * time.Millisecond}
	}
	return memory.Fault{}
}

// A bind that is undecided when a programming is asked for, and is Bound before the
// device comes to that, is not programmed away under its guest.
func TestAProgrammingThatWaitedSparesWhoCameMeanwhile(t *testing.T) {
	inBubble(t, 0, func(w *world) {
		w.twoRegions(1)
		end := withProgramming(w)
		w.profile("one")
		id := w.create("one", 1)[0]
		dev := w.sys.devicesOf("two")[0]
		program := func(n int) error {
			_, err := w.sys.ProgramDeployable(context.Background(), dev.Deployables[n].UUID, uuid.MustParse(image))
			return err
		}
		var wg sync.WaitGroup
		wg.Go(func() { w.must(program(1)) })
		synctest.Wait() // the device is at work on it
		w.setFaults(slowHandles)
		wg.Go(func() { w.must(w.bind(w.toRegion(0, instance), id)) })
		synctest.Wait()
		var refused error
		wg.Go(func() { refused = program(0) })
		<-time.After(time.Second)
		w.wantStates("Bound", id)
		end <- nil
		synctest.Wait()
		select {
		case end <- nil:
			t.Error("an image is loaded under a guest")
		default:
		}
		wg.Wait()
		w.wantCode(refused, CodeConflict)
		w.wantConsistent()
	})
}

// A programming comes while a bind of its deployable is undecided. The bind wins,
// its guest keeps what is loaded, and who asked is told why.
func TestAProgrammingLosesToABindThatCameBefore(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.do = func(_ context.Context, c devices.Command) error {
			t.Errorf("%v of a deployable in use", c.Kind)
			return nil
		}
		w.profile("one")
		id, dep := w.create("one", 1)[0], w.deployableOf("h")
		w.setFaults(slowHandles)
		var wg sync.WaitGroup
		var bound error
		wg.Go(func() { bound = w.bind(w.to("h", instance), id) })
		synctest.Wait()
		_, err := w.sys.ProgramDeployable(context.Background(), dep.UUID, uuid.MustParse(image))
		if w.wantCode(err, CodeConflict); err != nil && !strings.Contains(err.Error(), "in use") {
			t.Error(err)
		}
		wg.Wait()
		w.must(bound)
		if now := w.deployableOf("h").BitstreamID; now != dep.BitstreamID {
			t.Errorf("%s is on record as loaded, want %s as before", now, dep.BitstreamID)
		}
		w.wantStates("Bound", id)
		w.wantConsistent()
	})
}

// A handle that nobody has any more, and that is about to be free, is no reason to
// refuse a programming.
func TestAProgrammingDoesNotLoseToAHandleThatBecomesFree(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		end := withProgramming(w)
		id := w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		w.must(w.remove(id))
		w.wantHandles(0, 0, 1)
		w.setFaults(slowHandles)
		end <- nil
		synctest.Wait()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := w.sys.ProgramDeployable(context.Background(), w.deployableOf("h").UUID, uuid.New()); err != nil {
				t.Errorf("the programming: %v", err)
			}
		})
		<-time.After(time.Second)
		select {
		case end <- nil:
		default:
		}
		wg.Wait()
		w.wantHandles(1, 0, 0)
		w.wantConsistent()
	})
}
