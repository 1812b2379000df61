package actors

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// named gives the agent a process and a journal.
func (a *scripted) named() *scripted {
	a.process, a.journal = uuid.New(), uuid.New()
	return a
}

// started is the agent after a start of its own: with the same journal.
func (a *scripted) started() *scripted {
	next := *a
	next.process = uuid.New()
	return &next
}

// elsewhere is another agent of the same host, with another state_path.
func (a *scripted) elsewhere() *scripted {
	next := *a
	return next.named()
}

func (w *world) namedAgent() *scripted {
	a := w.agent("n", 1).named()
	a.open()
	a.report()
	return a
}

// Row "Two agents for one host": what one of them may have begun the other does
// not begin. It has to wait while that one is alive.
func TestAnAgentThatKnowsNothingOfACommandHasToWait(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.namedAgent()
		id := w.program("n", instance)
		c := a.fetch()
		other := a.elsewhere()
		_, err := other.tryOpen()
		w.wantAgentError(err, protocol.CodeUnavailable)
		a.beat() // it has the session still
		w.crash()
		_, err = other.tryOpen()
		w.wantAgentError(err, protocol.CodeUnavailable)
		a.open()
		a.done(c)
		w.wantStates("Bound", id)
		other.open()
		other.beat()
		_, err = a.tryBeat()
		w.wantAgentError(err, protocol.CodeSessionReplaced)
	})
}

// A command that comes while another agent takes over goes to that one alone, or, if
// it gets no session, to the first.
func TestACommandThatComesDuringATakeover(t *testing.T) {
	for name, fails := range map[string]bool{"the other gets the session": false, "the other gets none": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				a := w.namedAgent()
				other := a.elsewhere()
				w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
				id := w.create("image", 1)[0]
				w.setFaults(func(change persistence.Transition) memory.Fault {
					fault := memory.Fault{Delay: time.Second}
					if fails && slices.ContainsFunc(change.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindHost }) {
						fault.Effect, fault.Err = memory.Lose, persistence.ErrUnavailable
					}
					return fault
				})
				var got []protocol.Command
				var over error
				var all sync.WaitGroup
				all.Go(func() { got, over = w.sys.AwaitCommands(w.t.Context(), "n", a.session, 0, 20*time.Second) })
				all.Go(func() { w.must(w.bind(w.to("n", instance), id)) })
				<-time.After(1500 * time.Millisecond) // that the loading begins is on its way to the disk
				all.Go(func() {
					if _, err := other.tryOpen(); (err != nil) != fails {
						t.Errorf("opened: %v", err)
					}
				})
				all.Wait()
				w.setFaults(nil)
				if fails {
					if w.must(over); len(got) != 1 {
						t.Fatalf("the one that keeps the session gets %+v", got)
					}
					a.done(got[0])
				} else {
					if w.wantAgentError(over, protocol.CodeSessionReplaced); len(got) != 0 {
						t.Errorf("the one that loses the session gets %+v", got)
					}
					other.done(other.fetch())
				}
				w.wantStates("Bound", id)
			})
		})
	}
}

// One that is not heard of any more is not waited for; how its command has ended
// nobody knows.
func TestAnAgentThatKnowsNothingOfACommandTakesOver(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.namedAgent()
		id := w.program("n", instance)
		a.fetch()
		<-time.After(31 * time.Second)
		w.wantHost("n", HostStale)
		other := a.elsewhere()
		other.open()
		synctest.Wait()
		w.wantStates("BindFailed", id)
		w.wantUncertain("n", true)
		if got := other.poll(0, time.Second); len(got) != 0 {
			t.Errorf("it is to carry out %+v", got)
		}
		w.wantCommandsOnRecord(0)
	})
}

// What can be repeated is, and after a start of the machine nothing goes on that
// was begun before.
func TestCommandsThatAnotherAgentGets(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 1).named()
		a.mdevs()
		a.open()
		a.report()
		w.bound(w.wantDevices("n", 1)[0], instance)
		c := a.fetch()
		<-time.After(31 * time.Second)
		other := a.elsewhere()
		other.open()
		if got := other.fetch(); got.ID != c.ID || got.Kind != devices.CreateMdev {
			t.Errorf("another command: %+v", got)
		}
	})
	inBubble(t, 1, func(w *world) {
		a := w.namedAgent()
		id := w.program("n", instance)
		c := a.fetch()
		other := a.elsewhere()
		other.boot = "boot-2"
		other.open()
		if got := other.fetch(); got.ID != c.ID {
			t.Errorf("another command: %+v", got)
		}
		other.done(c)
		other.done(other.fetch()) // it may have been loaded before
		w.wantStates("Bound", id)
	})
}

// An agent that opens a session once more is nobody else: it is not told to stop,
// and raises no alarm.
func TestAnAgentReplacesItself(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.namedAgent()
		poll, waits := make(chan error), a.session
		go func() {
			_, err := w.sys.AwaitCommands(w.t.Context(), "n", waits, 0, 20*time.Second)
			poll <- err
		}()
		synctest.Wait()
		a.open()
		w.wantAgentError(<-poll, protocol.CodeSessionUnknown)
		w.program("n", instance)
		c := a.fetch()
		first := a.session
		for range 6 {
			a.open()
		}
		second := a.session
		a.session = first // a call that was on its way
		_, err := a.tryBeat()
		w.wantAgentError(err, protocol.CodeSessionUnknown)
		a.session = second
		a.beat()

		again := a.started()
		for range 6 {
			again.open()
		}
		_, err = a.tryBeat()
		w.wantAgentError(err, protocol.CodeSessionReplaced)
		if got := again.fetch(); got.ID != c.ID {
			t.Errorf("another command: %+v", got)
		}
		if n := w.sys.HostCounts().Alternations; n != 0 {
			t.Errorf("%d sessions are said to have been taken by another agent", n)
		}
	})
}
