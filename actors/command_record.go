package actors

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
)

// kindCommand has the commands that agents were, or may have been, given. Those
// of a bind are written with its ARQs as BindStarted and stay until the bind is
// settled; others until they have ended.
const kindCommand persistence.Kind = "command"

func commandKey(id uuid.UUID) persistence.Key { return persistence.Key{Kind: kindCommand, ID: id} }

// commandRecord is the record.
type commandRecord struct {
	Generation uint64          `json:"-"`
	Command    devices.Command `json:"command"`
	Device     uuid.UUID       `json:"device"`
	Handles    []uuid.UUID     `json:"handles,omitempty"`  // that it is done for
	Deadline   int64           `json:"deadline,omitempty"` // Unix milliseconds; 0: none
	// Of a bind: which, of which ARQs, and the place among its commands.
	Bind uuid.UUID   `json:"bind,omitzero"`
	ARQs []uuid.UUID `json:"arqs,omitempty"`
	// Generations are those of ARQs since they are BindStarted: a later bind of
	// the same ARQ is another one.
	Generations []uint64 `json:"generations,omitempty"`
	// Partly is a bind of which hosts without an agent prepare something, too: that is
	// not on record, and nobody could go on with it.
	Partly bool `json:"partly,omitempty"`

	Request string `json:"request,omitempty"`
	Order   int    `json:"order,omitempty"`
	// What became of it, once that is known.
	State   protocol.ResultState `json:"state,omitempty"`
	Code    string               `json:"code,omitempty"`
	Message string               `json:"message,omitempty"`

	until     time.Time // the deadline as time passes, whatever the clock is set to
	resumed   bool      // it was found at the start
	mayBeSent bool      // likewise, and an agent may have begun it
}

func decodeCommand(r persistence.Record) (*commandRecord, error) {
	c := &commandRecord{Generation: r.Generation}
	return c, decodeJSON(r, c)
}

// putCommand writes a command's record. before is nil for a new one.
func (b *batch) putCommand(before, after *commandRecord) {
	expected := orNew(before).Generation
	after.Generation = expected + 1
	b.put(commandKey(after.Command.ID), expected, encodeJSON(after), nil)
}

func (b *batch) deleteCommand(c *commandRecord) { b.remove(commandKey(c.Command.ID), c.Generation) }

// left is the time that a command has; false: as long as it takes.
func (s *System) left(c *commandRecord) (time.Duration, bool) {
	return c.until.Sub(s.now()), c.Deadline != 0
}

// resumedUntil is when the time is over of a command that the start found. It has no more
// than a bind has from its beginning, also when the clock was put back since.
func (s *System) resumedUntil(c *commandRecord) time.Time {
	now := s.now()
	return now.Add(min(time.UnixMilli(c.Deadline).Sub(now), s.opts.BindTimeout))
}

// prepares tells whether the command is of the bind that an ARQ was in with a
// generation, and whether that can go on after a restart.
func (c *commandRecord) prepares(arq uuid.UUID, generation uint64) bool {
	i := slices.Index(c.ARQs, arq)
	return !c.Partly && i >= 0 && i < len(c.Generations) && c.Generations[i] == generation
}

// loads tells whether the command loads an image.
func (c *commandRecord) loads() bool { return c.Command.Kind == devices.ProgramFPGA }

// ended tells whether it is known what became of it.
func (c *commandRecord) ended() bool { return c.State != "" }

// recordCommands makes the records of a proposal's commands, if an agent is to
// carry them out.
func (a *deviceActor) recordCommands(p *deviceProposal) {
	if len(p.commands) == 0 || a.sys.host(a.dev.Hostname) == nil {
		return
	}
	var handles []uuid.UUID
	for _, c := range p.taken {
		handles = append(handles, c.after.UUID)
	}
	until := a.sys.now().Add(a.sys.opts.BindTimeout)
	for i, c := range p.commands {
		p.records = append(p.records, &commandRecord{
			Command: c, Device: a.dev.UUID, Handles: handles, Deadline: until.UnixMilli(), until: until, Order: i,
		})
	}
}

// composeCommands adds the commands of an accepted bind.
func (o *operation) composeCommands(b *batch) {
	bind := uuid.New()
	var arqs []uuid.UUID
	var generations []uint64
	for _, p := range o.parts {
		if p.ask.event == evBind && !p.repeat {
			arqs = append(arqs, p.id)
			generations = append(generations, p.arq.Generation+1)
		}
	}
	partly := slices.ContainsFunc(o.devices, func(d *devicePart) bool { return len(d.proposal.records) < len(d.proposal.commands) })
	for _, d := range o.devices {
		for _, rec := range d.proposal.records {
			rec.Bind, rec.ARQs, rec.Generations, rec.Partly, rec.Request = bind, arqs, generations, partly, o.request
			b.putCommand(nil, rec)
			o.records = append(o.records, rec)
		}
	}
}
