package actors

import (
	"sync"

	"github.com/google/uuid"
)

// deviceBook is the address book of the devices. Their actors live as long as
// the service: they hold what is free.
type deviceBook struct {
	engine *engine
	mu     sync.RWMutex
	actors map[uuid.UUID]deviceAt
}

// deviceAt is where a device is, and what its attach handles take.
type deviceAt struct {
	address
	handles *handleRoom
}

func newDeviceBook(e *engine) *deviceBook {
	return &deviceBook{engine: e, actors: make(map[uuid.UUID]deviceAt)}
}

// start makes the actor of a device, with work that a restart has cut short, and
// takes up what it left unfinished, at once or when its host, if that is awaited, has reported.
func (b *deviceBook) start(sys *System, d *Device, handles []*heldHandle, jobs []*job, awaited bool) {
	a := newDeviceActor(sys, d, handles)
	a.awaited = awaited
	a.jobs.queued = jobs
	a.recoverLoads()
	at := b.engine.settle(kindDeviceActor, a)
	b.mu.Lock()
	b.actors[d.UUID] = deviceAt{at, a.room}
	b.mu.Unlock()
	b.engine.tell(at.pid, cleanUp{})
}

// stop ends the actor of a device that has not come on record: nobody knows of it.
func (b *deviceBook) stop(id uuid.UUID) {
	at, _ := b.find(id)
	b.remove(id)
	b.engine.root.Stop(at.pid)
}

// remove forgets a device that is gone.
func (b *deviceBook) remove(id uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.actors, id)
}

// tell sends msg to a device; false when there is none.
func (b *deviceBook) tell(id uuid.UUID, msg any) bool {
	at, ok := b.find(id)
	if ok && at.box.put(msg) {
		at.box.begin()
	}
	return ok
}

// visit does the same, and if the device is idle, has it handle the message at
// once: see engine.visit.
func (b *deviceBook) visit(id uuid.UUID, msg any) bool {
	at, ok := b.find(id)
	if ok && at.box.put(msg) {
		b.engine.visit(at.box)
	}
	return ok
}

func (b *deviceBook) find(id uuid.UUID) (at deviceAt, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	at, ok = b.actors[id]
	return at, ok
}
