package actors

import (
	"sync"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// eventRecords removes the records of events that are done with: one batch at a
// time, of all that have come meanwhile. Stop waits for the last.
type eventRecords struct {
	sys     *System
	mu      sync.Mutex
	done    []uuid.UUID
	writing bool
}

// mostForgotten is how many records one batch removes.
const mostForgotten = 256

// forget removes the record of an event, now or when the store takes changes
// again.
func (r *eventRecords) forget(id uuid.UUID) {
	r.mu.Lock()
	r.done = append(r.done, id)
	begins := !r.writing
	r.writing = true
	r.mu.Unlock()
	if begins {
		r.sys.workers.add()
		r.write()
	}
}

// write removes what there is, and ends when there is nothing.
func (r *eventRecords) write() {
	r.mu.Lock()
	n := min(len(r.done), mostForgotten)
	ids := r.done[:n:n]
	if r.done = r.done[n:]; n == 0 {
		r.done, r.writing = nil, false
	}
	r.mu.Unlock()
	if n == 0 {
		r.sys.workers.end()
		return
	}
	r.remove(ids, r.write)
}

func (r *eventRecords) remove(ids []uuid.UUID, then func()) {
	b := relief()
	for _, id := range ids {
		b.remove(eventKey(id), 1)
	}
	r.sys.submit(b, func(result persistence.Result) {
		defer then()
		err := storeError(result)
		switch {
		case err == nil:
		case ErrorCode(err) == CodeConflict && len(ids) > 1: // one is gone already: the others are not to stay for that
			for _, id := range ids {
				r.remove([]uuid.UUID{id}, func() {})
			}
		default:
			r.sys.log.Warn("delivered events could not be removed and would be sent again after a restart",
				"events", ids, "error", err)
			if ErrorCode(err) == CodeUnavailable {
				r.sys.after(retryLongest, func() {
					for _, id := range ids {
						r.forget(id)
					}
				})
			}
		}
	})
}
