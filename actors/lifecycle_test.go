package actors

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

const image = "20000000-0000-4000-8000-000000000001"

// withProgramming makes a profile whose binds load an image, on a device whose
// work ends when the test says so.
func withProgramming(w *world) (end chan error) {
	end = make(chan error)
	w.do = func(ctx context.Context, _ devices.Command) error {
		select {
		case err := <-end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.profile("program", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
	return end
}

func TestABindThatNeedsPreparation(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		end := withProgramming(w)
		ids := w.create("program", 2)
		w.must(w.bind(w.to("h", instance), ids...)) // accepted at once
		w.wantStates("BindStarted", ids...)
		if len(w.events()) != 0 {
			t.Error("told before the device was ready")
		}
		w.wantHandles(2, 2, 0)
		w.must(w.bind(w.to("h", instance), ids...)) // the very same again

		end <- nil
		synctest.Wait()
		w.wantStates("Bound", ids...)
		if e := w.events(); len(e) != 1 || len(e[0].ARQs) != 2 || !e[0].ARQs[0].Completed {
			t.Errorf("told %+v", e)
		}
		if got := w.deployableOf("h").BitstreamID.String(); got != image {
			t.Errorf("bitstream on record: %s", got)
		}
		w.wantConsistent()

		// The image is there: the next bind has nothing to wait for.
		more := w.create("program", 1)
		w.must(w.bind(w.to("h", another), more...))
		w.wantStates("Bound", more...)
	})
}

func TestAPreparationThatFailsGivesTheHandlesBack(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		end := withProgramming(w)
		ids := w.create("program", 2)
		w.must(w.bind(w.to("h", instance), ids...))
		end <- errors.New("no such bitstream")
		synctest.Wait()
		w.wantStates("BindFailed", ids...)
		if e := w.events(); len(e) != 1 || e[0].ARQs[0].Completed {
			t.Errorf("told %+v", e)
		}
		if got := w.deployableOf("h").BitstreamID; got != uuid.Nil {
			t.Errorf("after a failure the image is not known, on record: %s", got)
		}
		w.wantHandles(4, 0, 0)
		w.wantConsistent()
	})
}

func TestAPreparationThatTakesTooLongFails(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		end := withProgramming(w)
		ids := w.create("program", 1)
		w.must(w.bind(w.to("h", instance), ids...))
		<-time.After(59 * time.Second)
		w.wantStates("BindStarted", ids...)
		w.wantAges(59*time.Second, 0)
		<-time.After(2 * time.Second)
		w.wantStates("BindFailed", ids...)
		w.wantHandles(3, 0, 1) // the device is still at work on it
		<-time.After(39 * time.Second)
		w.wantAges(0, 40*time.Second)
		end <- nil
		w.wantHandles(4, 0, 0)
		w.wantAges(0, 0)
		w.wantConsistent()
	})
}

// wantAges holds the ages of what takes longest against what they are, to a second.
func (w *world) wantAges(bind, release time.Duration) {
	w.t.Helper()
	st := w.sys.Stats()
	for _, is := range [][2]time.Duration{{st.BindOldest, bind}, {st.ReleaseOldest, release}} {
		if off := (is[0] - is[1]).Abs(); off > time.Second || is[1] == 0 && off != 0 {
			w.t.Errorf("the oldest bind is %v old and the oldest release %v, want %v and %v", st.BindOldest, st.ReleaseOldest, bind, release)
		}
	}
}

// Unbind and delete win over a preparation under way; the handle is nobody's
// until the device has let go of it.
func TestAnARQMayLeaveDuringItsPreparation(t *testing.T) {
	for name, leave := range map[string]func(w *world, id uuid.UUID) error{
		"delete":             func(w *world, id uuid.UUID) error { return w.remove(id) },
		"delete by instance": func(w *world, _ uuid.UUID) error { return w.removeInstance(instance) },
		"unbind":             func(w *world, id uuid.UUID) error { return w.unbind(id) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				end := withProgramming(w)
				w.profile("one")
				id, next := w.create("program", 1)[0], w.create("one", 1)[0]
				w.must(w.bind(w.to("h", instance), id))
				w.must(leave(w, id))
				w.wantHandles(0, 0, 1)
				w.wantConsistent()
				w.wantCode(w.bind(w.to("h", instance), next), CodeConflict) // being programmed

				end <- nil
				w.wantHandles(1, 0, 0)
				if got := w.state(id); got == "Bound" || got == "BindStarted" {
					t.Errorf("the ARQ that left is %s", got)
				}
				if e := w.events(); len(e) != 0 {
					t.Errorf("told of a bind that did not happen: %+v", e)
				}
				if name != "unbind" { // the instance is free for others at once
					w.must(w.bind(w.to("h", instance), next))
				}
				w.wantConsistent()
			})
		})
	}
}

func TestOneOfTwoLeavesDuringThePreparation(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		end := withProgramming(w)
		ids := w.create("program", 2)
		w.must(w.bind(w.to("h", instance), ids...))
		w.must(w.unbind(ids[0]))
		end <- nil
		synctest.Wait()
		w.wantStates("Unbound", ids[0])
		w.wantStates("Bound", ids[1])
		w.wantHandles(1, 1, 0)
		w.wantConsistent()
	})
}

func TestMdevHandlesAreMadeAndRemoved(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		var mu sync.Mutex
		var done []devices.Command
		fail := true
		w.do = func(_ context.Context, c devices.Command) error {
			mu.Lock()
			defer mu.Unlock()
			if c.Kind == devices.RemoveMdev && fail {
				fail = false
				return errors.New("busy")
			}
			done = append(done, c)
			return nil
		}
		w.must(w.sys.RegisterInventory(w.t.Context(), "gpu", []devices.Device{{
			Type: "GPU", ControlPath: devices.ControlPathID{Type: "PCI", Info: "{}"},
			Deployables: []devices.Deployable{{
				Name: "gpu_0", DriverName: "NVIDIA", NumAccelerators: 1,
				Attributes:    []devices.Attribute{{Key: "rc", Value: "VGPU"}},
				AttachHandles: []devices.AttachHandle{{Type: "MDEV", Info: `{"asked_type": "nvidia-222"}`}},
			}},
		}}))
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		id := w.create("vgpu", 1)[0]
		w.must(w.bind(w.to("gpu", instance), id))
		synctest.Wait()
		w.wantStates("Bound", id)
		a, _ := w.sys.ARQ(id)
		if len(done) != 1 || done[0].Kind != devices.CreateMdev || done[0].Handle != a.Binding.Handle.UUID {
			t.Fatalf("commands %+v", done)
		}
		w.must(w.remove(id))
		w.wantHandles(1, 0, 1) // the clean-up failed; the handle is not given meanwhile
		w.wantCode(w.bind(w.to("gpu", another), w.create("vgpu", 1)...), CodeNoFreeHandle)
		<-time.After(2 * cleanUpPause)
		w.wantHandles(2, 0, 0)
		if len(done) != 2 || done[1].Kind != devices.RemoveMdev || done[1].Handle != done[0].Handle {
			t.Errorf("commands %+v", done)
		}
		w.wantConsistent()
	})
}

// A crash keeps what was acknowledged and leaves nothing half done.
func TestRestart(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		end := withProgramming(w)
		w.profile("one")
		kept, unbound, deleted := w.create("one", 1)[0], w.create("one", 1)[0], w.create("one", 1)[0]
		started := w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), kept))
		w.must(w.unbind(unbound))
		w.must(w.remove(deleted))
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), w.sys.Devices()[0].UUID, false))
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), w.sys.Devices()[0].UUID, true))
		wantDevice := w.sys.Devices()[0].UUID
		_ = end
		w.must(w.unbind(kept))
		w.must(w.bind(w.to("h", another), started))
		w.wantStates("BindStarted", started)

		w.crash()
		synctest.Wait()
		w.wantStates("Unbound", kept, unbound)
		w.wantStates("gone", deleted)
		w.wantStates("BindFailed", started)
		if got := w.sys.Devices()[0]; got.UUID != wantDevice || got.ID != 1 {
			t.Errorf("the device is %d %s, was 1 %s", got.ID, got.UUID, wantDevice)
		}
		last := w.events()[len(w.events())-1]
		if last.Instance != another || last.ARQs[0].Completed {
			t.Errorf("told last: %+v", last)
		}
		w.wantHandles(4, 0, 0)
		w.wantConsistent()
		w.inventory("h", 4) // reported again: nothing new
		w.wantHandles(4, 0, 0)
		if n := len(w.sys.Devices()); n != 1 {
			t.Errorf("%d devices", n)
		}
	})
}

func TestAReleasingHandleIsTakenUpAfterARestart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		withProgramming(w)
		id := w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		w.must(w.remove(id))
		w.wantHandles(0, 0, 1)
		w.crash()
		w.wantHandles(1, 0, 0)
		w.wantConsistent()
	})
}

func TestEventsOutliveARestart(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		away := errors.New("away")
		w.tell = func(context.Context, *Event) error { return away }
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0])) // unaffected
		w.must(w.removeInstance(instance))
		w.must(w.bind(w.to("h", instance), ids[1]))
		w.events()
		if st := w.sys.Stats(); st.OutboxDepth != 2 {
			t.Errorf("outbox depth %d", st.OutboxDepth)
		}
		w.tell = func(context.Context, *Event) error { return nil }
		w.crash()
		got := w.events()
		if len(got) != 2 || got[0].ARQs[0].UUID != ids[0] || got[1].ARQs[0].UUID != ids[1] {
			t.Errorf("told %+v, want both in order", got)
		}
		w.crash()
		if n := len(w.events()); n != 2 {
			t.Errorf("told %d times in all, after another restart", n)
		}
	})
}

func TestEventsAreTriedAgainAndGivenUp(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		tries := 0
		w.tell = func(context.Context, *Event) error { tries++; return errors.New("away") }
		w.profile("one")
		w.must(w.bind(w.to("h", instance), w.create("one", 1)...))
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if st := w.sys.Stats(); st.OutboxDepth != 0 || tries < 8 || tries > 30 {
			t.Errorf("after the deadline: depth %d, %d tries", st.OutboxDepth, tries)
		}
	})
}

// The store's bad days: lost races are run again, unknown outcomes looked up.
func TestTheStoresVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		effect memory.Effect
		times  int
		want   Code
		state  string
	}{
		"lost once":                {memory.Lose, 1, CodeInternal, "Bound"},
		"lost for ever":            {memory.Lose, 99, CodeUnavailable, "Initial"},
		"unknown, and applied":     {memory.ApplyUnknown, 1, CodeInternal, "Bound"},
		"unknown, and not applied": {memory.DropUnknown, 1, CodeInternal, "Bound"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(w *world) {
				w.profile("one")
				ids := w.create("one", 2)
				left := c.times
				w.setFaults(func(p persistence.Transition) memory.Fault {
					if len(p.Puts) > 0 && p.Puts[0].Key.Kind == kindHandle && left > 0 {
						left--
						return memory.Fault{Effect: c.effect}
					}
					return memory.Fault{}
				})
				err := w.bind(w.to("h", instance), ids...)
				if c.want != CodeInternal {
					w.wantCode(err, c.want)
				} else {
					w.must(err)
				}
				w.wantStates(c.state, ids...)
				w.wantConsistent()
			})
		})
	}
}

// A write of which nothing came is no sign that its condition failed: it is
// written again, and when that goes on, the store is to blame.
func TestAForgottenWriteIsNoFailedCondition(t *testing.T) {
	for name, c := range map[string]struct {
		times int
		want  Code // CodeInternal: it is done in the end
	}{
		"once": {1, CodeInternal}, "for ever": {99, CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				w.profile("one")
				for what, change := range map[string]func() error{
					"create an ARQ": func() error { return w.tryCreate("demo") },
					"create a profile": func() error {
						spec := ProfileSpec{Name: "another", Groups: [][]Request{{{"resources:FPGA", "1"}}}}
						_, err := w.sys.CreateProfile(w.t.Context(), spec)
						return err
					},
				} {
					left := c.times
					w.setFaults(func(persistence.Transition) memory.Fault {
						if left--; left >= 0 {
							return memory.Fault{Effect: memory.DropUnknown}
						}
						return memory.Fault{}
					})
					err := change()
					switch {
					case c.want != CodeInternal:
						w.wantCode(err, c.want)
					case err != nil:
						t.Errorf("%s: %v", what, err)
					}
				}
				w.wantConsistent()
			})
		})
	}
}

// A reader sees a change, and its client is answered, only once a crash cannot
// take it back.
func TestNothingIsPublishedBeforeItIsDurable(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.setFaults(func(persistence.Transition) memory.Fault { return memory.Fault{Delay: time.Minute} })
		var wg sync.WaitGroup
		var made []*ARQ
		var answers atomic.Int32
		wg.Go(func() {
			made, _ = w.sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "one", ProjectID: "demo"})
			answers.Add(1)
		})
		wg.Go(func() {
			w.must(w.bind(w.to("h", instance), id))
			answers.Add(1)
		})
		<-time.After(59 * time.Second)
		if n := answers.Load(); n != 0 {
			t.Errorf("%d answers, nothing is durable", n)
		}
		w.wantStates("Initial", id)
		seq, _ := w.sys.ARQs(ARQQuery{Scope: admin})
		n := 0
		for range seq {
			n++
		}
		if n != 1 {
			t.Errorf("%d ARQs seen, 1 is durable", n)
		}
		w.setFaults(nil)
		wg.Wait()
		if len(made) != 1 {
			t.Errorf("created %v", made)
		}
	}, func(w *world) { w.opts.CallTimeout = 10 * time.Minute })
}

func TestIdleActorsLeaveAndComeBack(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.profile("one")
		ids := w.create("one", 3)
		if n := w.sys.Stats().ActiveActors["arq"]; n != 0 {
			t.Errorf("%d ARQ actors after creating", n)
		}
		w.setFaults(slowly)
		var wg sync.WaitGroup
		wg.Go(func() { w.must(w.bind(w.to("h", instance), ids...)) })
		synctest.Wait()
		if n := w.sys.Stats().ActiveActors["arq"]; n != 3 {
			t.Errorf("%d ARQ actors while a bind is undecided", n)
		}
		wg.Wait()
		synctest.Wait()
		if n := w.sys.Stats().ActiveActors["arq"]; n != 0 {
			t.Errorf("%d ARQ actors after binding", n)
		}
		<-time.After(5 * time.Minute)
		synctest.Wait()
		st := w.sys.Stats()
		if st.ActiveActors["arq"] != 0 || st.ActiveActors["operation"] != 0 {
			t.Errorf("active when idle: %v", st.ActiveActors)
		}
		w.must(w.unbind(ids...))
		w.wantStates("Unbound", ids...)
	})
}

func TestStopRefusesNewCallsAndWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start(w.store)
		w.profile("one")
		w.setFaults(func(persistence.Transition) memory.Fault { return memory.Fault{Delay: time.Second} })
		var wg sync.WaitGroup
		var answered bool
		var err error
		wg.Go(func() {
			_, err = w.sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "one", ProjectID: "demo"})
			answered = true
		})
		synctest.Wait()
		w.must(w.sys.Stop(t.Context()))
		synctest.Wait()
		if !answered {
			t.Error("Stop did not wait for a call that was under way")
		}
		w.stop()
		wg.Wait()
		w.must(err)
		_, err = w.sys.CreateARQs(t.Context(), CreateARQs{ProfileName: "one"})
		w.wantCode(err, CodeUnavailable)
		if why := w.sys.Ready(); len(why) != 1 || why[0] != "stopping" {
			t.Errorf("ready says %v", why)
		}
	})
}
