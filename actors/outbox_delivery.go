package actors

import (
	"context"
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// Events go out in parallel first, and together when there are more than there
// are workers. The compute service judges the events of a request one after the
// other, with some reads of its databases for each instance, and passes them on
// only when it has judged all. So company makes an event later, and one whose
// instance is slow makes all of its company late; what it spares is requests,
// which count when there are many.

const (
	// mostTogether is how many ARQs a delivery tells of; an event that has more
	// goes by itself. A compute service that is well takes some 10 ms for an
	// instance, so this is a third of a second; one that is not has 0.6 s for each
	// until the request times out ([nova] timeout). As a request of 5 KB it is
	// far from what is refused as too large (112 KiB).
	mostTogether = 32
	// mostPatience is how many messages are read before work is begun, although
	// there are more.
	mostPatience = 64
)

func (s *System) openOutbox() *actor.PID {
	o := newOutbox(s)
	at := s.engine.settle(kindServiceActor, o)
	o.mail = at.box
	return at.pid
}

// caughtUp says that it is time to begin work: all messages that have come were read.
// The events of a commit are a message each, and are seen together so.
func (o *outbox) caughtUp() bool {
	if o.patient++; o.patient < mostPatience && o.mail.UserMessageCount() > 0 {
		return false
	}
	o.patient = 0
	return true
}

// work begins as many deliveries as there are workers for. Who is ready is divided
// among all workers, the busy ones too: as long as it is one each, everybody goes
// out by himself, and nobody has to take all that wait only because he is the first
// to become free.
func (o *outbox) work() {
	workers := o.sys.opts.Deliveries
	share := (len(o.ready) + workers - 1) / workers
	for first := o.next(); first != nil && o.workers < workers; first = o.next() {
		o.deliver(o.gather(first, share))
	}
}

// departure is an event, and what is to be told of it.
type departure struct {
	*undelivered

	told *Event
}

// next gives who is to go out first; nil: nobody. Whose time is over, or who has
// nothing to tell any more, is done with.
func (o *outbox) next() *departure {
	for len(o.ready) > 0 {
		e := o.lines[o.ready[0]].events[0]
		told := o.rest(e)
		switch {
		case told == nil:
			o.ready = o.ready[1:]
			o.remove(e)
		case !o.sys.now().Before(e.until):
			o.ready = o.ready[1:]
			o.expire(e)
		default:
			return &departure{e, told}
		}
	}
	return nil
}

// rest gives what is to be told of an event; nil: nothing.
func (o *outbox) rest(e *undelivered) *Event {
	if !e.Held {
		return e.Event
	}
	rest := *e.Event
	if rest.ARQs = o.sys.dir.heldBy(e.Event); len(rest.ARQs) == 0 {
		return nil
	}
	return &rest
}

// gather takes those who go out together: the first, and so many of the next as
// are his share, as there is room for, and as each bears.
func (o *outbox) gather(first *departure, share int) (together []*departure) {
	room, company := mostTogether, share
	for d := first; d != nil; d = o.next() {
		if d.company > 0 {
			company = min(company, d.company)
		}
		if len(together) > 0 && (len(together) >= company || len(d.told.ARQs) > room) {
			break
		}
		o.ready = o.ready[1:]
		together = append(together, d)
		room -= len(d.told.ARQs)
	}
	return together
}

func (o *outbox) deliver(together []*departure) {
	self, end, told := o.sys.outbox, &delivered{}, make([]*Event, len(together))
	for i, d := range together {
		end.events, told[i] = append(end.events, d.undelivered), d.told
	}
	o.workers++
	o.sys.work(func(ctx context.Context) {
		end.errs = o.sys.notify(ctx, told)
		o.sys.engine.tell(self, end)
	})
}

// notify gives the outcome of each event. What the notifier does not answer for
// is not settled.
func (s *System) notify(ctx context.Context, events []*Event) []error {
	var errs []error
	err := contained(func() error {
		errs = s.notifier.Notify(ctx, events)
		if errs != nil && len(errs) != len(events) {
			return fmt.Errorf("%d outcomes of %d events", len(errs), len(events))
		}
		return nil
	})
	switch {
	case err != nil:
		return slices.Repeat([]error{err}, len(events))
	case errs == nil:
		return make([]error, len(events))
	}
	return errs
}

// part has an event that failed in company go out in half of it next time: what
// failed may be another, or that they are too many. One that fails and fails so
// goes by itself before long, and so do those that would only have waited with it.
// When the compute service was away, and nobody was in company, they come
// back together.
func (o *outbox) part(e *undelivered, of int) {
	if of > 1 {
		e.company = of / 2
	}
}
