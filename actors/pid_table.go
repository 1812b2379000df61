package actors

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

const pidShards = 64

// pidTable is the address book of virtual actors: addressed as if they always
// existed, spawned by the first message, gone again when idle. It is ours, not
// the engine's, because sending by name while the name is being spawned
// crashes the sender, and because messages behind a Stop are dropped: here an
// actor leaves only while no message is on its way.
type pidTable struct {
	engine *engine
	kind   actorKind
	// activate makes the actor of an id from its snapshot; nil: no such thing.
	activate func(id uuid.UUID, slot *pidSlot) temporary
	shards   [pidShards]pidShard
}

type pidShard struct {
	mu    sync.Mutex
	slots map[uuid.UUID]*pidSlot
}

// pidSlot is an active actor. Its fields are guarded by the shard's lock.
type pidSlot struct {
	address
	queued   int // messages sent and not yet handled
	lastUsed time.Time
}

func newPIDTable(e *engine, kind actorKind, activate func(uuid.UUID, *pidSlot) temporary) *pidTable {
	t := &pidTable{engine: e, kind: kind, activate: activate}
	for i := range t.shards {
		t.shards[i].slots = make(map[uuid.UUID]*pidSlot)
	}
	return t
}

func (t *pidTable) shard(id uuid.UUID) *pidShard {
	return &t.shards[id[15]%pidShards]
}

// tell sends msg to the actor of id, waking it if need be. It says false when
// there is no such thing.
func (t *pidTable) tell(id uuid.UUID, msg any) bool {
	box, idle, ok := t.send(id, msg)
	if idle {
		box.begin()
	}
	return ok
}

// visit does the same, and if the actor is idle, has it handle the message at
// once: see engine.visit.
func (t *pidTable) visit(id uuid.UUID, msg any) bool {
	box, idle, ok := t.send(id, msg)
	if idle {
		t.engine.visit(box)
	}
	return ok
}

// send queues msg. When it says that the actor is idle, its mailbox has to be
// begun or visited.
func (t *pidTable) send(id uuid.UUID, msg any) (box *mailbox, idle, ok bool) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.slots[id]
	if slot != nil {
		slot.queued++
		slot.lastUsed = time.Now()
		return slot.box, slot.box.put(msg), true
	}
	slot = &pidSlot{queued: 1, lastUsed: time.Now()}
	r := t.activate(id, slot)
	if r == nil {
		return nil, false, false
	}
	s.slots[id] = slot
	slot.address, idle = t.engine.embody(t.kind, r, msg)
	return slot.box, idle, true
}

// handled is called by an actor at the end of every message.
func (t *pidTable) handled(id uuid.UUID, slot *pidSlot) {
	s := t.shard(id)
	s.mu.Lock()
	slot.queued--
	s.mu.Unlock()
}

// leave takes the calling actor out of the table, unless messages besides the
// one it is handling are on their way to it. After true it is over.
func (t *pidTable) leave(id uuid.UUID, slot *pidSlot) bool {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot.queued > 1 || s.slots[id] != slot {
		return false
	}
	delete(s.slots, id)
	return true
}

// sweep asks the actors that were idle since before to leave.
func (t *pidTable) sweep(before time.Time) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, slot := range s.slots {
			if slot.queued == 0 && slot.lastUsed.Before(before) {
				slot.queued++
				t.engine.tell(slot.pid, passivate{})
			}
		}
		s.mu.Unlock()
	}
}
