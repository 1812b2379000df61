package actors

import (
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// batch is one atomic change: what the store is asked to write, under which
// conditions, and what readers see once it is durable.
type batch struct {
	t         persistence.Transition
	arqs      []change[ARQ]
	profiles  []change[Profile]
	devices   []change[Device]
	handles   []change[heldHandle]
	instances []instanceChange
	events    []*Event
}

// newBatch makes an empty batch with room for the commonest case, one ARQ, in
// one piece of memory.
func newBatch() *batch {
	room := &struct {
		batch
		checks [1]persistence.Check
		puts   [1]persistence.Put
		arqs   [1]change[ARQ]
	}{}
	b := &room.batch
	b.t.Checks, b.t.Puts, b.arqs = room.checks[:0], room.puts[:0], room.arqs[:0]
	return b
}

// newOperationBatch does the same for the bind of one ARQ.
func newOperationBatch() *batch {
	room := &struct {
		batch
		checks    [1]persistence.Check
		puts      [4]persistence.Put // ARQ, handle, instance, event
		arqs      [1]change[ARQ]
		handles   [1]change[heldHandle]
		instances [1]instanceChange
		events    [1]*Event
	}{}
	b := &room.batch
	b.t.Checks, b.t.Puts = room.checks[:0], room.puts[:0]
	b.arqs, b.handles, b.instances, b.events = room.arqs[:0], room.handles[:0], room.instances[:0], room.events[:0]
	return b
}

// newDeletionBatch does the same for the deletion of one ARQ.
func newDeletionBatch() *batch {
	room := &struct {
		batch
		puts      [1]persistence.Put    // handle
		deletes   [2]persistence.Delete // ARQ, instance
		arqs      [1]change[ARQ]
		handles   [1]change[heldHandle]
		instances [1]instanceChange
	}{}
	b := &room.batch
	b.t.Puts, b.t.Deletes = room.puts[:0], room.deletes[:0]
	b.arqs, b.handles, b.instances = room.arqs[:0], room.handles[:0], room.instances[:0]
	return b
}

// relief makes an empty batch that gives something back; see
// persistence.Transition.
func relief() *batch {
	return &batch{t: persistence.Transition{Relief: true}}
}

// change is a record before (nil: new) and after (nil: deleted).
type change[T any] struct {
	before, after *T
}

type instanceChange struct {
	id         uuid.UUID
	generation uint64 // after
	members    []uuid.UUID
}

// check makes the batch depend on a record it does not write.
func (b *batch) check(key persistence.Key, generation uint64) {
	for _, c := range b.t.Checks {
		if c.Key == key {
			return
		}
	}
	b.t.Checks = append(b.t.Checks, persistence.Check{Key: key, Generation: generation})
}

// checkHandles makes the batch depend on handles that it does not write. None
// of them may be a condition already.
func (b *batch) checkHandles(handles []*heldHandle) {
	for _, h := range handles {
		b.t.Checks = append(b.t.Checks, persistence.Check{Key: handleKey(h.UUID), Generation: h.Generation})
	}
}

// writes says whether the batch puts a record.
func (b *batch) writes(key persistence.Key) bool {
	return slices.ContainsFunc(b.t.Puts, func(p persistence.Put) bool { return p.Key == key })
}

func (b *batch) put(key persistence.Key, expected uint64, body []byte, claims []persistence.Claim) {
	b.t.Puts = append(b.t.Puts, persistence.Put{Key: key, Expected: expected, Body: body, Claims: claims})
}

func (b *batch) remove(key persistence.Key, expected uint64) {
	b.t.Deletes = append(b.t.Deletes, persistence.Delete{Key: key, Expected: expected})
}

// orNew gives a record as it is before it is written; of a new one (nil) all is
// zero, its generation as well.
func orNew[T any](before *T) (record T) {
	if before != nil {
		record = *before
	}
	return record
}

// putARQ writes an ARQ; before is nil for a new one.
func (b *batch) putARQ(before, after *ARQ) {
	expected := orNew(before).Generation
	after.Generation = expected + 1
	b.put(arqKey(after.UUID), expected, encodeARQ(after), nil)
	b.arqs = append(b.arqs, change[ARQ]{before, after})
}

func (b *batch) deleteARQ(before *ARQ) {
	b.remove(arqKey(before.UUID), before.Generation)
	b.arqs = append(b.arqs, change[ARQ]{before, nil})
}

func (b *batch) putHandle(before, after *heldHandle) {
	expected := orNew(before).Generation
	after.Generation = expected + 1
	b.put(handleKey(after.UUID), expected, encodeHandle(after), after.claims())
	b.handles = append(b.handles, change[heldHandle]{before, after})
}

func (b *batch) deleteHandle(before *heldHandle) {
	b.remove(handleKey(before.UUID), before.Generation)
	b.handles = append(b.handles, change[heldHandle]{before, nil})
}

func (b *batch) putDevice(before, after *Device) {
	expected := orNew(before).Generation
	after.Generation = expected + 1
	b.put(deviceKey(after.UUID), expected, encodeJSON(after), deviceClaims(after))
	b.devices = append(b.devices, change[Device]{before, after})
}

func (b *batch) deleteDevice(before *Device) {
	b.remove(deviceKey(before.UUID), before.Generation)
	b.devices = append(b.devices, change[Device]{before, nil})
}

func (b *batch) putProfile(p *Profile) {
	p.Generation = 1
	b.put(profileKey(p.UUID), 0, encodeJSON(p), profileClaims(p))
	b.profiles = append(b.profiles, change[Profile]{nil, p})
}

func (b *batch) deleteProfile(p *Profile) {
	b.remove(profileKey(p.UUID), p.Generation)
	b.profiles = append(b.profiles, change[Profile]{p, nil})
}

// setInstance writes who is bound to an instance; nobody: the record goes.
func (b *batch) setInstance(id uuid.UUID, before instanceView, members []uuid.UUID) {
	switch {
	case len(members) > 0:
		b.put(instanceKey(id), before.generation, encodeInstance(members), nil)
	case before.generation > 0:
		b.remove(instanceKey(id), before.generation)
	default:
		return
	}
	b.instances = append(b.instances, instanceChange{id, before.generation + 1, members})
}

// tell queues an event for the compute service.
func (b *batch) tell(e *Event) {
	b.put(eventKey(e.ID), 0, encodeEvent(e), nil)
	b.events = append(b.events, e)
}

// empty says that there is nothing to write.
func (b *batch) empty() bool { return len(b.t.Puts) == 0 && len(b.t.Deletes) == 0 }
