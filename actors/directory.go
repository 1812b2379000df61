package actors

import (
	"sync"
	"unique"

	"github.com/google/uuid"
)

// directory is the read side: immutable views, published when the batch that
// made them is durable and before its caller is answered. It is written by
// publish alone, in the order in which batches became durable. Readers see a
// batch whole or not at all, also those who read one ARQ after the other.
type directory struct {
	arqs arqTree

	profiles profileShelf

	mu        sync.RWMutex // guards what follows, and makes a batch visible at once
	together  together
	indexes   arqIndexes
	instances map[uuid.UUID]instanceView
	devices   deviceShelf

	handles handleCounts
	holds   map[uuid.UUID]uuid.UUID // ARQs that are held back, and the event that they wait for
}

// instanceView is an instance that has ARQs.
type instanceView struct {
	generation uint64
	members    []uuid.UUID // in the order in which they were bound; never altered
}

func newDirectory() *directory {
	d := &directory{
		instances: make(map[uuid.UUID]instanceView),
		devices:   newDeviceShelf(),
		handles:   handleCounts{known: make(map[uuid.UUID]handleSeen), releasing: make(map[uuid.UUID]int64)},
		holds:     make(map[uuid.UUID]uuid.UUID),
	}
	d.indexes.init()
	d.profiles.init()
	return d
}

// publish makes a durable batch visible. It gives the instances of which ARQs
// were held back and are not any more.
func (d *directory) publish(b *batch) (freed []uuid.UUID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(b.arqs) > 1 {
		d.together.begin()
		defer d.together.end()
	}
	freed = d.holdsEnded(b)
	for _, c := range b.arqs {
		d.publishARQ(c.before, c.after)
	}
	for _, c := range b.instances {
		if len(c.members) == 0 {
			delete(d.instances, c.id)
		} else {
			d.instances[c.id] = instanceView{generation: c.generation, members: c.members}
		}
	}
	d.profiles.publish(b.profiles)
	for _, c := range b.devices {
		d.devices.replace(c.before, c.after)
	}
	for _, c := range b.handles {
		d.handles.replace(c.before, c.after)
	}
	for _, e := range b.events {
		d.hold(e)
	}
	return freed
}

// publishARQ replaces one view. What is indexed now decides what is taken out
// of the indexes, and a view never goes back: should batches be published out
// of order, the newest stays. The caller holds mu.
func (d *directory) publishARQ(before, after *ARQ) {
	if after == nil {
		if e := d.arqs.remove(before.UUID); e != nil {
			d.indexes.remove(e, e.view.Load())
			e.view.Store(nil)
		}
		return
	}
	e := d.arqs.entry(after.UUID)
	if e == nil {
		if before == nil {
			d.indexes.add(d.arqs.add(after), after)
		}
		return
	}
	if now := e.view.Load(); now.Generation < after.Generation {
		e.view.Store(after)
		d.indexes.move(e, now, after)
	}
}

// show gives the published view of an ARQ to a reader: not while it is changing
// together with others, or he would find those as they were. Who reads one ARQ
// waits for nobody else's, however many are being published.
func (d *directory) show(id uuid.UUID) (*ARQ, bool) {
	if at, quiet := d.together.quiet(); quiet {
		if a, ok := d.arq(id); d.together.still(at) {
			return a, ok
		}
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.arq(id)
}

// arq gives the published view of an ARQ, perhaps of a batch that is becoming
// visible. The caller may hold mu.
func (d *directory) arq(id uuid.UUID) (*ARQ, bool) {
	e := d.arqs.entry(id)
	if e == nil {
		return nil, false
	}
	a := e.view.Load()
	return a, a != nil
}

// deviceAt gives the device of a host with a control path; nil: none.
func (d *directory) deviceAt(hostname, controlPath string) *Device {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.devices.byPath[devicePath{hostname, controlPath}]
}

func (d *directory) instance(id uuid.UUID) instanceView {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.instances[id]
}

// intern gives the one copy of a name that many ARQs share: a project, a host.
func intern(s string) string { return unique.Make(s).Value() }
