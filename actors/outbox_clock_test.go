package actors

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// An event matters for as long as it was given, whatever the clock is set to meanwhile.
func TestAnEventOutlivesItsTimeByNoClock(t *testing.T) {
	for name, step := range map[string]time.Duration{"forward": 24 * time.Hour, "back": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				d := &deliveries{answer: func(events []*Event) []error { return slices.Repeat([]error{errAway}, len(events)) }}
				w.take = d.take
				waiting := unrecorded(1)
				w.sys.queue(waiting)
				d.begun()
				waiting[0].Created -= step.Milliseconds() // as old as it looks by a clock that was set
				w.sys.queue(nil)                          // so that the outbox sees that
				<-time.After(290 * time.Second)
				if tries, depth := len(d.begun()), w.sys.Stats().OutboxDepth; tries < 10 || depth != 1 {
					t.Errorf("before its time is over: tried %d times, depth %d", tries, depth)
				}
				<-time.After(10 * time.Second)
				synctest.Wait()
				if st := w.sys.Stats(); st.EventsExpired != 1 || st.OutboxDepth != 0 {
					t.Errorf("after its time: %+v", st)
				}
			})
		})
	}
}

// Nor does it when the clock was put back while the service was down.
func TestAnEventFromLaterHasItsTime(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		d := &deliveries{answer: func(events []*Event) []error { return slices.Repeat([]error{errAway}, len(events)) }}
		w.take = d.take
		later := unrecorded(1)
		later[0].Created += (24 * time.Hour).Milliseconds()
		w.sys.queue(later)
		<-time.After(301 * time.Second)
		synctest.Wait()
		if st := w.sys.Stats(); st.EventsExpired != 1 || st.OutboxDepth != 0 {
			t.Errorf("after its time: %+v", st)
		}
	})
}
