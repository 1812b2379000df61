package actors

import (
	"context"
	"fmt"
	"testing"
	"time"

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
