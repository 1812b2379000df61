package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
)

// offerPatience is how long an undecided proposal keeps the next one waiting.
// It is a courtesy that saves retries; safety rests on generations.
const offerPatience = 250 * time.Millisecond

// arqActor serializes the transitions of one ARQ. It is woken by the first
// message that may change the ARQ, and leaves when idle or deleted. It keeps no
// state of the ARQ: what is published is committed, and readers may know it
// before the operation that did it has told this actor.
type arqActor struct {
	sys     *System
	id      uuid.UUID
	slot    *pidSlot
	offered *actor.PID
	waiting []*proposeARQ
}

func (s *System) activateARQ(id uuid.UUID, slot *pidSlot) receiver {
	if _, ok := s.dir.arq(id); !ok {
		return nil
	}
	return &arqActor{sys: s, id: id, slot: slot}
}

func (a *arqActor) receive(ctx actor.Context, msg any) {
	defer a.sys.arqs.handled(a.id, a.slot)
	switch m := msg.(type) {
	case *proposeARQ:
		a.propose(m)
	case *decided:
		a.decided(m)
	case offerExpired:
		if a.offered != nil && a.offered.Equal(m.op) {
			a.offered = nil
			a.serveWaiting()
		}
	case passivate:
		a.passivate(ctx)
		return
	}
	if _, there := a.sys.dir.arq(a.id); !there {
		a.passivate(ctx)
	}
}

func (a *arqActor) propose(m *proposeARQ) {
	if a.offered != nil {
		a.waiting = append(a.waiting, m)
		if len(a.waiting) == 1 {
			op := a.offered
			a.sys.after(offerPatience, func() { a.sys.arqs.tell(a.id, offerExpired{op}) })
		}
		return
	}
	arq, ok := a.sys.dir.arq(a.id)
	if !ok {
		m.fail(arqNotFound(a.id))
		return
	}
	if err := m.ask.check(arq); err != nil {
		m.fail(err)
		return
	}
	a.offered = m.op
	m.answer(arq, nil)
}

func (a *arqActor) decided(m *decided) {
	if a.offered != nil && a.offered.Equal(m.op) {
		a.offered = nil
	}
	a.serveWaiting()
}

// serveWaiting asks on behalf of those that were kept waiting, in order.
func (a *arqActor) serveWaiting() {
	waiting := a.waiting
	a.waiting = nil
	for _, m := range waiting {
		a.propose(m)
	}
}

func (a *arqActor) passivate(ctx actor.Context) {
	if a.offered == nil && len(a.waiting) == 0 && a.sys.arqs.leave(a.id, a.slot) {
		ctx.Stop(ctx.Self())
	}
}
