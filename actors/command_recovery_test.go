package actors

import (
	"context"
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

// What an agent may have begun before a restart is not given up because the bind
// is over, whichever of a device's binds is taken up first.
func TestWhatMayHaveBegunIsNotGivenUp(t *testing.T) {
	for range 8 { // of two binds the order was left to chance
		inBubble(t, 1, func(w *world) {
			a := w.withMdevs("n")
			d := w.wantDevices("n", 1)[0]
			for range 2 {
				_, err := w.bindTo(d, uuid.New())
				w.must(err)
			}
			begun := a.fetch()
			w.crash()
			<-time.After(61 * time.Second)
			a.open()
			w.must(a.tryResult(begun, protocol.ResultDone, ""))
			w.finishAll(a) // the other bind's command, and what undoes both
			w.wantHandles(5, 0, 0)
			w.wantCommandsOnRecord(0)
			w.wantConsistent()
		})
	}
}

// The commands of a device are taken up in the order in which they were accepted.
func TestCommandsAreTakenUpInOrder(t *testing.T) {
	for range 8 {
		inBubble(t, 1, func(w *world) {
			a := w.withMdevs("n")
			d := w.wantDevices("n", 1)[0]
			for range 3 {
				_, err := w.bindTo(d, uuid.New())
				w.must(err)
				<-time.After(time.Second)
			}
			begun := a.fetch()
			w.crash()
			a.open()
			if again := a.fetch(); again.ID != begun.ID {
				t.Errorf("after a restart %+v is sent, want %+v", again, begun)
			}
		})
	}
}

// An image that was loaded before the last start of its host is loaded again.
func TestAnImageThatWasLoadedBeforeAStart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 1)
		id := w.program("n", instance)
		before := a.fetch()
		a.boot = "boot-2"
		a.open()
		synctest.Wait()
		a.done(before) // it was, and the agent could not say so in time
		w.wantStates("BindStarted", id)
		again := a.fetch()
		if again.ID == before.ID || again.Kind != devices.ProgramFPGA || again.Args.Image.String() != image {
			t.Errorf("%+v", again)
		}
		a.done(again)
		w.wantStates("Bound", id)
		w.wantCommandsOnRecord(0)
	})
}

// An agent asks for what comes after the last command that it was sent: what is
// sent for the first time after a restart always does.
func TestNumbersOfCommandsGoUpAfterARestart(t *testing.T) {
	for range 4 { // the numbers were left to chance
		inBubble(t, 1, func(w *world) {
			a := w.agent("n", 2)
			a.mdevs()
			a.open()
			a.report()
			var ids []uuid.UUID
			for _, d := range w.wantDevices("n", 2) {
				for range 2 {
					id, err := w.bindTo(d, uuid.New())
					w.must(err)
					ids = append(ids, id)
				}
			}
			w.crash()
			a.open()
			var after uint64
			for range ids {
				got := a.poll(after, time.Second)
				for _, c := range got {
					after = max(after, c.N)
					a.done(c)
				}
			}
			w.wantStates("Bound", ids...)
		})
	}
}

// The store has a bad day when a bind is over: its command is forgotten all the same.
func TestACommandIsForgottenOnABadDay(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 1)
		id := w.program("n", instance)
		c := a.fetch()
		lost := false
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if len(t.Deletes) > 0 && t.Deletes[0].Key.Kind == kindCommand && !lost {
				lost = true
				return memory.Fault{Effect: memory.Lose}
			}
			return memory.Fault{}
		})
		a.done(c)
		<-time.After(2 * settlePause)
		w.wantStates("Bound", id)
		w.wantCommandsOnRecord(0)
		if !lost {
			t.Error("nothing was lost")
		}
	})
}

// That a host has died is on record even when the store has a bad day then.
func TestADeathOnABadDay(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.joined("n", 1)
		w.setFaults(func(persistence.Transition) memory.Fault {
			return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
		})
		<-time.After(6 * time.Minute)
		w.wantHost("n", HostDead)
		w.setFaults(nil)
		<-time.After(2 * turnPause)
		w.crash()
		w.wantHost("n", HostDead)
	})
}

// A command that is not needed after a restart, because another bind has loaded
// the image, is forgotten with its bind.
func TestACommandThatIsNotNeededAfterARestart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 1)
		ids := []uuid.UUID{w.program("n", instance), w.program("n", another)}
		w.wantCommandsOnRecord(2)
		w.crash()
		a.open()
		if kinds := w.finishAll(a); len(kinds) != 1 {
			t.Errorf("done: %v", kinds)
		}
		w.wantStates("Bound", ids...)
		w.wantCommandsOnRecord(0)
	})
}

// A host that is started once more while it is put in order is put in order for
// that start, too, whatever becomes of the first try.
func TestAHostIsStartedAgainAndAgain(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withMdevs("n")
		id, err := w.bindTo(w.wantDevices("n", 1)[0], instance)
		w.must(err)
		w.finishAll(a)
		a.boot = "boot-2"
		a.open()
		a.fetch()
		a.boot = "boot-3"
		a.open()
		a.failed(a.fetch(), protocol.ResultUnknown)
		for range 4 {
			<-time.After(10 * time.Second)
			a.beat()
		}
		if kinds := w.finishAll(a); !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev}) {
			t.Errorf("made anew: %v", kinds)
		}
		w.wantStates("Bound", id)
		w.crash()
		a.open()
		if kinds := w.finishAll(a); kinds != nil {
			t.Errorf("made anew once more: %v", kinds)
		}
	})
}

// What an agent does for a bind that is over prepares no later bind of the same
// ARQ.
func TestACommandOfAnEarlierBind(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 1)
		id := w.program("n", instance)
		c := a.fetch()
		w.must(w.unbind(id))
		w.do = func(ctx context.Context, _ devices.Command) error {
			<-ctx.Done()
			return ctx.Err()
		}
		w.must(w.bind(w.to("h", instance), id))
		w.wantStates("BindStarted", id)
		w.crash()
		a.open()
		synctest.Wait()
		w.wantStates("BindFailed", id)
		w.must(a.tryResult(c, protocol.ResultDone, ""))
		synctest.Wait()
		w.wantStates("BindFailed", id)
		w.finishAll(a)
		w.wantHandles(5, 0, 0)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}
