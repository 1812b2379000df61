package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// What a bind needs, the agent does: it is on record with the ARQ, sent until
// there is a result, and gone with the bind.
func TestAnAgentPreparesABind(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		fetched := make(chan []protocol.Command)
		go func() { fetched <- a.poll(0, 25*time.Second) }()
		synctest.Wait()
		id := w.program("n", instance)
		w.wantStates("BindStarted", id)
		c := (<-fetched)[0]
		dep := w.deployableOf("n")
		if c.Kind != devices.ProgramFPGA || c.Args.Image.String() != image || c.Deployable != dep.Name || c.DeadlineS <= 59 || c.DeadlineS > 60 {
			t.Errorf("%+v", c)
		}
		w.wantCommandsOnRecord(1)
		if again := a.fetch(); again.ID != c.ID || again.N != c.N {
			t.Errorf("sent again as %+v", again)
		}
		if more := a.poll(c.N, time.Second); len(more) != 0 {
			t.Errorf("more: %+v", more)
		}
		w.must(a.tryResult(c, protocol.ResultRunning, ""))
		w.wantStates("BindStarted", id)
		a.done(c)
		w.wantStates("Bound", id)
		if got := w.deployableOf("n").BitstreamID.String(); got != image {
			t.Errorf("image %s is on record", got)
		}
		w.wantCommandsOnRecord(0)
		if more := a.poll(0, time.Second); len(more) != 0 {
			t.Errorf("more: %+v", more)
		}
		if e := w.events(); len(e) != 1 || !e[0].ARQs[0].Completed {
			t.Errorf("told %+v", e)
		}
		w.wantConsistent()
	})
}

func TestAnAgentCannotPrepareABind(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		a.failed(a.fetch(), protocol.ResultError)
		w.wantStates("BindFailed", id)
		w.wantHandles(5, 0, 0)
		w.wantCommandsOnRecord(0)
		if dep := w.deployableOf("n"); dep.BitstreamID != uuid.Nil {
			t.Error("an image is said to be loaded")
		}
		w.wantConsistent()
	})
}

// Rows "Duplicate / late command" and "Lost result".
func TestResultsAreRepeated(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		w.program("n", instance)
		c := a.fetch()
		a.done(c)
		a.done(c)
		w.must(a.tryResult(c, protocol.ResultRunning, ""))
		w.wantAgentError(a.tryResult(c, protocol.ResultFailed, protocol.ResultError), protocol.CodeResultDiffers)
		other := c
		other.ID = uuid.New()
		w.wantAgentError(a.tryResult(other, protocol.ResultDone, ""), protocol.CodeNotFound)
		w.wantAgentError(a.tryResult(c, "perhaps", ""), protocol.CodeInvalid)
		old := *a
		a.open()
		w.wantAgentError(old.tryResult(c, protocol.ResultDone, ""), protocol.CodeSessionReplaced)
		if st := w.sys.HostCounts(); st.CommandsDone != 1 || st.ResultsDiffering != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// A result is on disk before the agent hears that it was taken.
func TestAResultThatCannotBeWritten(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		w.setFaults(func(persistence.Transition) memory.Fault {
			return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
		})
		w.wantCode(a.tryResult(c, protocol.ResultDone, ""), CodeUnavailable)
		w.wantStates("BindStarted", id)
		w.setFaults(nil)
		a.done(c)
		w.wantStates("Bound", id)
	})
}

// Row "Agent restarts": what has no result is sent again with the same id.
func TestANewSessionGetsTheCommandsAgain(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		parked := make(chan error)
		old := *a
		go func() {
			_, err := w.sys.AwaitCommands(context.Background(), "n", old.session, c.N, 25*time.Second)
			parked <- err
		}()
		synctest.Wait()
		a.open()
		w.wantAgentError(<-parked, protocol.CodeSessionReplaced)
		if again := a.fetch(); again.ID != c.ID {
			t.Errorf("another command: %+v", again)
		}
		a.done(c)
		w.wantStates("Bound", id)
	})
}

// Row "Service restarts", at each step of a bind.
func TestABindGoesOnAfterARestart(t *testing.T) {
	for _, step := range []string{"accepted", "sent", "ended", "settled"} {
		withAgent(t, func(w *world, a *scripted, _ *Device) {
			id := w.program("n", instance)
			var before protocol.Command
			switch step {
			case "sent":
				before = a.fetch()
			case "ended": // and no further: what follows is not written
				before = a.fetch()
				writes := 0
				w.setFaults(func(persistence.Transition) memory.Fault {
					if writes++; writes > 1 {
						return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
					}
					return memory.Fault{}
				})
				w.must(a.tryResult(before, protocol.ResultDone, ""))
				synctest.Wait()
			case "settled":
				before = a.fetch()
				a.done(before)
			}
			w.setFaults(nil) // what failed is tried again only when time goes on
			w.crash()
			a.open()
			synctest.Wait()
			if step == "accepted" || step == "sent" {
				w.wantStates("BindStarted", id)
				c := a.fetch()
				if step == "sent" && c.ID != before.ID {
					t.Errorf("another command: %+v", c)
				}
				if c.DeadlineS > 60 {
					t.Errorf("%v seconds are left", c.DeadlineS)
				}
				a.done(c)
			}
			synctest.Wait()
			<-time.After(2 * time.Second)
			w.wantStates("Bound", id)
			if more := a.poll(0, time.Second); len(more) != 0 {
				t.Errorf("%s: more: %+v", step, more)
			}
			w.wantCommandsOnRecord(0)
			w.wantHandles(4, 1, 0)
			w.wantConsistent()
		})
	}
}

// A service that is stopped in order leaves a bind as it is, too.
func TestABindGoesOnAfterAStop(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		before := a.fetch()
		w.must(w.sys.Stop(w.t.Context()))
		w.drainEngine()
		w.crash()
		a.open()
		w.wantStates("BindStarted", id)
		if c := a.fetch(); c.ID != before.ID {
			t.Errorf("another command: %+v", c)
		}
		a.done(before)
		w.wantStates("Bound", id)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// A bind whose agent never comes back fails in its time, also after a restart,
// and what was perhaps begun keeps the device until the agent says more.
func TestABindWithoutItsAgentFails(t *testing.T) {
	for _, sent := range []bool{false, true} {
		for _, restart := range []bool{false, true} {
			withAgent(t, func(w *world, a *scripted, _ *Device) {
				id := w.program("n", instance)
				var c protocol.Command
				if sent {
					c = a.fetch()
				}
				if restart {
					<-time.After(20 * time.Second)
					w.crash()
				}
				<-time.After(61 * time.Second)
				synctest.Wait()
				w.wantStates("BindFailed", id)
				if e := w.events(); len(e) != 1 || e[0].ARQs[0].Completed {
					t.Errorf("told %+v", e)
				}
				if !sent && !restart {
					w.wantHandles(5, 0, 0)
					w.wantCommandsOnRecord(0)
					return
				}
				w.wantHandles(4, 0, 1)
				a.open()
				if sent {
					if again := a.fetch(); again.ID != c.ID || again.DeadlineS > 0 {
						t.Errorf("sent again as %+v", again)
					}
				}
				a.failed(a.fetch(), protocol.ResultExpired)
				w.wantHandles(5, 0, 0)
				w.wantCommandsOnRecord(0)
				w.wantConsistent()
			})
		}
	}
}

// Row "Late done after BindFailed": it is undone, and nobody gets the handle
// before.
func TestALateResultIsUndone(t *testing.T) {
	for _, restart := range []bool{false, true} {
		withMdevAgent(t, func(w *world, a *scripted, d *Device) {
			id := w.bound(d, instance)
			made := a.fetch()
			for range 7 {
				<-time.After(10 * time.Second)
				a.beat()
			}
			w.wantStates("BindFailed", id)
			w.wantHandles(4, 0, 1)
			if restart {
				w.crash()
				a.open()
			}
			second := w.bound(d, another) // it gets another handle
			a.done(made)
			kinds := w.finishAll(a)
			slices.Sort(kinds)
			if kinds = slices.Compact(kinds); !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev, devices.RemoveMdev}) {
				t.Errorf("done: %v", kinds)
			}
			w.wantStates("Bound", second)
			w.wantHandles(4, 1, 0)
			w.wantCommandsOnRecord(0)
			w.wantConsistent()
		})
	}
}

// A command is on record before anybody may begin it, however long that takes.
func TestACommandIsOnRecordBeforeItIsSent(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindCommand }) {
				return memory.Fault{Delay: 3 * time.Second}
			}
			return memory.Fault{}
		})
		var all sync.WaitGroup
		all.Go(func() {
			_, err := w.sys.ProgramDeployable(context.Background(), w.deployableOf("n").UUID, uuid.New())
			w.must(err)
		})
		if sent := a.poll(0, 2*time.Second); len(sent) != 0 {
			t.Errorf("%+v is sent, and not on record", sent)
		}
		w.wantCommandsOnRecord(0)
		sent := a.fetch()
		w.wantCommandsOnRecord(1)
		a.done(sent)
		all.Wait()
	})
}

// Commands of one device come one after the other.
func TestOneCommandOfADeviceAtATime(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		var ids []uuid.UUID
		for range 3 {
			id := w.bound(d, uuid.New())
			ids = append(ids, id)
		}
		var last uint64
		for i := range 3 {
			c := a.fetch()
			if c.N <= last {
				t.Errorf("command %d has the number %d after %d", i, c.N, last)
			}
			last = c.N
			a.done(c)
		}
		w.wantStates("Bound", ids...)
	})
}

// Rows "Agent dies" and "Bind while the host is unknown": what has to be prepared.
func TestPreparationNeedsAnAgent(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		bind := func() (uuid.UUID, error) {
			id := w.create("image", 1)[0]
			return id, w.bind(w.to("n", uuid.New()), id)
		}
		<-time.After(31 * time.Second)
		_, err := bind()
		w.wantCode(err, CodeConflict)
		if err == nil || !strings.Contains(err.Error(), "not heard of") {
			t.Errorf("%v", err)
		}
		_, err = w.sys.ProgramDeployable(w.t.Context(), w.deployableOf("n").UUID, uuid.New())
		w.wantCode(err, CodeConflict)
		w.crash()
		id, err := bind()
		w.must(err)
		w.wantStates("BindStarted", id)
		a.open()
		a.done(a.fetch())
		w.wantStates("Bound", id)
	})
}

func TestAnAgentThatCannotDoIt(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		_, err := w.sys.OpenSession(w.t.Context(), "n", &protocol.OpenSession{Versions: []int{1}, AgentVersion: "t", BootID: a.boot})
		w.must(err)
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		err = w.bind(w.to("n", instance), w.create("image", 1)[0])
		if ErrorCode(err) != CodeConflict || !strings.Contains(err.Error(), "does not carry out fpga_program") {
			t.Errorf("%v", err)
		}
	})
}

// Row "Unbind or delete while the host is stale or dead".
func TestUnbindWithoutAnAgent(t *testing.T) {
	for _, restart := range []bool{false, true} {
		withMdevAgent(t, func(w *world, a *scripted, d *Device) {
			id := w.bound(d, instance)
			a.done(a.fetch())
			<-time.After(10 * time.Minute)
			w.wantHost("n", HostDead)
			w.must(w.remove(id))
			w.wantStates("gone", id)
			w.wantHandles(4, 0, 1)
			if restart {
				w.crash()
				w.wantHandles(4, 0, 1)
			}
			a.restarted("boot-2")
			if kinds := w.finishAll(a); len(kinds) == 0 || kinds[0] != devices.RemoveMdev {
				t.Errorf("done: %v", kinds)
			}
			w.wantHandles(5, 0, 0)
			w.wantCommandsOnRecord(0)
			w.wantConsistent()
		})
	}
}

// library is an image service with one image.
type library struct{ about devices.Image }

func (l library) Image(_ context.Context, id uuid.UUID) (devices.Image, error) {
	if id != l.about.ID {
		return devices.Image{}, devices.ErrNoImage
	}
	return l.about, nil
}

func (l library) ImagesFor(context.Context, string) ([]devices.Image, error) { return nil, nil }

func (l library) Open(ctx context.Context, id uuid.UUID) (io.ReadCloser, devices.Image, error) {
	about, err := l.Image(ctx, id)
	return io.NopCloser(strings.NewReader("bits")), about, err
}

// An image is for the host that has a command for it, and only until that is
// over.
func TestWhoGetsAnImage(t *testing.T) {
	id := uuid.MustParse(image)
	images := library{devices.Image{ID: id, Size: 4, Hash: "sha256", Digest: strings.Repeat("ab", 32)}}
	inBubble(t, 1, func(w *world) {
		a, b := w.joined("n", 1), w.joined("m", 1)
		open := func(s *scripted) error {
			content, about, err := w.sys.OpenImage(w.t.Context(), s.host, s.session, id)
			if err == nil && (about != images.about || content.Close() != nil) {
				err = errors.New(fmt.Sprint(about))
			}
			return err
		}
		w.wantAgentError(open(a), protocol.CodeForbidden)
		w.program("n", instance)
		c := a.fetch()
		if c.Args.Size != 4 || c.Args.Hash != "sha256" || c.Args.Digest != images.about.Digest {
			t.Errorf("%+v", c.Args)
		}
		w.must(open(a))
		w.wantAgentError(open(b), protocol.CodeForbidden)
		stranger := *a
		stranger.session = b.session
		w.wantAgentError(open(&stranger), protocol.CodeSessionUnknown)
		a.done(c)
		w.wantAgentError(open(a), protocol.CodeForbidden)
	}, func(w *world) { w.opts.Images = images })
}

// Commands of a store that was restored are old: none is sent, and nobody else gets what
// the guest may have by now.
func TestCommandsOfARestoredStore(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		id := w.program("n", instance)
		a.fetch()
		w.restore()
		synctest.Wait()
		w.wantStates("Bound", id)
		w.wantCommandsOnRecord(0)
		a.open()
		if more := a.poll(0, time.Second); len(more) != 0 {
			t.Errorf("sent: %+v", more)
		}
		a.report()
		w.wantHandles(4, 1, 0)
		w.wantConsistent()
		w.must(w.removeInstance(instance))
		w.wantHandles(5, 0, 0)
	})
}

// The service stops while agents wait for commands.
func TestStoppingWhileAnAgentWaits(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		parked := make(chan error)
		go func() {
			_, err := w.sys.AwaitCommands(context.Background(), "n", a.session, 0, time.Minute)
			parked <- err
		}()
		synctest.Wait()
		begin := time.Now()
		w.must(w.sys.Stop(w.t.Context()))
		<-parked
		if took := time.Since(begin); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
}

// A service that is being stopped hears no agent, and judges none by that.
func TestNoHostDiesOfAStop(t *testing.T) {
	withAgent(t, func(w *world, _ *scripted, _ *Device) {
		w.do = func(ctx context.Context, _ devices.Command) error {
			<-ctx.Done()
			return ctx.Err()
		}
		var calls sync.WaitGroup
		calls.Go(func() { _, _ = w.sys.ProgramDeployable(w.t.Context(), w.deployableOf("h").UUID, uuid.New()) })
		synctest.Wait()
		w.must(w.sys.Stop(w.t.Context())) // when the programming is waited for no longer
		calls.Wait()
		w.crash()
		w.wantHost("n", HostUnknown)
	}, func(w *world) { w.opts.Lease, w.opts.HostDeadAfter = 15*time.Second, 15*time.Second })
}

// However often its agent comes back, what cannot be made anew is tried again after a while.
func TestWhatIsMadeAnewIsTriedOnceAtATime(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		w.bound(d, instance)
		a.done(a.fetch())
		a.restarted("boot-2")
		a.failed(a.fetch(), protocol.ResultError)
		for range 5 {
			a.open()
			<-time.After(time.Second)
		}
		tries := 0
		for end := w.sys.now().Add(restorePause); w.sys.now().Before(end); {
			for _, c := range a.poll(0, 5*time.Second) {
				a.failed(c, protocol.ResultError)
				tries++
			}
		}
		if tries != 1 {
			t.Errorf("%d tries in %s", tries, restorePause)
		}
	})
}

// What takes something back names the command that has made it: should that come to
// the agent later, it is not begun.
func TestWhatIsTakenBackIsNamed(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		for range 2 {
			id := w.bound(d, instance)
			made := a.fetch()
			a.done(made)
			w.must(w.remove(id))
			synctest.Wait()
			c := a.fetch()
			if c.Kind != devices.RemoveMdev || c.Undoes == nil || *c.Undoes != made.ID || made.Undoes != nil {
				t.Errorf("%s was made, and then %+v", made.ID, c)
			}
			a.done(c)
		}
	})
}
