package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// operation is one PATCH or DELETE of ARQs, or the second half of a bind that
// was accepted before. It gathers proposals from the ARQs and devices
// concerned and puts them all into one conditional batch. Lost: it gathers
// again. There is nothing to undo, no lock, no order to keep.
type operation struct {
	sys     *System
	self    *actor.PID
	round   round
	purpose purpose
	request string // request id, for the events
	promise promise[struct{}]
	images  map[string]uuid.UUID // of functions that groups ask for

	// choose gives the ARQs for an attempt; the same each time, except for a
	// delete by instance.
	choose   func() []*part
	instance uuid.UUID // of a delete by instance

	attempt int
	phase   phase
	parts   []*part
	awaited int
	devices []*devicePart
	members *membership // the instances, as they were when checked
	lacked  []lack

	// After an accepted bind that needs preparation:
	accepted  []*part          // what became BindStarted
	records   []*commandRecord // of its commands, if agents carry them out
	preparing int              // devices at work
	failure   error
	deadline  func() // stops the timer
}

// purpose is what an operation is for.
type purpose uint8

const (
	forPatch purpose = iota
	forDelete
	forSettling // ending an accepted bind
)

type phase uint8

const (
	asking phase = iota
	askingDevices
	writing
	preparing
	finished
)

// part is one ARQ's share in an operation.
type part struct {
	id         uuid.UUID
	ask        arqAsk
	optional   bool // leave out instead of refusing (delete by instance)
	arq        *ARQ // as proposed from
	err        error
	told       bool      // it holds a proposal for us
	repeat     bool      // already so; nothing to write
	deployable uuid.UUID // to bind to
	image      uuid.UUID
	taken      *change[heldHandle]
}

// devicePart is one device's share.
type devicePart struct {
	device   *Device
	wanting  []*part
	giving   []*part
	proposal *deviceProposal
}

func (o *operation) receive(ctx actor.Context, msg any) {
	o.self = ctx.Self()
	o.hear(msg)
}

func (o *operation) hear(msg any) {
	switch m := msg.(type) {
	case begin:
		o.gather()
	case *arqProposal:
		o.arqProposed(m)
	case *deviceProposal:
		o.deviceProposed(m)
	case *batchDone:
		o.decided(m)
	case *commandsDone:
		o.prepared(m)
	case bindDeadline:
		o.expired(m)
	case preparationResumed:
		o.watch(m.left)
	}
}

func (o *operation) over() bool { return o.phase == finished }

// abort ends an operation whose code panicked: nobody is left waiting.
func (o *operation) abort(err error) {
	o.release(false)
	o.promise.fail(err)
	o.phase = finished
}

func (o *operation) submit(b *batch) {
	if b.empty() {
		o.conclude(nil)
		return
	}
	o.phase = writing
	to := o.round
	o.sys.submit(b, func(r persistence.Result) {
		o.sys.engine.tell(to.pid, &batchDone{to.number, b, r})
	})
}

// decided adopts what was won, or asks again.
func (o *operation) decided(m *batchDone) {
	if m.round != o.round.number || o.phase != writing {
		return
	}
	err := storeError(m.result)
	switch {
	case err == nil:
		o.won(m.batch)
	case m.result.Outcome == persistence.Lost && m.result.Err == nil:
		o.gatherAgain()
	default:
		o.finish(err)
	}
}

// conclude ends an operation that writes nothing: all is as it is wanted, or an
// instance or a device does not allow it. A batch has the ARQs as conditions;
// here they are looked at once more. If one has changed since it was asked, the
// answer was perhaps right at no moment.
func (o *operation) conclude(err error) {
	changed := func(p *part) bool {
		now, ok := o.sys.dir.arq(p.id)
		return !ok || now.Generation != p.arq.Generation
	}
	if slices.ContainsFunc(o.parts, changed) {
		o.gatherAgain()
		return
	}
	o.finish(err)
}

// finish answers, tells everybody who waits for a decision that there is
// none, and ends.
func (o *operation) finish(err error) {
	o.release(false)
	o.promise.resolve(struct{}{}, err)
	o.end()
}

func (o *operation) end() {
	if o.deadline != nil {
		o.deadline()
	}
	o.phase = finished
}

// release tells the participants the outcome: the devices first, so that
// whoever hears of it from an ARQ finds its device informed.
func (o *operation) release(won bool) {
	m := &decided{op: o.round, won: won}
	for _, d := range o.devices {
		o.tellDevice(d.device.UUID, m)
	}
	for _, p := range o.parts {
		if p.told {
			p.told = false
			o.tellARQ(p.id, m)
		}
	}
}

// releaseOthers lets the devices go that have what is wanted, and keeps those
// that have not: these give nothing back while the failure is being written.
func (o *operation) releaseOthers() {
	o.devices = slices.DeleteFunc(o.devices, func(d *devicePart) bool {
		if d.proposal.err == nil {
			o.sys.devices.tell(d.device.UUID, &decided{op: o.round, won: false})
		}
		return d.proposal.err == nil
	})
}

// tellARQ visits an ARQ: an operation has nothing to do until those whom it asks
// have answered. In a second attempt it gives the others the turn, who have made
// it lose and are about to say so.
func (o *operation) tellARQ(id uuid.UUID, msg any) bool {
	if o.attempt > 1 {
		return o.sys.arqs.tell(id, msg)
	}
	return o.sys.arqs.visit(id, msg)
}

func (o *operation) tellDevice(id uuid.UUID, msg any) bool {
	if o.attempt > 1 {
		return o.sys.devices.tell(id, msg)
	}
	return o.sys.devices.visit(id, msg)
}
