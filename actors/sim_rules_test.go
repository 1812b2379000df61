package actors

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// The rules that every single commit keeps, written down a second time: a
// commit is whole, and does what the contract says.

// mayBecome are the changes of an ARQ's state that may be written.
var mayBecome = map[State][]State{
	Initial:     {Bound, BindStarted, BindFailed, Unbound},
	Unbound:     {Bound, BindStarted, BindFailed, Unbound},
	BindStarted: {Bound, BindFailed, Unbound},
	Bound:       {Unbound},
	BindFailed:  {Unbound},
}

func (h *history) checkCommit(s *simulation, c *commit) {
	for _, ch := range c.arqs {
		h.checkARQ(s, c, ch)
	}
	for _, ch := range c.handles {
		h.checkHandle(c, ch)
	}
	for _, ch := range c.commands {
		h.checkCommand(c, ch)
	}
	for _, id := range c.delivered {
		created, told := h.created[id], h.events[id]
		if told == nil && created != nil && (!created.Held || h.waits(created, c.index)) && c.at.Sub(time.UnixMilli(created.Created)) < s.opts.EventDeadline {
			h.violated("commit %d removes event %s, which nobody was told", c.index, id)
		}
	}
	if c.settles() {
		h.checkSettlement(s, c)
	}
}

func (h *history) checkARQ(s *simulation, c *commit, ch change[ARQ]) {
	before, after := ch.before, ch.after
	switch {
	case before == nil && (after.State != Initial || after.Binding != nil):
		h.violated("commit %d makes ARQ %s as %s", c.index, after.UUID, after.State)
	case before != nil && after != nil && !slices.Contains(mayBecome[before.State], after.State):
		h.violated("commit %d makes ARQ %s, which is %s, %s", c.index, after.UUID, before.State, after.State)
	}
	var held, holds uuid.UUID
	var left, joined uuid.UUID
	var id uuid.UUID
	if before != nil && before.Binding != nil {
		id, left = before.UUID, before.Binding.InstanceUUID
		if before.Binding.Handle != nil {
			held = before.Binding.Handle.UUID
		}
	}
	if after != nil && after.Binding != nil {
		id, joined = after.UUID, after.Binding.InstanceUUID
		if after.Binding.Handle != nil {
			holds = after.Binding.Handle.UUID
		}
		if (holds != uuid.Nil) != (after.State == Bound || after.State == BindStarted) {
			h.violated("commit %d leaves ARQ %s, %s, with handle %s", c.index, id, after.State, holds)
		}
		if after.State == Bound && holds != uuid.Nil && !s.machines.ready(after) {
			h.violated("commit %d says that ARQ %s is Bound, and the hardware is not prepared for it", c.index, id)
		}
		h.checkTold(c, after)
		if holds != uuid.Nil && held == uuid.Nil {
			h.checkGiven(c, after)
			h.checkCertain(s, c, after)
		}
		if after.State == BindStarted && held == uuid.Nil {
			h.checkCommanded(c, after)
		}
	}
	if holds != uuid.Nil {
		if now := atOf[heldHandle](h, handleKey(holds), c.index); now == nil || now.State != handleTaken || now.Holder != id {
			h.violated("commit %d gives ARQ %s the handle %s, whose record is %+v", c.index, id, holds, now)
		}
	}
	if held != uuid.Nil && held != holds {
		if now := atOf[heldHandle](h, handleKey(held), c.index); now == nil || now.State == handleTaken {
			h.violated("commit %d takes the handle %s from ARQ %s and leaves its record %+v", c.index, held, id, now)
		}
	}
	if joined != uuid.Nil && !slices.Contains(h.members(joined, c.index), id) {
		h.violated("commit %d binds ARQ %s to instance %s, whose record does not name it", c.index, id, joined)
	}
	if left != uuid.Nil && left != joined && slices.Contains(h.members(left, c.index), id) {
		h.violated("commit %d takes ARQ %s from instance %s, whose record still names it", c.index, id, left)
	}
}

// checkTold wants an event in the commit that ends a bind.
func (h *history) checkTold(c *commit, a *ARQ) {
	if a.State != Bound && a.State != BindFailed {
		return
	}
	for _, e := range c.events {
		if e.Instance == a.Binding.InstanceUUID && slices.Contains(e.ARQs, EventARQ{a.UUID, a.State == Bound}) {
			return
		}
	}
	h.violated("commit %d makes ARQ %s %s without an event", c.index, a.UUID, a.State)
}

func (h *history) checkHandle(c *commit, ch change[heldHandle]) {
	after := ch.after
	if after == nil || after.State != handleTaken {
		return
	}
	a := atOf[ARQ](h, arqKey(after.Holder), c.index)
	if a == nil || a.Binding == nil || a.Binding.Handle == nil || a.Binding.Handle.UUID != after.UUID {
		h.violated("commit %d gives handle %s to ARQ %s, which does not show it", c.index, after.UUID, after.Holder)
	}
	if ch.before == nil || ch.before.State != handleFree {
		h.violated("commit %d takes handle %s, which is not free", c.index, after.UUID)
	}
}

// settles says whether the commit is the second half of binds.
func (c *commit) settles() bool {
	return len(c.arqs) > 0 && !slices.ContainsFunc(c.arqs, func(ch change[ARQ]) bool {
		return ch.before == nil || ch.after == nil || ch.before.State != BindStarted ||
			ch.after.State != Bound && ch.after.State != BindFailed
	})
}

// checkSettlement holds the end of binds against their beginning: the same
// binding, and no failure without a reason.
func (h *history) checkSettlement(s *simulation, c *commit) {
	for _, ch := range c.arqs {
		before, after := *ch.before.Binding, *ch.after.Binding
		before.Handle, after.Handle = nil, nil
		if before != after {
			h.violated("commit %d settles ARQ %s, bound to %+v, as bound to %+v", c.index, ch.after.UUID, before, after)
		}
		if ch.after.State == BindFailed && !h.mayFail(s, c, ch.before) {
			h.violated("commit %d fails the bind of ARQ %s for no reason", c.index, ch.after.UUID)
		}
	}
}

func (h *history) mayFail(s *simulation, c *commit, a *ARQ) bool {
	versions := h.versions[arqKey(a.UUID)]
	begun := h.commits[versions[len(versions)-2].from-1] // the commit that made it BindStarted
	if begun.life != c.life || c.life.ending.Load() || c.at.Sub(begun.at) >= s.opts.BindTimeout || h.faultSince(begun.seq) ||
		h.overdue(a.UUID, c.at) {
		return true
	}
	return slices.ContainsFunc(h.commands, func(span *commandSpan) bool {
		return span.failed && !span.to.Before(begun.at)
	})
}

func (h *history) faultSince(seq int) bool {
	return len(h.faults) > 0 && h.faults[len(h.faults)-1] > seq
}

// own says whether a commit is the service's own work, for which nobody asked.
func (c *commit) own() bool {
	switch {
	case c.settles(), c.numbers, len(c.delivered) > 0:
		return true
	case len(c.arqs) > 0, len(c.profiles) > 0:
		return false
	}
	for _, ch := range c.devices {
		if ch.before != nil && ch.after != nil &&
			(ch.before.Disabled != ch.after.Disabled || !slices.Equal(added(ch.before), added(ch.after))) {
			return false
		}
	}
	for _, ch := range c.handles { // registered, gone, or cleaned up
		if ch.after != nil && ch.after.State != handleFree && ch.after.State != handleMissing {
			return false
		}
	}
	return true
}

// added are the attributes of a device that somebody has added.
func added(d *Device) []uuid.UUID {
	var ids []uuid.UUID
	for _, dep := range d.Deployables {
		for _, a := range dep.Attributes {
			if !a.Reported && !a.Own {
				ids = append(ids, a.UUID)
			}
		}
	}
	return ids
}

// loadingAround says whether an image was, or was about to be, loaded into a
// deployable at some time of a span, be it for a bind that is over.
func (h *history) loadingAround(dep string, from, to time.Time) bool {
	if slices.ContainsFunc(h.commits, func(c *commit) bool { return h.queues(c, dep, from, to) }) {
		return true
	}
	return slices.ContainsFunc(h.commands, func(span *commandSpan) bool {
		return span.loads && span.command.Deployable == dep && span.from.Before(to.Add(simSlack+simDelay)) &&
			(span.to.IsZero() || span.to.Add(simSlack).After(from))
	})
}

// longestQueue is how long what a device has to do waits for what it does at the most.
const longestQueue = time.Minute

// queues says whether a commit has accepted a bind that has an image loaded on a host
// without an agent, which may not be done yet.
func (h *history) queues(c *commit, dep string, from, to time.Time) bool {
	if c.at.After(to) || c.at.Add(longestQueue).Before(from) {
		return false
	}
	return slices.ContainsFunc(c.arqs, func(ch change[ARQ]) bool {
		return ch.after != nil && ch.after.State == BindStarted && simImage(ch.after.Group) != uuid.Nil &&
			h.agents[ch.after.Binding.Hostname] == nil && h.deployableOf(ch.after) == dep
	})
}

// failedAround says whether a command of a kind failed in a span of time.
func (h *history) failedAround(kind devices.CommandKind, dep string, from, to time.Time) bool {
	return slices.ContainsFunc(h.commands, func(span *commandSpan) bool {
		return span.failed && span.command.Kind == kind && span.command.Deployable == dep &&
			!span.to.Before(from) && !span.to.After(to)
	})
}

// simSlack is how long news of the service's own work may take to reach all
// of its actors, when the order of things is disturbed.
const simSlack = time.Second

// simDelay is how long the store holds a write up at the most, and with it what waits
// for that.
const simDelay = 6 * time.Second
