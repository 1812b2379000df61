package actors

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// outbox delivers events: at least once, in order per instance, several
// instances at a time. An event's record goes when it was taken, refused for
// good, or is too old to matter. What is too old is not even tried, so what
// waits for a compute service that is slow or away is bounded by the time for
// which events are kept.
type outbox struct {
	sys     *System
	lines   map[uuid.UUID]*line // by instance
	ready   []uuid.UUID         // instances that wait for a worker
	workers int
	stats   *outboxStats

	measured time.Time // when the oldest event was last looked for
}

// line is the events of one instance. The first is the one at work.
type line struct {
	events []*undelivered
	paused bool // until the first is tried again
}

// undelivered is an event, and how often it was tried in vain.
type undelivered struct {
	*Event
	tries uint
	err   error // of the last attempt
}

// outboxStats is what metrics see of the outbox.
type outboxStats struct {
	depth     atomic.Int64
	delivered atomic.Uint64
	refused   atomic.Uint64
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
	return &outbox{sys: s, lines: make(map[uuid.UUID]*line), stats: &s.events}
}

// queued brings new events, in the order of their batches.
type queued struct{ events []*Event }

// delivered is the end of one delivery.
type delivered struct {
	event *undelivered
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
		if l := o.lines[m.instance]; l != nil && l.paused {
			l.paused = false
			o.ready = append(o.ready, m.instance)
		}
	}
	o.work()
	o.measure()
}

func (o *outbox) add(e *Event) {
	o.stats.depth.Add(1)
	l := o.lines[e.Instance]
	if l == nil {
		l = &line{}
		o.lines[e.Instance] = l
		o.ready = append(o.ready, e.Instance)
	}
	l.events = append(l.events, &undelivered{Event: e})
}

// work begins as many deliveries as there are workers for.
func (o *outbox) work() {
	for len(o.ready) > 0 {
		next := o.lines[o.ready[0]].events[0]
		switch {
		case o.left(next) <= 0:
			o.ready = o.ready[1:]
			o.expire(next)
		case o.workers < outboxWorkers:
			o.ready = o.ready[1:]
			o.deliver(next)
		default:
			return
		}
	}
}

// left is how long an event still matters.
func (o *outbox) left(e *undelivered) time.Duration {
	return o.sys.opts.EventDeadline - o.sys.now().Sub(time.UnixMilli(e.Created))
}

func (o *outbox) deliver(e *undelivered) {
	o.workers++
	self := o.sys.outbox
	o.sys.work(func(ctx context.Context) {
		err := contained(func() error { return o.sys.notifier.Notify(ctx, e.Event) })
		o.sys.engine.tell(self, &delivered{e, err})
	})
}

func (o *outbox) settle(m *delivered) {
	e := m.event
	switch {
	case m.err == nil:
		o.stats.delivered.Add(1)
		o.remove(e)
	case errors.Is(m.err, ErrRefused):
		o.stats.refused.Add(1)
		o.remove(e)
	default:
		o.stats.retried.Add(1)
		e.err = m.err
		o.pause(e, retryLongest)
	}
}

// pause keeps an event for a while that doubles with each attempt, from half to
// one and a half of it by chance, and never beyond its time.
func (o *outbox) pause(e *undelivered, longest time.Duration) {
	pause := min(retryFirst<<min(e.tries, 16), longest)
	pause = min(pause/2+rand.N(pause), max(0, o.left(e)))
	e.tries++
	o.lines[e.Instance].paused = true
	self, instance := o.sys.outbox, e.Instance
	o.sys.after(pause, func() { o.sys.engine.tell(self, retry{instance}) })
}

func (o *outbox) expire(e *undelivered) {
	o.stats.expired.Add(1)
	o.sys.log.Error("an event is given up: nobody took it in time",
		"instance", e.Instance, "request_id", e.RequestID, "error", e.err)
	o.remove(e)
}

// remove forgets the first event of an instance. Should its record outlive a
// crash, it is delivered again, which the receiver must bear.
func (o *outbox) remove(e *undelivered) {
	o.stats.depth.Add(-1)
	l := o.lines[e.Instance]
	if l.events = l.events[1:]; len(l.events) == 0 {
		delete(o.lines, e.Instance)
	} else {
		o.ready = append(o.ready, e.Instance)
	}
	o.forget(e.Event)
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
// otherwise no more than once a second, because it looks at every line.
func (o *outbox) measure() {
	if len(o.lines) == 0 {
		o.stats.oldest.Store(0)
		return
	}
	now := o.sys.now()
	if now.Sub(o.measured) < time.Second && o.stats.oldest.Load() != 0 {
		return
	}
	o.measured = now
	var oldest int64
	for _, l := range o.lines {
		if created := l.events[0].Created; oldest == 0 || created < oldest {
			oldest = created
		}
	}
	o.stats.oldest.Store(oldest)
}
