package actors

import (
	"errors"
	"slices"

	"github.com/google/uuid"
)

// gather asks the ARQs.
func (o *operation) gather() {
	o.attempt++
	o.round = round{o.self, o.sys.nextRound()}
	o.phase, o.devices, o.failure, o.records, o.lacked = asking, nil, nil, nil, nil
	o.parts = o.choose()
	o.members = newMembership(o.sys.dir)
	o.awaited = len(o.parts)
	for i, p := range o.parts {
		m := &proposeARQ{op: o.round, engine: o.sys.engine, index: i, ask: p.ask}
		if !o.tellARQ(p.id, m) {
			p.err = arqNotFound(p.id)
			o.awaited--
		}
	}
	if o.awaited == 0 {
		o.allARQsProposed()
	}
}

func (o *operation) arqProposed(m *arqProposal) {
	if m.round != o.round.number || o.phase != asking {
		return
	}
	p := o.parts[m.index]
	p.arq, p.err = m.arq, m.err
	if m.err == nil {
		p.told = true
		p.repeat = p.ask.event == evBind && p.ask.repeats(m.arq)
	}
	if o.awaited--; o.awaited == 0 {
		o.allARQsProposed()
	}
}

func (o *operation) allARQsProposed() {
	o.parts = slices.DeleteFunc(o.parts, func(p *part) bool {
		return p.err != nil && p.optional && (o.purpose == forSettling || ErrorCode(p.err) == CodeNotFound)
	})
	if o.joined() {
		o.gatherAgain()
		return
	}
	for _, p := range o.parts {
		if p.err != nil {
			o.finish(p.err)
			return
		}
	}
	if err := o.checkInstances(); err != nil {
		o.conclude(err)
		return
	}
	if err := o.groupByDevice(); err != nil {
		o.conclude(err)
		return
	}
	o.askDevices()
}

// joined says whether an instance whose ARQs are to be deleted has got others
// since they were chosen. Those who come later make the batch lose.
func (o *operation) joined() bool {
	if o.instance == uuid.Nil {
		return false
	}
	o.members.open(o.instance)
	return slices.ContainsFunc(o.choose(), func(now *part) bool {
		return !slices.ContainsFunc(o.parts, func(p *part) bool { return p.id == now.id })
	})
}

// checkInstances holds "an instance that has ARQs takes no more", over the
// whole of the request.
func (o *operation) checkInstances() error {
	var leaving map[uuid.UUID]bool
	for _, p := range o.parts {
		if p.ask.event == evUnbind {
			if leaving == nil {
				leaving = make(map[uuid.UUID]bool, len(o.parts))
			}
			leaving[p.id] = true
		}
	}
	for _, p := range o.parts {
		if p.ask.event != evBind || p.repeat {
			continue
		}
		for _, m := range o.members.open(p.ask.bind.InstanceUUID).before.members {
			if !leaving[m] {
				return Refuse(CodeConflict, "the instance %s already has accelerator requests", p.ask.bind.InstanceUUID)
			}
		}
	}
	return nil
}

// groupByDevice finds the devices that give or take back handles. A device may go
// at any moment, so each is looked up once.
func (o *operation) groupByDevice() error {
	for _, p := range o.parts {
		switch {
		case p.ask.event == evBind && !p.repeat:
			v, ok := o.sys.dir.provider(p.ask.bind.ProviderUUID)
			if !ok {
				return Refuse(CodeNotFound, "device_rp_uuid: no deployable has the resource provider %s", p.ask.bind.ProviderUUID)
			}
			image, err := p.arq.Group.image(o.images)
			if err != nil {
				return err
			}
			p.deployable, p.image = v.deployable.UUID, image
			d := o.devicePart(v.device)
			d.wanting = append(d.wanting, p)
		case p.ask.event != evBind && p.holds():
			v, ok := o.sys.dir.provider(p.arq.Binding.ProviderUUID)
			if !ok {
				o.lacked = append(o.lacked, o.sys.lackOf(handleGive{arq: p.id, handle: p.arq.Binding.Handle.UUID}))
				continue
			}
			d := o.devicePart(v.device)
			d.giving = append(d.giving, p)
		}
	}
	return nil
}

// holds says whether the part gives a handle back: finishing keeps it.
func (p *part) holds() bool {
	return p.ask.event != evFinishBind && p.arq.Binding != nil && p.arq.Binding.Handle != nil
}

func (o *operation) devicePart(d *Device) *devicePart {
	for _, known := range o.devices {
		if known.device.UUID == d.UUID {
			return known
		}
	}
	part := &devicePart{device: d}
	o.devices = append(o.devices, part)
	return part
}

func (o *operation) askDevices() {
	o.phase, o.awaited = askingDevices, len(o.devices)
	for i, d := range o.devices {
		m := &proposeDevice{op: o.round, engine: o.sys.engine, index: i, again: o.attempt > 1}
		for _, p := range d.wanting {
			m.wants = append(m.wants, handleWant{
				arq: p.arq, deployable: p.deployable, hostname: p.ask.bind.Hostname, image: p.image,
			})
		}
		for _, p := range d.giving {
			m.gives = append(m.gives, handleGive{arq: p.id, handle: p.arq.Binding.Handle.UUID})
		}
		if !o.tellDevice(d.device.UUID, m) {
			o.awaited--
			d.proposal = &deviceProposal{err: Refuse(CodeNotFound, "the device %s is gone", d.device.UUID)}
		}
	}
	if o.awaited == 0 {
		o.allDevicesProposed()
	}
}

func (o *operation) deviceProposed(m *deviceProposal) {
	if m.round != o.round.number || o.phase != askingDevices {
		return
	}
	o.devices[m.index].proposal = m
	if o.awaited--; o.awaited == 0 {
		o.allDevicesProposed()
	}
}

// errStale is a device's word that an ARQ's proposal was overtaken: what it
// would give back it does not hold any more.
var errStale = Refuse(CodeUnavailable, "too many concurrent changes; try again")

// allDevicesProposed writes, unless a device refused. "No free handle" comes
// last: it alone leaves a trace.
func (o *operation) allDevicesProposed() {
	var exhausted error
	for _, d := range o.devices {
		switch err := d.proposal.err; {
		case err == nil:
			o.lacked = append(o.lacked, d.proposal.lacked...)
		case errors.Is(err, errStale):
			o.gatherAgain()
			return
		case ErrorCode(err) == CodeNoFreeHandle:
			exhausted = err
		default:
			o.conclude(err)
			return
		}
	}
	if exhausted != nil {
		o.failure, o.lacked = exhausted, nil
		b := o.composeExhausted()
		o.releaseOthers()
		o.submit(b)
		return
	}
	o.submit(o.compose())
}

// gatherAgain gives up an attempt that was overtaken, and makes another.
func (o *operation) gatherAgain() {
	o.release(false)
	if o.attempt >= maxAttempts {
		o.finish(errStale)
		return
	}
	o.gather()
}
