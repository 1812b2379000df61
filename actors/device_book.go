package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
)

// deviceBook is the address book of the devices. Their actors live as long as
// the service: they hold what is free.
type deviceBook struct {
	engine *engine
	mu     sync.RWMutex
	pids   map[uuid.UUID]*actor.PID
}

func newDeviceBook(e *engine) *deviceBook {
	return &deviceBook{engine: e, pids: make(map[uuid.UUID]*actor.PID)}
}

// start makes the actor of a device, with work that a restart has cut short, and
// takes up what it left unfinished, at once or when its host, if that is awaited, has reported.
func (b *deviceBook) start(sys *System, d *Device, handles []*heldHandle, jobs []*job, awaited bool) {
	a := newDeviceActor(sys, d, handles)
	a.awaited = awaited
	a.jobs.queued = jobs
	a.recoverLoads()
	pid := b.engine.spawn(kindDeviceActor, a)
	b.mu.Lock()
	b.pids[d.UUID] = pid
	b.mu.Unlock()
	b.engine.tell(pid, cleanUp{})
}

// remove forgets a device that is gone.
func (b *deviceBook) remove(id uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pids, id)
}

// tell sends msg to a device; false when there is none.
func (b *deviceBook) tell(id uuid.UUID, msg any) bool {
	b.mu.RLock()
	pid := b.pids[id]
	b.mu.RUnlock()
	if pid == nil {
		return false
	}
	b.engine.tell(pid, msg)
	return true
}
