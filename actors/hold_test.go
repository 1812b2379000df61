package actors

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// holding holds failures back, and has every preparation fail after a second.
func holding(w *world) {
	w.opts.HoldFailed = true
	w.do = func(ctx context.Context, _ devices.Command) error {
		select {
		case <-time.After(time.Second):
			return errors.New("no such bitstream")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// heldBind gives ARQs of an instance whose bind has failed and is held back.
func (w *world) heldBind(n int) []uuid.UUID {
	w.t.Helper()
	w.profile("program", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
	ids := w.create("program", n)
	w.must(w.bind(w.to("h", instance), ids...))
	<-time.After(2 * time.Second)
	synctest.Wait()
	w.wantStates("BindStarted", ids...)
	if got := w.sys.Stats().ARQsHeld; got != n {
		w.t.Errorf("%d held back, want %d", got, n)
	}
	w.wantAges(0, 0) // they have come to their end
	return ids
}

// found gives the ARQs that a query finds.
func (w *world) found(q ARQQuery) (ids []uuid.UUID) {
	w.t.Helper()
	q.Scope = demo
	all, err := w.sys.ARQs(q)
	w.must(err)
	for a := range all {
		ids = append(ids, a.UUID)
	}
	return ids
}

// told counts the events that were taken, and fails the test for one that does
// not say that these ARQs failed.
func (w *world) toldOfFailure(ids ...uuid.UUID) int {
	w.t.Helper()
	events := w.events()
	for _, e := range events {
		if e.Instance != instance || !slices.EqualFunc(e.ARQs, ids, func(a EventARQ, id uuid.UUID) bool { return a == EventARQ{UUID: id} }) {
			w.t.Errorf("told %+v, want the failure of %v", e, ids)
		}
	}
	return len(events)
}

// Readers see a bind that failed after its 202 as one that is not over, in
// every way there is to read it, for as long as the compute service may not
// have listened. What it held is free at once.
func TestAFailureIsHeldBackAndToldAgain(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		ids := w.heldBind(2)
		w.wantHandles(4, 0, 0)
		w.wantConsistent()
		if got := w.found(ARQQuery{States: []State{BindStarted}}); !slices.Equal(got, ids) {
			t.Errorf("in the list of BindStarted: %v", got)
		}
		if got := w.found(ARQQuery{States: []State{BindFailed}}); got != nil {
			t.Errorf("in the list of BindFailed: %v", got)
		}
		if _, err := w.sys.ARQs(ARQQuery{Scope: demo, Instance: instance, Resolved: true}); ErrorCode(err) != CodeUnresolved {
			t.Errorf("the instance is resolved: %v", err)
		}
		a, _ := w.sys.ARQ(ids[0])
		if a.AttachHandle() != nil || a.Binding.Hostname != "h" {
			t.Errorf("shows %+v", a.Binding)
		}
		if st := w.sys.Stats(); st.ARQs[BindStarted] != 2 || st.ARQs[BindFailed] != 0 || st.EventsDelivered != 1 || st.OutboxOldest != 0 {
			t.Errorf("%+v", st)
		}
		<-time.After(290 * time.Second)
		w.wantStates("BindStarted", ids...)
		told := w.toldOfFailure(ids...)
		if told < 20 || told > 80 {
			t.Errorf("told %d times", told)
		}
		<-time.After(20 * time.Second)
		w.wantStates("BindFailed", ids...)
		if got := w.found(ARQQuery{States: []State{BindFailed}}); !slices.Equal(got, ids) {
			t.Errorf("in the end in the list of BindFailed: %v", got)
		}
		<-time.After(time.Hour)
		if again := w.toldOfFailure(ids...); again > told+3 {
			t.Errorf("told %d times more after the deadline", again-told)
		}
		if st := w.sys.Stats(); st.ARQsHeld != 0 || st.OutboxDepth != 0 || st.EventsExpired != 0 || int(st.EventsRepeated) != len(w.told)-1 {
			t.Errorf("%+v", st)
		}
		w.wantConsistent()
	}, holding)
}

// A hold is over for those that leave, and the instance's next bind is not
// kept waiting by it.
func TestAHoldEndsWithItsARQs(t *testing.T) {
	for name, leave := range map[string]func(w *world, ids []uuid.UUID) error{
		"deleted":             func(w *world, ids []uuid.UUID) error { return w.remove(ids...) },
		"deleted by instance": func(w *world, _ []uuid.UUID) error { return w.removeInstance(instance) },
		"unbound":             func(w *world, ids []uuid.UUID) error { return w.unbind(ids...) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(w *world) {
				ids := w.heldBind(2)
				before := w.toldOfFailure(ids...)
				w.must(leave(w, ids))
				w.profile("one")
				next := w.create("one", 1)[0]
				w.must(w.bind(w.to("h", instance), next))
				got := w.events()[before:]
				if len(got) != 1 || got[0].ARQs[0] != (EventARQ{next, true}) {
					t.Errorf("told %+v, want the next bind at once", got)
				}
				<-time.After(10 * time.Minute)
				if n := len(w.events()); n != before+1 {
					t.Errorf("told %d times more", n-before-1)
				}
				if st := w.sys.Stats(); st.ARQsHeld != 0 || st.OutboxDepth != 0 || w.recorded(kindEvent) != 0 {
					t.Errorf("%+v", st)
				}
				w.wantConsistent()
			}, holding)
		})
	}
}

// Of two that are held back one leaves: the other is told of alone.
func TestAHoldGoesOnForTheRest(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		ids := w.heldBind(2)
		w.must(w.remove(ids[0]))
		w.wantStates("BindStarted", ids[1])
		before := w.toldOfFailure(ids...)
		<-time.After(20 * time.Second)
		w.mu.Lock()
		w.told = w.told[before:]
		w.mu.Unlock()
		if w.toldOfFailure(ids[1]) == 0 {
			t.Error("not told of the one that is left")
		}
		<-time.After(5 * time.Minute)
		w.wantStates("BindFailed", ids[1])
	}, holding)
}

// An ARQ leaves while the compute service is being told.
func TestAHoldEndsWhileItIsTold(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.tell = func(context.Context, *Event) error {
			<-time.After(10 * time.Second)
			return nil
		}
		ids := w.heldBind(1)
		w.must(w.remove(ids...))
		w.profile("one")
		w.must(w.bind(w.to("h", instance), w.create("one", 1)...))
		<-time.After(21 * time.Second)
		if got := w.events(); len(got) != 2 || got[0].ARQs[0].Completed || !got[1].ARQs[0].Completed {
			t.Errorf("told %+v, want the failure and, right after it, the bind", got)
		}
	}, holding)
}

// What follows a hold is tried at its own pace, not at that of the hold.
func TestAHoldLeavesNoPauseBehind(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		var at []time.Time
		w.tell = func(_ context.Context, e *Event) error {
			if !e.ARQs[0].Completed {
				return nil
			}
			at = append(at, time.Now())
			return errors.New("away")
		}
		ids := w.heldBind(1)
		<-time.After(30 * time.Second) // by now it is sent again after 5 to 15 s
		w.must(w.remove(ids...))
		w.profile("one")
		w.must(w.bind(w.to("h", instance), w.create("one", 1)...))
		<-time.After(time.Minute)
		synctest.Wait()
		for i := range len(at) - 1 {
			base := min(time.Second<<i, retryLongest)
			if got := at[i+1].Sub(at[i]); got < base/2 || got > base*3/2 {
				t.Errorf("pause %d: %v, want about %v", i, got, base)
			}
		}
	}, holding)
}

// A failure of which nobody takes note is given up with the last refusal.
func TestAHoldThatIsRefusedToTheEnd(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.tell = func(context.Context, *Event) error { return fmt.Errorf("on no host yet: %w", ErrRefused) }
		ids := w.heldBind(1)
		<-time.After(5 * time.Minute)
		w.wantStates("BindFailed", ids...)
		if st := w.sys.Stats(); st.EventsExpired != 1 || st.EventsDelivered != 0 || st.EventsRepeated == 0 || st.OutboxDepth != 0 {
			t.Errorf("%+v", st)
		}
	}, holding)
}

// Whoever would bind what has failed is told so: a promise would be empty.
func TestBindsOfWhatIsHeldBack(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		ids := w.heldBind(1)
		w.wantCode(w.bind(w.to("h", instance), ids...), CodeConflict)
		w.wantCode(w.bind(w.to("h", another), ids...), CodeConflict)
		w.wantCode(w.bind(w.to("h", instance), w.create("program", 1)...), CodeConflict)
		w.wantStates("BindStarted", ids...)
		w.wantHandles(4, 0, 0)
		w.wantConsistent()
	}, holding)
}

// A hold outlives a restart with the time that it has left, whatever the
// compute service has answered.
func TestAHoldOutlivesARestart(t *testing.T) {
	for name, answer := range map[string]error{
		"taken": nil, "refused": fmt.Errorf("on no host yet: %w", ErrRefused), "no answer": errors.New("away"),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(w *world) {
				var tries atomic.Int64
				w.tell = func(context.Context, *Event) error { tries.Add(1); return answer }
				ids := w.heldBind(2)
				for range 3 {
					before := tries.Load()
					w.crash()
					w.wantStates("BindStarted", ids...)
					w.wantConsistent()
					<-time.After(time.Minute)
					if tries.Load() == before {
						t.Error("not told again after the restart")
					}
				}
				w.must(w.remove(ids[0]))
				w.crash()
				w.wantStates("gone", ids[0])
				w.wantStates("BindStarted", ids[1])
				<-time.After(2 * time.Minute)
				w.wantStates("BindFailed", ids[1])
				w.crash()
				w.wantStates("BindFailed", ids[1])
				if st := w.sys.Stats(); st.ARQsHeld != 0 || st.OutboxDepth != 0 {
					t.Errorf("%+v", st)
				}
			}, holding)
		})
	}
}

// What was held back when the service ended is shown when its time is over, and
// where the option says so.
func TestAHoldThatIsOverAtTheStart(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		ids := w.heldBind(1)
		w.crashFor(5 * time.Minute)
		w.wantStates("BindFailed", ids...)
	}, holding)
	inBubble(t, 4, func(w *world) {
		ids := w.heldBind(1)
		before := w.toldOfFailure(ids...)
		w.opts.HoldFailed = false
		w.crash()
		w.wantStates("BindFailed", ids...)
		if got := w.toldOfFailure(ids...); got != before+1 {
			t.Errorf("told %d times after the restart, want once", got-before)
		}
	}, holding)
}

// Every way in which a bind fails after its 202 is held back.
func TestOtherFailuresAreHeldBackToo(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.do = func(ctx context.Context, _ devices.Command) error { <-ctx.Done(); return ctx.Err() }
		w.profile("program", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		late := w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), late))
		<-time.After(61 * time.Second)
		if got := w.toldOfFailure(late); got == 0 {
			t.Error("not told of the time-out")
		}
		w.wantStates("BindStarted", late)
		w.must(w.remove(late))
	}, holding)
	inBubble(t, 4, func(w *world) {
		withProgramming(w)
		cut := w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), cut))
		w.crash()
		if got := w.toldOfFailure(cut); got == 0 {
			t.Error("not told of the restart")
		}
		w.wantStates("BindStarted", cut)
		if got := w.sys.Stats().ARQsHeld; got != 1 {
			t.Errorf("%d held back", got)
		}
	}, holding)
}

// A bind that was refused is nobody's secret: its caller knows.
func TestNoFreeHandleIsNotHeldBack(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.wantCode(w.bind(w.to("h", instance), ids...), CodeNoFreeHandle)
		w.wantStates("BindFailed", ids...)
		<-time.After(time.Minute)
		if got := w.toldOfFailure(ids...); got != 1 {
			t.Errorf("told %d times", got)
		}
	}, holding)
}

// An event of the layout that knew no holds is read as one that holds nothing.
func TestEventsOfTheFirstLayout(t *testing.T) {
	e := &Event{ID: uuid.New(), Instance: instance, RequestID: "req", Created: 7, ARQs: []EventARQ{{another, true}}, Held: true}
	r := persistence.Record{Key: eventKey(e.ID), Body: encodeEvent(e)}
	if got, err := decodeEvent(r); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	r.Body = r.Body[:len(r.Body)-1]
	if _, err := decodeEvent(r); err == nil {
		t.Error("an event that was cut off is read")
	}
	r.Body[0], e.Held = layoutV1, false
	if got, err := decodeEvent(r); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("the first layout came back as %+v, %v", got, err)
	}
	for _, layout := range []byte{0, layoutV2 + 1} {
		r.Body[0] = layout
		if _, err := decodeEvent(r); err == nil {
			t.Errorf("layout %d is read", layout)
		}
	}
}

// Only a failure is held back.
func TestAHeldSuccessIsAViolation(t *testing.T) {
	e := &Event{ID: uuid.New(), Instance: instance, ARQs: []EventARQ{{another, true}}, Held: true}
	report, err := Verify(t.Context(), records{{Key: eventKey(e.ID), Generation: 1, Body: encodeEvent(e)}})
	if err != nil || len(report.Violations) != 1 || !strings.Contains(report.Violations[0], another.String()) {
		t.Errorf("%v, %v", report, err)
	}
}

// records are a Source.
type records []persistence.Record

// Each visits them.
func (s records) Each(_ context.Context, visit func(persistence.Record) error) error {
	for _, r := range s {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}
