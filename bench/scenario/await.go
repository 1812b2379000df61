package scenario

import (
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/events"
)

// expect begins to wait for the events of a bind; nil: they go elsewhere.
func (r *run) expect(instance uuid.UUID, ids []uuid.UUID) *events.Waiter {
	if r.Events == nil {
		return nil
	}
	return r.Events.Expect(instance, ids...)
}

func (r *run) forget(instance uuid.UUID) {
	if r.Events != nil {
		r.Events.Forget(instance)
	}
}

// awaitEvent waits until the service has told of a bind. The operation "event"
// counts from the moment in which the bind was asked for. It gives what went
// wrong.
func (r *run) awaitEvent(w *work, waiter *events.Waiter, asked time.Time, n int) (fault string) {
	limit := time.NewTimer(r.BindTime)
	defer limit.Stop()
	select {
	case <-waiter.Done():
	case <-limit.C:
		fault = "no event"
	case <-w.ctx.Done():
		fault = "interrupted"
	}
	if fault == "" && waiter.Failed() {
		fault = "event: failed"
	}
	w.start = time.Now()
	outcome := fault
	if fault == "" {
		outcome = "completed"
	}
	w.rec.Sum("event", outcome, fault == "", w.start.Sub(asked), n)
	return fault
}
