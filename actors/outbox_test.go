package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// TestDeliveredEventIsForgottenLater: while the store takes no changes, the
// record of a delivered event stays; it goes once it can, and not only at the
// next start, which would deliver it again.
func TestDeliveredEventIsForgottenLater(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.setFaults(func(c persistence.Transition) memory.Fault {
			if len(c.Deletes) == 1 && c.Deletes[0].Key.Kind == kindEvent {
				return memory.Fault{Effect: memory.Lose, Err: fmt.Errorf("bad day: %w", persistence.ErrUnavailable)}
			}
			return memory.Fault{}
		})
		w.profile("one")
		w.must(w.bind(w.to("h", instance), w.create("one", 1)...))
		<-time.After(time.Minute)
		if got := w.recorded(kindEvent); got != 1 {
			t.Fatalf("%d events are on record while the store takes no changes, want 1", got)
		}
		w.setFaults(nil)
		<-time.After(time.Minute)
		if got := w.recorded(kindEvent); got != 0 {
			t.Errorf("%d delivered events are still on record", got)
		}
		if got := w.sys.Stats().EventsDelivered; got != 1 {
			t.Errorf("delivered %d times, want once", got)
		}
	})
}

// recorded counts the records of a kind.
func (w *world) recorded(kind persistence.Kind) (n int) {
	w.t.Helper()
	w.must(w.store.Each(context.Background(), func(r persistence.Record) error {
		if r.Key.Kind == kind {
			n++
		}
		return nil
	}))
	return n
}

// boundInstances binds an ARQ to each of n instances.
func (w *world) boundInstances(n int) {
	w.t.Helper()
	w.profile("one")
	for i, id := range w.create("one", n) {
		w.must(w.bind(w.to("h", uuid.UUID{14: byte(i >> 8), 15: byte(i)}), id))
	}
}

// A compute service that answers too late costs its workers and nothing else:
// what has become too old meanwhile is not even sent.
func TestASlowComputeServiceDoesNotPileUpEvents(t *testing.T) {
	const instances = 200
	inBubble(t, instances, func(w *world) {
		d := &deliveries{takes: 30 * time.Second, answer: func(events []*Event) []error {
			return slices.Repeat([]error{errors.New("no answer")}, len(events))
		}}
		w.take = func(ctx context.Context, events []*Event) []error {
			for _, e := range events {
				if age := time.Since(time.UnixMilli(e.Created)); age >= 300*time.Second {
					t.Errorf("sent at the age of %v", age)
				}
			}
			return d.take(ctx, events)
		}
		w.boundInstances(instances)
		<-time.After(time.Minute)
		if st := w.sys.Stats(); st.OutboxDepth != instances || st.OutboxOldest < 50*time.Second {
			t.Errorf("after a minute: depth %d, oldest %v", st.OutboxDepth, st.OutboxOldest)
		}
		<-time.After(5 * time.Minute)
		st := w.sys.Stats()
		if st.OutboxDepth != 0 || st.EventsExpired != instances || st.OutboxOldest != 0 {
			t.Errorf("in the end: depth %d, %d expired, oldest %v", st.OutboxDepth, st.EventsExpired, st.OutboxOldest)
		}
		d.begun()
		if d.most != 16 {
			t.Errorf("%d deliveries at a time, want 16", d.most)
		}
	})
}

// An instance for which nobody takes events delays no other.
func TestInstancesDoNotWaitForEachOther(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.profile("one")
		w.tell = func(_ context.Context, e *Event) error {
			if e.Instance == instance {
				return errors.New("not this one")
			}
			return nil
		}
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.must(w.bind(w.to("h", another), ids[1]))
		if got := w.events(); len(got) != 1 || got[0].Instance != another {
			t.Errorf("told %+v", got)
		}
	})
}

// Events of an instance go one after the other, in the order of its binds, also
// when several wait.
func TestEventsOfAnInstanceGoInOrder(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		var atOnce atomic.Int32
		w.tell = func(context.Context, *Event) error {
			if n := atOnce.Add(1); n > 1 {
				t.Errorf("%d at a time", n)
			}
			<-time.After(10 * time.Second)
			atOnce.Add(-1)
			return nil
		}
		w.profile("one")
		ids := w.create("one", 3)
		for _, id := range ids {
			w.must(w.bind(w.to("h", instance), id))
			w.must(w.unbind(id))
		}
		<-time.After(time.Minute)
		var told []uuid.UUID
		for _, e := range w.events() {
			told = append(told, e.ARQs[0].UUID)
		}
		if !slices.Equal(told, ids) {
			t.Errorf("told of %v, want %v", told, ids)
		}
	})
}

func TestARefusedEventIsNotSentAgain(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		tries := 0
		w.tell = func(context.Context, *Event) error {
			if tries++; tries == 1 {
				return fmt.Errorf("unknown instance: %w", ErrRefused)
			}
			return nil
		}
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.must(w.unbind(ids[0]))
		w.must(w.bind(w.to("h", instance), ids[1]))
		if got := w.events(); len(got) != 1 || got[0].ARQs[0].UUID != ids[1] {
			t.Errorf("told %+v, want the second bind alone", got)
		}
		if st := w.sys.Stats(); st.EventsRefused != 1 || st.EventsDelivered != 1 || st.EventsRetried != 0 || st.OutboxDepth != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Many that failed together do not come back together.
func TestPausesGrowByChance(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		var at []time.Time
		w.tell = func(context.Context, *Event) error {
			at = append(at, time.Now())
			return errors.New("away")
		}
		w.boundInstances(1)
		<-time.After(10 * time.Minute)
		synctest.Wait()
		for i := range len(at) - 2 { // the last pause ends with the event's time
			base := min(time.Second<<i, retryLongest)
			if got := at[i+1].Sub(at[i]); got < base/2 || got > base*3/2 {
				t.Errorf("pause %d: %v, want about %v", i, got, base)
			}
		}
		if span := at[len(at)-1].Sub(at[0]); span >= 300*time.Second {
			t.Errorf("tried for %v", span)
		}
	})
}

// Records of events that come while others are being removed go together; one
// that is gone by other means keeps none of the others.
func TestRecordsOfEventsGoTogether(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		var mu sync.Mutex
		var sizes []int
		w.setFaults(func(c persistence.Transition) memory.Fault {
			if len(c.Deletes) > 0 && c.Deletes[0].Key.Kind == kindEvent {
				mu.Lock()
				defer mu.Unlock()
				sizes = append(sizes, len(c.Deletes))
			}
			return memory.Fault{Delay: time.Millisecond} // in which others come
		})
		const n = 40
		var stored persistence.Transition
		r := &eventRecords{sys: w.sys, writing: true} // as if it were removing others
		w.sys.workers.add()
		for range n {
			id := uuid.Must(uuid.NewV7())
			r.forget(id)
			stored.Puts = append(stored.Puts, persistence.Put{Key: eventKey(id), Body: encodeEvent(&Event{ID: id})})
		}
		r.forget(uuid.New()) // of which there is no record
		w.store.Submit(stored, func(persistence.Result) {})
		r.write()
		<-time.After(time.Second) // the store takes its time
		synctest.Wait()
		if got := w.recorded(kindEvent); got != 0 {
			t.Errorf("%d records are left", got)
		}
		mu.Lock()
		defer mu.Unlock()
		if want := append([]int{n + 1}, slices.Repeat([]int{1}, n+1)...); !slices.Equal(sizes, want) {
			t.Errorf("records were removed in batches of %v, want %v", sizes, want)
		}
	})
}
