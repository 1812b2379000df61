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
// message that may change the ARQ, and leaves when nothing is undecided. It keeps
// no state of the ARQ: what is published is committed, and readers may know it
// before the operation that did it has told this actor.
type arqActor struct {
	sys     *System
	id      uuid.UUID
	slot    *pidSlot
	offered round
	waiting []*proposeARQ
	gone    bool
}

func (s *System) activateARQ(id uuid.UUID, slot *pidSlot) temporary {
	if _, ok := s.dir.arq(id); !ok {
		return nil
	}
	return &arqActor{sys: s, id: id, slot: slot}
}

func (a *arqActor) over() bool { return a.gone }

func (a *arqActor) receive(_ actor.Context, msg any) {
	defer a.sys.arqs.handled(a.id, a.slot)
	switch m := msg.(type) {
	case *proposeARQ:
		a.propose(m)
	case *decided:
		a.settled(m.op)
	case offerExpired:
		a.settled(m.op)
	}
	a.gone = a.offered == (round{}) && len(a.waiting) == 0 && a.sys.arqs.leave(a.id, a.slot)
}

func (a *arqActor) propose(m *proposeARQ) {
	if a.offered != (round{}) {
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

// settled takes an offer back, and asks on behalf of those that it kept waiting,
// in order.
func (a *arqActor) settled(op round) {
	if a.offered != op {
		return
	}
	a.offered = round{}
	waiting := a.waiting
	a.waiting = nil
	for _, m := range waiting {
		a.propose(m)
	}
}
