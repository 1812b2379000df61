package actors

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// While nobody takes events, what waits is not tried all in turn: one a second finds
// out whether somebody does. What is new is tried at once, and all that waits goes
// before long when events are taken again.
func TestOneOfManyIsTriedWhileNobodyTakesEvents(t *testing.T) {
	const many = 2000
	inBubble(t, 1, func(w *world) {
		away := true
		d := &deliveries{answer: func(events []*Event) []error {
			if away {
				return slices.Repeat([]error{errAway}, len(events))
			}
			return nil
		}}
		w.take = d.take
		began := time.Now()
		for _, e := range unrecorded(many) {
			w.sys.queue([]*Event{e})
			<-time.After(20 * time.Millisecond)
		}
		<-time.After(time.Minute)
		seconds := int(time.Since(began) / time.Second)
		tries := len(d.begun())
		if least, most := many+seconds*3/4, many+seconds+manyFailed; tries < least || tries > most {
			t.Errorf("%d requests for %d events in %d s, want one for each and one a second: from %d to %d", tries, many, seconds, least, most)
		}
		d.change(func() { away = false })
		w.sys.queue(unrecorded(1))
		synctest.Wait()
		if got := w.sys.Stats().EventsDelivered; got != 1 {
			t.Errorf("%d delivered as soon as events are taken again, want the new one", got)
		}
		<-time.After(retryLongest*3/2 + keptLongest*3/2)
		if st := w.sys.Stats(); st.EventsDelivered != many+1 || st.OutboxDepth != 0 {
			t.Errorf("in the end: %+v", st)
		}
	})
}
