package actors

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
)

// outbox delivers events: at least once, in order per instance, several
// instances at a time. An event's record goes when it was taken, refused for
// good, or is too old to matter. What is too old is not even tried, so what
// waits for a compute service that is slow or away is bounded by the time for
// which events are kept.
type outbox struct {
	sys     *System
	mail    *mailbox            // its own
	patient int                 // messages since work was last begun
	lines   map[uuid.UUID]*line // by instance
	ready   []uuid.UUID         // instances that wait for a worker
	workers int
	stats   *outboxStats
	records eventRecords
	ages    eventAges
	outage  outage
}

// line is the events of one instance. The first is the one at work.
type line struct {
	events []*undelivered
	paused bool // until the first is tried again
}

// undelivered is an event, and how often it was tried in vain.
type undelivered struct {
	*Event
	until   time.Time // it matters; as time passes, whatever the clock is set to
	tries   uint
	company int   // of so many events at most, itself one of them, is its next delivery; 0: of any number
	err     error // of the last attempt
	taken   bool  // once at least: it is held, and sent again
	gone    bool  // it is not in the outbox any more
}

// outboxStats is what metrics see of the outbox.
type outboxStats struct {
	depth     atomic.Int64
	delivered atomic.Uint64
	refused   atomic.Uint64
	retried   atomic.Uint64
	expired   atomic.Uint64
	repeated  atomic.Uint64
	oldest    atomic.Int64 // Unix milliseconds; 0: nothing waits
}

const (
	retryFirst   = time.Second
	retryLongest = 30 * time.Second
	// repeatLongest is how late one may hear of a failure who began to wait just
	// after he was told.
	repeatLongest = 10 * time.Second
)

func newOutbox(s *System) *outbox {
	return &outbox{sys: s, lines: make(map[uuid.UUID]*line), stats: &s.events, records: eventRecords{sys: s}}
}

// queued brings new events, in the order of their batches.
type queued struct{ events []*Event }

// queue has new events delivered. They count from here on: who was answered finds
// them in the counts.
func (s *System) queue(events []*Event) {
	s.events.depth.Add(int64(len(events)))
	s.engine.tell(s.outbox, queued{events})
}

// delivered is the end of one delivery: the outcome of each of its events.
type delivered struct {
	events []*undelivered
	errs   []error
}

// retry takes up an event after a pause.
type retry struct{ event *undelivered }

// holdsEnded says that ARQs of these instances were unbound or deleted while
// they were held back.
type holdsEnded struct{ instances []uuid.UUID }

func (o *outbox) receive(_ actor.Context, msg any) {
	switch m := msg.(type) {
	case queued:
		for _, e := range m.events {
			o.add(e)
		}
	case *delivered:
		o.workers--
		o.outage.note(m.errs)
		for i, e := range m.events {
			o.settle(e, m.errs[i], len(m.events))
		}
	case retry:
		if l := o.lines[m.event.Instance]; l != nil && l.events[0] == m.event {
			o.again(l)
		}
	case holdsEnded:
		for _, instance := range m.instances {
			if l := o.lines[instance]; l != nil && o.idle(l.events[0]) {
				o.resume(l)
			}
		}
	}
	if o.caughtUp() {
		o.work()
	}
	o.stats.oldest.Store(o.ages.oldest())
}

func (o *outbox) add(e *Event) {
	l := o.lines[e.Instance]
	if l == nil {
		l = &line{}
		o.lines[e.Instance] = l
		o.ready = append(o.ready, e.Instance)
	}
	u := &undelivered{Event: e, until: o.sys.now().Add(o.sys.timeLeft(e))}
	l.events = append(l.events, u)
	o.ages.add(u)
}

// again takes up the first event of an instance after its pause.
func (o *outbox) again(l *line) {
	e, now := l.events[0], o.sys.now()
	if l.paused && now.Before(e.until) && o.outage.keepsBack(now) {
		l.paused = false
		o.pause(e, keptLongest)
		return
	}
	o.resume(l)
}

func (o *outbox) resume(l *line) {
	if l.paused {
		l.paused = false
		o.ready = append(o.ready, l.events[0].Instance)
	}
}

// idle tells whether an event was to be sent again for ARQs none of which is
// held back any more.
func (o *outbox) idle(e *undelivered) bool {
	return e.Held && len(o.sys.dir.heldBy(e.Event)) == 0
}

// timeLeft is how long an event still matters that begins to wait now. It is no more
// than it had at first, also when the clock was put back since.
func (s *System) timeLeft(e *Event) time.Duration {
	return s.opts.EventDeadline - max(0, s.now().Sub(time.UnixMilli(e.Created)))
}

// settle takes the outcome of an event that was one of so many of a delivery.
func (o *outbox) settle(e *undelivered, err error, of int) {
	answered := err == nil || errors.Is(err, ErrRefused)
	switch {
	case e.Held && answered:
		o.repeat(e, err)
	case err == nil:
		o.stats.delivered.Add(1)
		o.remove(e)
	case errors.Is(err, ErrRefused):
		o.stats.refused.Add(1)
		o.remove(e)
	default:
		o.stats.retried.Add(1)
		e.err = err
		o.part(e, of)
		o.pause(e, retryLongest)
	}
}

// repeat has an event sent again although it was answered: who is to hear of it
// may not have listened yet, whatever the answer.
func (o *outbox) repeat(e *undelivered, refusal error) {
	e.err, e.company = refusal, 0
	if refusal == nil && !e.taken {
		e.taken = true
		o.stats.delivered.Add(1)
	} else {
		o.stats.repeated.Add(1)
	}
	o.pause(e, repeatLongest)
}

// pause keeps an event for a while that doubles with each attempt, from half to
// one and a half of it by chance, and never beyond its time.
func (o *outbox) pause(e *undelivered, longest time.Duration) {
	if o.idle(e) {
		o.remove(e)
		return
	}
	pause := min(retryFirst<<min(e.tries, 16), longest)
	pause = min(pause/2+o.sys.opts.jitter(pause), max(0, e.until.Sub(o.sys.now())))
	e.tries++
	o.lines[e.Instance].paused = true
	self := o.sys.outbox
	o.sys.after(pause, func() { o.sys.engine.tell(self, retry{e}) })
}

// expire gives up an event; what it held back is shown from now on.
func (o *outbox) expire(e *undelivered) {
	if !e.taken {
		o.stats.expired.Add(1)
		o.sys.log.Error("an event is given up: nobody took it in time",
			"instance", e.Instance, "request_id", e.RequestID, "error", e.err)
	}
	if e.Held {
		o.sys.dir.release(e.Event)
	}
	o.remove(e)
}

// remove forgets the first event of an instance. Should its record outlive a
// crash, it is delivered again, which the receiver must bear.
func (o *outbox) remove(e *undelivered) {
	o.stats.depth.Add(-1)
	e.gone = true
	l := o.lines[e.Instance]
	if l.events = l.events[1:]; len(l.events) == 0 {
		delete(o.lines, e.Instance)
	} else {
		o.ready = append(o.ready, e.Instance)
	}
	o.records.forget(e.ID)
}
