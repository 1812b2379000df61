package actors

import "github.com/google/uuid"

// Nova boots an instance without the device when it finds an ARQ BindFailed
// before it has begun to wait, and loses events that nobody waits for yet. So a
// bind that fails after its 202 is held back: on record it is BindFailed, and
// readers see it BindStarted for as long as its event, which is sent again and
// again, is in the outbox. Whoever would change it is answered by the record. The
// hold ends for an ARQ that is unbound or deleted, and for all when the event is
// too old. The event's record is what a hold rests on, so it outlives a restart.

// stored is the state on record.
func (a *ARQ) stored() State {
	if a.held {
		return BindFailed
	}
	return a.State
}

// holdBack gives the ARQ, which is BindFailed, as readers are to see it.
func (a *ARQ) holdBack() *ARQ {
	shown := *a
	shown.State, shown.held = BindStarted, true
	return &shown
}

// reveal gives the ARQ as it is on record.
func (a *ARQ) reveal() *ARQ {
	shown := *a
	shown.State, shown.held = a.stored(), false
	return &shown
}

// hold takes note of the event that a batch's held ARQs wait for. The caller
// holds mu.
func (d *directory) hold(e *Event) {
	for _, a := range e.ARQs {
		if now, ok := d.arq(a.UUID); ok && now.held {
			d.holds[a.UUID] = e.ID
		}
	}
}

// holdAgain holds back what an event found at the start was to hold back, and
// not what has failed anew since.
func (d *directory) holdAgain(e *Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.together.begin()
	defer d.together.end()
	for _, a := range e.ARQs {
		now, ok := d.arq(a.UUID)
		if ok && now.State == BindFailed && now.Binding.InstanceUUID == e.Instance && now.UpdatedAt <= e.Created/1000 {
			d.exchange(now, now.holdBack())
		}
	}
	d.hold(e)
}

// heldBy gives the ARQs that an event holds back still.
func (d *directory) heldBy(e *Event) []EventARQ {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var held []EventARQ
	for _, a := range e.ARQs {
		if d.holds[a.UUID] == e.ID {
			held = append(held, a)
		}
	}
	return held
}

// release lets readers see what an event has held back.
func (d *directory) release(e *Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.together.begin()
	defer d.together.end()
	for _, a := range e.ARQs {
		if d.holds[a.UUID] != e.ID {
			continue
		}
		delete(d.holds, a.UUID)
		if now, ok := d.arq(a.UUID); ok {
			d.exchange(now, now.reveal())
		}
	}
}

// exchange shows another view of the same record. The caller holds mu.
func (d *directory) exchange(now, next *ARQ) {
	e := d.arqs.entry(now.UUID)
	e.view.Store(next)
	d.indexes.move(e, now, next)
}

// holdsEnded gives the instances of the ARQs that a batch takes from a hold. The
// caller holds mu; the batch is not published yet.
func (d *directory) holdsEnded(b *batch) (instances []uuid.UUID) {
	if len(d.holds) == 0 {
		return nil
	}
	for _, c := range b.arqs {
		if c.before == nil {
			continue
		}
		now, ok := d.arq(c.before.UUID)
		if ok && now.held && (c.after == nil || c.after.Generation > now.Generation) {
			delete(d.holds, now.UUID)
			instances = append(instances, now.Binding.InstanceUUID)
		}
	}
	return instances
}
