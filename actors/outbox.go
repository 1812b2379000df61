package actors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// outbox delivers events: at least once, in order per instance, several
// instances at a time. An event's record goes when it was taken, refused for
// good, or is too old to matter.
type outbox struct {
	sys     *System
	queues  map[uuid.UUID][]*Event // by instance; the first is being delivered
	ready   []uuid.UUID            // instances that wait for a worker
	workers int
	stats   *outboxStats

	measured time.Time // when the oldest event was last looked for
}

// outboxStats is what metrics see of the outbox.
type outboxStats struct {
	depth     atomic.Int64
	delivered atomic.Uint64
	retried   atomic.Uint64
	expired   atomic.Uint64
	oldest    atomic.Int64 // Unix milliseconds; 0: nothing waits
}

const (
	outboxWorkers = 16
	retryFirst    = time.Second
	retryLongest  = 30 * time.Second
)

func newOutbox(s *System) *outbox {
	return &outbox{sys: s, queues: make(map[uuid.UUID][]*Event), stats: &s.events}
}

// queued brings new events, in the order of their batches.
type queued struct{ events []*Event }

// delivered is the end of one delivery.
type delivered struct {
	event *Event
	err   error
}

// retry takes up an event that could not be delivered before.
type retry struct{ instance uuid.UUID }

func (o *outbox) receive(_ actor.Context, msg any) {
	switch m := msg.(type) {
	case queued:
		for _, e := range m.events {
			o.add(e)
		}
	case *delivered:
		o.workers--
		o.settle(m)
	case retry:
		o.ready = append(o.ready, m.instance)
	}
	for o.workers < outboxWorkers && len(o.ready) > 0 {
		next := o.ready[0]
		o.ready = o.ready[1:]
		o.deliver(o.queues[next][0])
	}
	o.measure()
}

func (o *outbox) add(e *Event) {
	o.stats.depth.Add(1)
	o.queues[e.Instance] = append(o.queues[e.Instance], e)
	if len(o.queues[e.Instance]) == 1 {
		o.ready = append(o.ready, e.Instance)
	}
}

func (o *outbox) deliver(e *Event) {
	o.workers++
	self := o.sys.outbox
	o.sys.work(func(ctx context.Context) {
		err := contained(func() error { return o.sys.notifier.Notify(ctx, e) })
		o.sys.engine.tell(self, &delivered{e, err})
	})
}

func (o *outbox) settle(m *delivered) {
	age := o.sys.now().Sub(time.UnixMilli(m.event.Created))
	if m.err != nil && age < o.sys.opts.EventDeadline {
		o.stats.retried.Add(1)
		pause := min(max(age, retryFirst), retryLongest) // doubles as it ages
		self, instance := o.sys.outbox, m.event.Instance
		o.sys.after(pause, func() { o.sys.engine.tell(self, retry{instance}) })
		return
	}
	if m.err != nil {
		o.stats.expired.Add(1)
		o.sys.log.Error("an event is given up: nobody took it in time",
			"instance", m.event.Instance, "request_id", m.event.RequestID, "error", m.err)
	} else {
		o.stats.delivered.Add(1)
	}
	o.remove(m.event)
}

// remove forgets an event. Should its record outlive a crash, it is delivered
// again, which the receiver must bear.
func (o *outbox) remove(e *Event) {
	o.stats.depth.Add(-1)
	rest := o.queues[e.Instance][1:]
	if len(rest) == 0 {
		delete(o.queues, e.Instance)
	} else {
		o.queues[e.Instance] = rest
		o.ready = append(o.ready, e.Instance)
	}
	o.forget(e)
}

// forget removes the record of an event, now or when the store takes changes
// again.
func (o *outbox) forget(e *Event) {
	b := relief()
	b.remove(eventKey(e.ID), 1)
	o.sys.submit(b, func(r persistence.Result) {
		err := storeError(r)
		if err == nil {
			return
		}
		o.sys.log.Warn("a delivered event could not be removed and would be sent again after a restart",
			"event", e.ID, "error", err)
		if ErrorCode(err) == CodeUnavailable {
			o.sys.after(retryLongest, func() { o.forget(e) })
		}
	})
}

// measure publishes the age of the oldest event: at once when nothing waits,
// otherwise no more than once a second, because it looks at every queue.
func (o *outbox) measure() {
	if len(o.queues) == 0 {
		o.stats.oldest.Store(0)
		return
	}
	now := o.sys.now()
	if now.Sub(o.measured) < time.Second && o.stats.oldest.Load() != 0 {
		return
	}
	o.measured = now
	var oldest int64
	for _, q := range o.queues {
		if oldest == 0 || q[0].Created < oldest {
			oldest = q[0].Created
		}
	}
	o.stats.oldest.Store(oldest)
}
