package actors

import (
	"context"
	"time"
)

// A bind that needs preparation is accepted with a first batch (BindStarted,
// handles taken), and settled with a second one: Bound, or BindFailed with the
// handles given back. In between, unbind and delete are free to take ARQs
// away; settling leaves those alone.

// won adopts a durable batch.
func (o *operation) won(b *batch) {
	o.tellLacked()
	staged := o.purpose == forPatch && o.failure == nil && o.prepares()
	if staged {
		o.startPreparation(b)
		return
	}
	o.release(true)
	o.promise.resolve(struct{}{}, o.failure)
	o.end()
}

func (o *operation) startPreparation(b *batch) {
	for _, c := range b.arqs {
		if c.after != nil && c.after.State == BindStarted {
			o.accepted = append(o.accepted, &part{id: c.after.UUID, ask: arqAsk{generation: c.after.Generation}})
		}
	}
	for _, d := range o.devices {
		if len(d.proposal.commands) > 0 {
			o.preparing++
		}
	}
	o.phase = preparing
	o.release(true) // the devices start with this
	o.watch(o.sys.opts.BindTimeout)
	o.promise.resolve(struct{}{}, nil)
}

// watch ends the preparation when its time is up.
func (o *operation) watch(left time.Duration) {
	self, number := o.self, o.round.number
	o.deadline = o.sys.after(left, func() { o.sys.engine.tell(self, bindDeadline{number}) })
}

func (o *operation) prepared(m *commandsDone) {
	if m.round != o.round.number || o.phase != preparing {
		return
	}
	if m.err != nil && o.sys.stopping.Err() != nil {
		return // nobody waited for the device's end; the next start goes on
	}
	if m.err != nil && o.failure == nil {
		o.failure = m.err
	}
	if o.preparing--; o.preparing == 0 {
		o.settle()
	}
}

func (o *operation) expired(m bindDeadline) {
	if m.round == o.round.number && o.phase == preparing {
		o.failure = Refuse(CodeTimeout, "the device was not prepared within %s", o.sys.opts.BindTimeout)
		o.settle()
	}
}

// settle hands over to a second operation, whose parts are what this one
// accepted.
func (o *operation) settle() {
	event := evFinishBind
	if o.failure != nil {
		event = evFailBind
		o.sys.log.Warn("an accepted bind failed", "request_id", o.request, "error", o.failure)
	}
	o.sys.settle(o.accepted, event, o.request, o.records)
	o.end()
}

// settlePause is how long a settlement that failed waits for the next try.
const settlePause = time.Second

// settle ends accepted binds, Bound or BindFailed, and tries until it is done
// or the service stops; then the next start does it.
func (s *System) settle(accepted []*part, event arqEvent, request string, commands []*commandRecord) {
	s.settleOnce(accepted, event, request, commands, 1)
}

// settleOnce tells the log of the first try that fails, and when that is over: while
// the store takes nothing each bind is tried once a second.
func (s *System) settleOnce(accepted []*part, event arqEvent, request string, commands []*commandRecord, try int) {
	done := newPromise[struct{}]()
	s.operate(&operation{
		sys: s, purpose: forSettling, request: request, promise: done,
		choose: func() []*part { return s.unsettled(accepted, event) },
	})
	s.work(func(ctx context.Context) {
		_, err := done.wait(ctx, s.settlePatience)
		switch {
		case err == nil:
			if try > 1 {
				s.log.Info("an accepted bind is settled at last", "request_id", request, "tries", try)
			}
			s.settledCommands(commands)
			return
		case ctx.Err() != nil:
			return
		case try == 1:
			s.log.Error("an accepted bind could not be settled; trying again", "request_id", request, "error", err)
		}
		s.after(settlePause, func() { s.settleOnce(accepted, event, request, commands, try+1) })
	})
}

// unsettled leaves out what was unbound or deleted since it was accepted.
func (s *System) unsettled(accepted []*part, event arqEvent) []*part {
	var parts []*part
	for _, p := range accepted {
		a, ok := s.dir.arq(p.id)
		if !ok || a.Generation != p.ask.generation {
			continue
		}
		parts = append(parts, &part{
			id: p.id, optional: true,
			ask: arqAsk{event: event, scope: Scope{Admin: true}, generation: p.ask.generation},
		})
	}
	return parts
}
