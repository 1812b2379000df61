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
		withMdevAgent(t, func(w *world, a *scripted, d *Device) {
			for range 2 {
				w.bound(d, uuid.New())
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
		withMdevAgent(t, func(w *world, a *scripted, d *Device) {
			for range 3 {
				w.bound(d, uuid.New())
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
					id := w.bound(d, uuid.New())
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

// The store has a bad day when a bind is over, several times: its command is
// forgotten all the same.
func TestACommandIsForgottenOnABadDay(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		const times = 3
		lost := 0
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if len(t.Deletes) > 0 && t.Deletes[0].Key.Kind == kindCommand && lost < times {
				lost++
				return memory.Fault{Effect: memory.Lose}
			}
			return memory.Fault{}
		})
		a.done(c)
		<-time.After((times + 1) * settlePause)
		w.wantStates("Bound", id)
		w.wantCommandsOnRecord(0)
		if lost != times {
			t.Errorf("lost %d times", lost)
		}
	})
}

// That a host has died is on record even when the store has a bad day then.
func TestADeathOnABadDay(t *testing.T) {
	withAgent(t, func(w *world, _ *scripted, _ *Device) {
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
	withAgent(t, func(w *world, a *scripted, _ *Device) {
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

// What an agent does for a bind that is over prepares no later bind of the same
// ARQ.
func TestACommandOfAnEarlierBind(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
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

// rewriteCommands changes the commands on record behind the service's back.
func (w *world) rewriteCommands(change func(*commandRecord)) {
	w.t.Helper()
	var t persistence.Transition
	w.must(w.store.Each(w.t.Context(), func(r persistence.Record) error {
		if r.Key.Kind != kindCommand {
			return nil
		}
		rec, err := decodeCommand(r)
		w.must(err)
		change(rec)
		t.Puts = append(t.Puts, persistence.Put{Key: r.Key, Expected: r.Generation, Body: encodeJSON(rec)})
		return nil
	}))
	if got := persistence.Apply(w.t.Context(), w.store, []persistence.Transition{t}); got[0].Outcome != persistence.Won {
		w.t.Fatalf("%+v", got)
	}
}

// wantGoneOn wants a new process to go on with the command that was begun, and to bring
// the binds to their end.
func (w *world) wantGoneOn(a *scripted, begun protocol.Command, ids []uuid.UUID) {
	w.t.Helper()
	a.open()
	if c := a.fetch(); c.ID != begun.ID {
		w.t.Errorf("%s is sent, and %s was begun", c.ID, begun.ID)
	}
	w.finishAll(a)
	w.wantStates("Bound", ids...)
	w.wantCommandsOnRecord(0)
}

// The load that is going on is taken up first, whatever the clock said when the binds
// were accepted.
func TestALoadThatWasBegunIsTakenUpFirst(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		ids := []uuid.UUID{w.program("n", instance), w.program("n", another)}
		begun := a.fetch()
		w.rewriteCommands(func(rec *commandRecord) {
			if rec.Command.ID != begun.ID {
				rec.Deadline -= 1000
			}
		})
		w.crash()
		w.wantGoneOn(a, begun, ids)
	})
}

// A service that is stopped begins nothing any more, also not what waits for something
// else to end, which may go on without it.
func TestAStopBeginsNoOtherLoad(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		ids := []uuid.UUID{w.program("n", instance), w.program("n", another)}
		begun := a.fetch()
		w.stop()
		w.start(memory.New(memory.Options{Faults: w.fault, Snapshot: w.store.Snapshot()}))
		if dep := w.deployableOf("n"); !dep.loads(begun.ID) {
			t.Errorf("%s was begun, and on record is %+v", begun.ID, dep)
		}
		w.wantGoneOn(a, begun, ids)
	})
}

// A clock that was put back while the service was away gives a bind no more time than
// it had when it was accepted.
func TestABindAfterTheClockWasPutBack(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		a.fetch()
		w.rewriteCommands(func(rec *commandRecord) { rec.Deadline += (20 * 365 * 24 * time.Hour).Milliseconds() })
		w.crash()
		a.open()
		if c := a.fetch(); c.DeadlineS > w.sys.opts.BindTimeout.Seconds() {
			t.Errorf("the agent has %v s", c.DeadlineS)
		}
		w.wantStates("BindStarted", id)
		<-time.After(w.sys.opts.BindTimeout + time.Second)
		w.wantStates("BindFailed", id)
	})
}

// noCommandGoes is the store's day on which no record of one of some commands can be
// removed.
func noCommandGoes(of map[uuid.UUID]bool) func(persistence.Transition) memory.Fault {
	return func(t persistence.Transition) memory.Fault {
		if slices.ContainsFunc(t.Deletes, func(d persistence.Delete) bool { return of[d.Key.ID] }) {
			return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
		}
		return memory.Fault{}
	}
}

// storedCommands are the commands on record.
func (w *world) storedCommands() map[uuid.UUID]bool {
	w.t.Helper()
	all := map[uuid.UUID]bool{}
	w.must(w.store.Each(w.t.Context(), func(r persistence.Record) error {
		if r.Key.Kind == kindCommand {
			all[r.Key.ID] = true
		}
		return nil
	}))
	return all
}

// A load that was not needed, because another bind had loaded its image, and whose record
// could not be removed, is not begun after a restart: somebody else has another image.
func TestALoadThatWasNotBegunIsForgotten(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		first := []uuid.UUID{w.program("n", instance), w.program("n", another)}
		c := a.fetch()
		w.setFaults(noCommandGoes(w.storedCommands()))
		a.done(c)
		w.wantStates("Bound", first...)
		w.must(w.remove(first...))
		w.profile("other", Request{"resources:FPGA", "1"}, Request{keyBitstream, otherImage})
		id := w.create("other", 1)[0]
		w.must(w.bind(w.to("n", instance), id))
		a.done(a.fetch())
		w.wantStates("Bound", id)
		w.crash()
		w.setFaults(nil)
		a.open()
		a.wantNothingToDo(time.Minute)
		if dep := w.deployableOf("n"); dep.BitstreamID.String() != otherImage {
			t.Errorf("%+v", dep)
		}
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// What was not begun for a bind that has failed is not begun after a restart, though its
// record is there still: the handle is nobody's.
func TestWhatWasNotBegunIsForgotten(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, _ *Device) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("n", instance), ids...))
		first := a.fetch()
		w.setFaults(noCommandGoes(w.storedCommands()))
		a.failed(first, protocol.ResultError)
		w.wantStates("BindFailed", ids...)
		w.finishAll(a)
		w.wantHandles(5, 0, 0)
		w.crash()
		w.setFaults(nil)
		a.open()
		if kinds := w.finishAll(a); len(kinds) > 0 {
			t.Errorf("done: %v", kinds)
		}
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// What becomes of a load that is going on when the service stops is heard of, though its
// bind is over.
func TestALoadGoesOnAfterAStop(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		first, second := w.program("n", instance), w.program("n", another)
		begun := a.fetch()
		w.must(w.remove(first))
		w.must(w.sys.Stop(w.t.Context()))
		w.drainEngine()
		w.crash()
		a.open()
		a.failed(begun, protocol.ResultUnknown)
		a.failed(a.fetch(), protocol.ResultError)
		w.wantStates("BindFailed", second)
		w.wantUncertain("n", true)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// programsMdevs makes a profile of a mediated device on a card with an image, and binds an
// ARQ of it.
func (w *world) programsMdevs() uuid.UUID {
	w.t.Helper()
	w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
	id := w.create("image", 1)[0]
	w.must(w.bind(w.to("n", instance), id))
	return id
}

// What comes after a load that fails after a restart was not begun if the load was not: it
// is forgotten with its bind.
func TestWhatComesAfterALoadThatWasNotBegun(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, _ *Device) {
		w.setFaults(noDevicesLater())
		id := w.programsMdevs()
		w.crash()
		w.setFaults(nil)
		a.open()
		a.failed(a.fetch(), protocol.ResultError)
		w.wantStates("BindFailed", id)
		if kinds := w.finishAll(a); slices.Contains(kinds, devices.CreateMdev) {
			t.Errorf("done: %v", kinds)
		}
		w.wantHandles(5, 0, 0)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// noDevicesLater is noDevices but for what accepts a bind.
func noDevicesLater() func(persistence.Transition) memory.Fault {
	return func(t persistence.Transition) memory.Fault {
		if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindARQ }) {
			return memory.Fault{}
		}
		return noDevices(t)
	}
}

// What an agent may have begun before a restart is waited for also when what comes before
// it in its bind has to be done once more, and fails.
func TestWhatMayHaveBegunIsWaitedForAfterAFailure(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.programsMdevs()
		a.done(a.fetch())
		begun := a.fetch()
		if begun.Kind != devices.CreateMdev {
			t.Fatalf("%+v", begun)
		}
		a.restarted("boot-2")
		synctest.Wait()
		w.crash()
		a.open()
		a.failed(a.fetch(), protocol.ResultError)
		w.wantStates("BindFailed", id)
		if c := a.fetch(); c.ID != begun.ID {
			t.Errorf("%+v is sent before it is known what became of %s", c, begun.ID)
		}
		w.finishAll(a)
		w.wantHandles(5, 0, 0)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// An image has to be loaded once more after a restart, and cannot be. What was to be made
// after it is on record no longer than its bind, though it only looks as if it had been
// sent: its device had not come to it.
func TestWhatLooksBegunIsNotOnRecordForEver(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.programsMdevs()
		first := a.fetch()
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(noDevices)
		a.done(first)
		w.crashOnABadDay()
		a.open()
		if again := a.fetchImage(); again.ID == first.ID {
			t.Error("the image is not loaded once more")
		} else {
			a.failed(again, protocol.ResultError)
		}
		w.wantStates("BindFailed", id)
		w.finishAll(a)
		w.wantHandles(5, 0, 0)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}
