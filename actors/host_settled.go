package actors

import (
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
)

// When the record of a command may go: its bind is settled, what it loaded is on
// its device's record, or nobody has begun it.

// settledBind takes note that the bind of a command is settled. One that an agent
// may have begun stays until that says what became of it: its device asks for it
// yet, if it has not.
func (h *hostActor) settledBind(m *commandSettled) {
	c := h.commands[m.rec.Command.ID]
	if c == nil { // it was never asked for, or is over
		if h.overAlready(m.rec.Command.ID) != nil {
			return
		}
		c = &hostCommand{rec: m.rec}
		h.commands[m.rec.Command.ID] = c
	}
	c.settled = true
	if m.drop {
		c.sent = false
	}
	if !c.busy && (c.rec.ended() && !c.toBeNoted() || c.waiter == nil && !c.sent) {
		h.settle(c)
	}
}

// toBeNoted says whether the result stays on record until the device has put it on its
// own: what is loaded would not be known if the service ended in between.
func (c *hostCommand) toBeNoted() bool { return c.rec.loads() && !c.noted }

// noted takes note that it has.
func (h *hostActor) noted(id uuid.UUID) {
	c := h.commands[id]
	if c == nil {
		return
	}
	c.noted = true
	if !c.busy && c.rec.ended() && (c.settled || c.rec.Bind == uuid.Nil) {
		h.settle(c)
	}
}

// notBegun takes note that nobody has to be waited for.
func (h *hostActor) notBegun(id uuid.UUID) {
	c := h.commands[id]
	if c == nil || c.waiter != nil {
		return
	}
	c.sent, c.noted = false, true
	if c.settled && !c.busy {
		h.settle(c)
	}
}

// settle removes the record of a command on which nobody rests any more. One that
// was not asked for yet is not begun from here on, also while it is on record yet.
func (h *hostActor) settle(c *hostCommand) {
	if !c.rec.ended() {
		next := *c.rec
		next.State, next.Code, next.Message = protocol.ResultFailed, protocol.ResultUndone, "its bind is over"
		c.rec = &next
	}
	h.writeCommand(c, func(b *batch) { b.deleteCommand(c.rec) }, func(err error) {
		if err != nil && !c.tooMany(err) { // else it is gone already
			self, rec := h.self, c.rec
			h.sys.after(settlePause, func() { h.sys.engine.tell(self, &commandSettled{rec: rec}) })
			return
		}
		h.tellDevice(c)
		h.forget(c)
	})
}

// forget drops a command that is over; its result is remembered for a while.
func (h *hostActor) forget(c *hostCommand) {
	delete(h.commands, c.rec.Command.ID)
	h.over = append(h.over, c.rec)
	h.over = h.over[max(0, len(h.over)-commandsRemembered):]
}
