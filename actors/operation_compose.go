package actors

import (
	"slices"

	"github.com/google/uuid"
)

// compose puts the proposals into one batch.
func (o *operation) compose() *batch {
	b := o.newBatch()
	b.t.Relief = !o.binds()
	staged := o.prepares()
	for _, d := range o.devices {
		o.composeDevice(b, d)
	}
	o.checkLacked(b)
	for _, p := range o.parts {
		if !p.repeat {
			o.composeARQ(b, p, staged, o.members)
		}
	}
	o.members.write(b)
	o.checkOthers(b, func(p *part) bool { return p.repeat })
	if staged {
		o.composeCommands(b)
	} else {
		o.composeEvents(b)
	}
	return b
}

func (o *operation) newBatch() *batch {
	if o.purpose == forDelete {
		return newDeletionBatch()
	}
	return newOperationBatch()
}

// checkOthers makes what needs no write a condition of what does.
func (o *operation) checkOthers(b *batch, unwritten func(*part) bool) {
	if b.empty() {
		return
	}
	for _, p := range o.parts {
		if unwritten(p) {
			b.check(arqKey(p.id), p.arq.Generation)
		}
	}
}

// binds says whether anything is to be given out.
func (o *operation) binds() bool {
	return slices.ContainsFunc(o.parts, func(p *part) bool { return p.ask.event == evBind })
}

// prepares says whether a device must do something before the guests can use
// what they get. Then the whole request is staged: all or nothing.
func (o *operation) prepares() bool {
	return slices.ContainsFunc(o.devices, func(d *devicePart) bool { return len(d.proposal.commands) > 0 })
}

func (o *operation) composeDevice(b *batch, d *devicePart) {
	if c := d.proposal.device; c != nil {
		b.putDevice(c.before, c.after)
	} else if len(d.wanting) > 0 {
		// Still enabled, still with these attributes, when it is written.
		b.check(deviceKey(d.device.UUID), d.proposal.generation)
	}
	b.checkHandles(d.proposal.idle)
	for i := range d.proposal.taken {
		c := d.proposal.taken[i]
		b.putHandle(c.before, c.after)
		d.wanting[i].taken = &c
	}
	for _, c := range d.proposal.given {
		b.putHandle(c.before, c.after)
	}
}

func (o *operation) composeARQ(b *batch, p *part, staged bool, m *membership) {
	now := o.sys.unix()
	switch p.ask.event {
	case evBind:
		event := evBind
		binding := o.binding(p)
		if staged {
			event = evStartBind
		}
		next := p.arq.after(event, binding, now)
		if p.ask.bind.ProjectID != "" {
			next.ProjectID = intern(p.ask.bind.ProjectID)
		}
		b.putARQ(p.arq, next)
		m.join(binding.InstanceUUID, p.id)
	case evUnbind:
		b.putARQ(p.arq, p.arq.after(evUnbind, nil, now))
		m.leave(p.arq)
	case evFinishBind:
		b.putARQ(p.arq, p.arq.after(evFinishBind, p.arq.Binding, now))
	case evFailBind:
		next := p.arq.after(evFailBind, p.arq.Binding.withoutHandle(), now)
		if o.sys.opts.HoldFailed {
			next = next.holdBack()
		}
		b.putARQ(p.arq, next)
	case evDelete:
		b.deleteARQ(p.arq)
		m.leave(p.arq)
	case evStartBind, evFailUnbind, arqEventCount:
	}
}

// binding is what the ARQ gets. The handle is on record from the start;
// readers see it once the ARQ is Bound.
func (o *operation) binding(p *part) *Binding {
	to := p.ask.bind
	h := p.taken.after.Handle
	return &Binding{
		Hostname:     intern(to.Hostname),
		ProviderUUID: to.ProviderUUID,
		InstanceUUID: to.InstanceUUID,
		Handle:       &h,
	}
}

func (b *Binding) withoutHandle() *Binding {
	c := *b
	c.Handle = nil
	return &c
}

// composeExhausted fails the binds of a request for which there are too few
// handles: they keep host, provider and instance, and no handle. Unbinds of
// the same request are not done. It holds only if there are still too few when
// it is written, and nothing else speaks against the request.
func (o *operation) composeExhausted() *batch {
	b := &batch{}
	now := o.sys.unix()
	fails := func(p *part) bool { return p.ask.event == evBind && !p.repeat }
	for _, p := range o.parts {
		if !fails(p) {
			continue
		}
		to := p.ask.bind
		binding := &Binding{
			Hostname:     intern(to.Hostname),
			ProviderUUID: to.ProviderUUID, InstanceUUID: to.InstanceUUID,
		}
		b.putARQ(p.arq, p.arq.after(evFailBind, binding, now))
		o.members.join(to.InstanceUUID, p.id)
	}
	o.members.write(b)
	o.checkOthers(b, func(p *part) bool { return !fails(p) })
	for _, d := range o.devices {
		if len(d.wanting) > 0 {
			o.checkDevice(b, d)
		}
	}
	o.composeEvents(b)
	return b
}

// checkDevice makes what a device has answered a condition.
func (o *operation) checkDevice(b *batch, d *devicePart) {
	b.check(deviceKey(d.device.UUID), d.proposal.generation)
	b.checkHandles(d.proposal.away)
	b.checkHandles(d.proposal.idle)
	if d.proposal.device == nil {
		return
	}
	for _, c := range d.proposal.taken { // a guest on it would refuse the image
		b.check(handleKey(c.before.UUID), c.before.Generation)
	}
}

// composeEvents tells of every bind that this batch ends, an event for each
// instance.
func (o *operation) composeEvents(b *batch) {
	var events []*Event
	for _, c := range b.arqs {
		if c.after == nil || c.after.stored() != Bound && c.after.stored() != BindFailed {
			continue
		}
		instance := c.after.Binding.InstanceUUID
		i := slices.IndexFunc(events, func(e *Event) bool { return e.Instance == instance })
		if i < 0 {
			events = append(events, &Event{
				ID: uuid.Must(uuid.NewV7()), Instance: instance,
				RequestID: o.request, Created: o.sys.now().UnixMilli(),
			})
			i = len(events) - 1
		}
		events[i].ARQs = append(events[i].ARQs, EventARQ{UUID: c.after.UUID, Completed: c.after.State == Bound})
		events[i].Held = events[i].Held || c.after.held
	}
	for _, e := range events {
		b.tell(e)
	}
}

// membership gathers who belongs to which instance after a batch.
type membership struct {
	dir   *directory
	order []*belonging
	byID  map[uuid.UUID]*belonging // when there are more than few
}

// belonging is one instance: as it was, and as it will be.
type belonging struct {
	instance uuid.UUID
	before   instanceView
	after    []uuid.UUID
}

// fewInstances are found sooner by looking at each.
const fewInstances = 8

func newMembership(d *directory) *membership { return &membership{dir: d} }

func (m *membership) known(instance uuid.UUID) *belonging {
	if m.byID != nil {
		return m.byID[instance]
	}
	for _, b := range m.order {
		if b.instance == instance {
			return b
		}
	}
	return nil
}

// open reads an instance, once: what was checked is what the batch rests on.
func (m *membership) open(instance uuid.UUID) *belonging {
	if b := m.known(instance); b != nil {
		return b
	}
	v := m.dir.instance(instance)
	b := &belonging{instance: instance, before: v, after: slices.Clone(v.members)}
	m.order = append(m.order, b)
	switch {
	case m.byID != nil:
		m.byID[instance] = b
	case len(m.order) > fewInstances:
		m.byID = make(map[uuid.UUID]*belonging, 2*len(m.order))
		for _, b := range m.order {
			m.byID[b.instance] = b
		}
	}
	return b
}

func (m *membership) join(instance, arq uuid.UUID) {
	b := m.open(instance)
	b.after = append(b.after, arq)
}

func (m *membership) leave(a *ARQ) {
	if a.Binding == nil {
		return
	}
	b := m.open(a.Binding.InstanceUUID)
	b.after = slices.DeleteFunc(b.after, func(id uuid.UUID) bool { return id == a.UUID })
}

func (m *membership) write(b *batch) {
	for _, i := range m.order {
		if slices.Equal(i.before.members, i.after) {
			continue // only looked at
		}
		b.setInstance(i.instance, i.before, i.after)
	}
}
