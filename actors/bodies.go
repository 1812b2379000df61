package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// Operations, ARQs and profiles are actors for a few messages. To start and to
// stop one costs the engine more than all of these, so those who come take the
// place of those who went: a body is an actor of the engine that is one of ours
// after the other. Whoever keeps the address of one that may have gone says with
// each message whom he means: see round, and pidTable, which lets nobody go to
// whom a message is on its way.
type bodies struct {
	mu   sync.Mutex
	idle []*actor.PID // the one that was used last is the last
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

// embody starts an actor that hears first, and gives its address.
func (e *engine) embody(kind actorKind, t temporary, first any) *actor.PID {
	e.active[kind].Add(1)
	pid := e.bodies.take()
	if pid == nil {
		pid = e.start(&shell{engine: e})
	}
	e.tell(pid, &role{kind, t, first})
	return pid
}

func (b *bodies) take() *actor.PID {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.idle) - 1
	if n < 0 {
		return nil
	}
	pid := b.idle[n]
	b.idle[n] = nil
	b.idle = b.idle[:n]
	return pid
}

// rest takes a body in that is nobody any more, unless there are enough.
func (b *bodies) rest(pid *actor.PID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.idle) >= mostBodies {
		return false
	}
	b.idle = append(b.idle, pid)
	return true
}

// leave makes a body nobody when the one that it was has gone.
func (s *shell) leave(ctx actor.Context) {
	if t, ok := s.receiver.(temporary); !ok || !t.over() {
		return
	}
	s.engine.active[s.kind].Add(-1)
	s.receiver = nil
	if !s.engine.bodies.rest(ctx.Self()) {
		ctx.Stop(ctx.Self())
	}
}
