package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// Operations, ARQs and profiles are actors for a few messages. To start and to
// stop one costs the engine more than all of these, so those who come take the
// place of those who went: a body is an actor of the engine that is one of ours
// after the other. Whoever keeps the address of one that may have gone says with
// each message whom he means: see round and answersRound, and pidTable, which lets
// nobody go to whom a message is on its way.
type bodies struct {
	mu   sync.Mutex
	idle []address // the one that was used last is the last
}

// mostBodies is how many wait for somebody: about a kilobyte each.
const mostBodies = 256

// role tells a body who it is from now on, and what that one hears first.
type role struct {
	kind     actorKind
	receiver receiver
	first    any
}

// temporary is a receiver that goes: over is asked after each message.
type temporary interface {
	receiver
	over() bool
}

// embody starts an actor that hears first, and gives its address. When it is idle,
// its mailbox has to be begun or visited.
func (e *engine) embody(kind actorKind, t temporary, first any) (a address, idle bool) {
	e.active[kind].Add(1)
	a, rested := e.bodies.take()
	if !rested {
		a = e.start(&shell{engine: e})
	}
	return a, a.box.put(&role{kind, t, first})
}

func (b *bodies) take() (a address, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.idle) - 1
	if n < 0 {
		return a, false
	}
	a = b.idle[n]
	b.idle[n] = address{}
	b.idle = b.idle[:n]
	return a, true
}

// rest takes a body in that is nobody any more, unless there are enough.
func (b *bodies) rest(a address) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.idle) >= mostBodies {
		return false
	}
	b.idle = append(b.idle, a)
	return true
}

// leave makes a body nobody when the one that it was has gone.
func (s *shell) leave(ctx actor.Context) {
	if t, ok := s.receiver.(temporary); !ok || !t.over() {
		return
	}
	s.engine.active[s.kind].Add(-1)
	s.receiver = nil
	if !s.engine.bodies.rest(address{ctx.Self(), s.box}) {
		ctx.Stop(ctx.Self())
	}
}
