package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
)

// Commands for an agent are on record before they are sent, and are sent again to
// each session until a result is on record. The device's actor gives out one at a
// time; which may have been begun is known to the agent alone.

// hostCommand is a command as the host knows it.
type hostCommand struct {
	rec *commandRecord // as stored, or to be
	n   uint64         // that it was sent with; 0: it was not, by this process
	// waiter is the device's, once it has asked for the command; until then it is
	// not sent: that is so after a restart.
	waiter  *promise[struct{}]
	sent    bool // a session may have been given it
	busy    bool // a write is undecided
	known   bool // what became of it is on disk
	settled bool // nobody rests on its record any more
	noted   bool // its device has put on record what became of it
	losses       // of its removal
}

// commandsRemembered is of how many commands that are over the result is known.
const commandsRemembered = 256

// longestCommand is the time that a command without a deadline gets from being
// sent; then it is asked for anew.
const longestCommand = 10 * time.Minute

// errCommand is a command that an agent reports as failed, errNoDevice one for which it
// knows nobody.
var (
	errCommand  = errors.New("the agent could not")
	errNoDevice = errors.New(protocol.ResultNoDevice)
)

func (h *hostActor) recoverCommands(recs []*commandRecord) {
	slices.SortFunc(recs, func(a, b *commandRecord) int { return slices.Compare(a.Command.ID[:], b.Command.ID[:]) })
	for _, rec := range recs {
		h.commands[rec.Command.ID] = &hostCommand{rec: rec, sent: rec.mayBeSent, known: rec.ended()}
	}
}

// carryOut takes a command of a device up.
func (h *hostActor) carryOut(m *carryOut) {
	c := h.commands[m.rec.Command.ID]
	if c == nil {
		if rec := h.overAlready(m.rec.Command.ID); rec != nil {
			m.promise.resolve(struct{}{}, rec.failure())
			return
		}
		c = &hostCommand{rec: m.rec}
		h.commands[m.rec.Command.ID] = c
	}
	c.rec.Command.Content = m.rec.Command.Content
	c.waiter = &m.promise
	switch {
	case c.rec.ended():
		h.tellDevice(c)
	case c.rec.Generation == 0:
		h.writeCommand(c, func(b *batch) { b.putCommand(nil, c.rec) }, func(err error) {
			if err != nil {
				delete(h.commands, c.rec.Command.ID)
				m.promise.fail(err)
				return
			}
			h.offer(c)
		})
	default:
		h.offer(c)
	}
}

// offer has a command sent, or given up if nobody took it in time.
func (h *hostActor) offer(c *hostCommand) {
	if left, limited := h.sys.left(c.rec); limited && !c.sent {
		self, id := h.self, c.rec.Command.ID
		h.sys.after(max(left, 0), func() { h.sys.engine.tell(self, commandOverdue{id}) })
	}
	h.servePoll()
}

// overdue ends a command that was never sent.
func (h *hostActor) overdue(id uuid.UUID) {
	if c := h.commands[id]; c != nil && !c.sent && !c.rec.ended() && !c.busy {
		h.end(c, &protocol.Result{
			State: protocol.ResultFailed, Code: protocol.ResultExpired, Message: "the agent of the host did not fetch it in time",
		}, func(error) {})
	}
}

// poll waits for commands, in place of another poll.
func (h *hostActor) takePoll(m *pollCommands) {
	if err := h.admit(m.session); err != nil {
		m.fail(err)
		return
	}
	h.endPoll(nil)
	h.poll = m
	h.servePoll()
}

// endPoll answers the poll that waits.
func (h *hostActor) endPoll(err error) {
	if h.poll != nil {
		h.poll.promise.resolve(nil, err)
		h.poll = nil
	}
}

// servePoll answers the poll that waits, if there is anything for it.
func (h *hostActor) servePoll() {
	if h.poll == nil || h.opening() {
		return
	}
	var due []*hostCommand
	for _, c := range h.commands {
		if c.waiter != nil && c.rec.Generation > 0 && !c.rec.ended() && !c.busy && (c.n == 0 || c.n > h.poll.after) {
			due = append(due, c)
		}
	}
	if len(due) == 0 {
		return
	}
	// What is sent for the first time has a number above all others, which an agent
	// asks by.
	slices.SortFunc(due, func(a, b *hostCommand) int { return cmp.Compare(a.n-1, b.n-1) })
	var commands []protocol.Command
	for _, c := range due[:min(len(due), protocol.MaxCommands)] {
		if c.n == 0 {
			c.n = uint64(h.sys.nextOrder())
		}
		left, limited := h.sys.left(c.rec)
		if !limited {
			left = longestCommand
		}
		c.sent = true
		commands = append(commands, protocol.NewCommand(&c.rec.Command, c.n, left.Seconds()))
	}
	h.poll.promise.resolve(commands, nil)
	h.poll = nil
}

// result takes what an agent says of a command. The first end that it reports
// is what counts.
func (h *hostActor) result(m *commandResult) {
	if err := h.admit(m.body.Session); err != nil {
		m.fail(err)
		return
	}
	c := h.commands[m.id]
	switch {
	case c == nil:
		m.promise.resolve(struct{}{}, h.resultOfOld(m))
	case c.known && m.body.Ends(): // also while its record is being removed
		m.promise.resolve(struct{}{}, h.repeated(m, c.rec))
	case c.busy:
		m.fail(Refuse(CodeUnavailable, "the command is being written"))
	case !m.body.Ends():
		m.promise.resolve(struct{}{}, nil)
	case c.rec.ended():
		m.promise.resolve(struct{}{}, h.repeated(m, c.rec))
	default:
		h.end(c, m.body, func(err error) { m.promise.resolve(struct{}{}, err) })
	}
}

// resultOfOld answers for a command that is over.
func (h *hostActor) resultOfOld(m *commandResult) error {
	rec := h.overAlready(m.id)
	if rec == nil {
		return &protocol.Error{Code: protocol.CodeNotFound, Message: "there is no such command"}
	}
	if !m.body.Ends() {
		return nil
	}
	return h.repeated(m, rec)
}

// repeated refuses another result than the first.
func (h *hostActor) repeated(m *commandResult, rec *commandRecord) error {
	if rec.State == m.body.State && rec.Code == m.body.Code {
		return nil
	}
	h.sys.hosts.stats.resultsDiffering.Add(1)
	h.sys.log.Error("an agent reports another result of a command than before; the first counts", "host", h.name,
		"command", m.id, "first", rec.State, "first_code", rec.Code, "now", m.body.State, "code", m.body.Code)
	return &protocol.Error{Code: protocol.CodeResultDiffers, Message: "another result is on record: " + string(rec.State)}
}

// end puts it on record what became of a command, and then tells.
func (h *hostActor) end(c *hostCommand, body *protocol.Result, then func(error)) {
	before := c.rec
	next := *before
	next.State, next.Code, next.Message = body.State, body.Code, body.Message
	over := !c.toBeNoted() && (before.Bind == uuid.Nil || c.settled)
	h.writeCommand(c, func(b *batch) {
		if over {
			b.deleteCommand(before)
		} else {
			b.putCommand(before, &next)
		}
	}, func(err error) {
		if c.tooMany(err) { // its record is gone: nobody rests on it, and nobody waits for ever
			over, err = true, nil
		}
		if err == nil {
			c.rec, c.known = &next, true
			h.sys.hosts.stats.ended(body.State)
			h.tellDevice(c)
			if over {
				h.forget(c)
			} else if c.settled && !c.toBeNoted() {
				h.settle(c)
			}
		}
		then(err)
	})
}

// tellDevice answers the device that waits.
func (h *hostActor) tellDevice(c *hostCommand) {
	if c.waiter == nil {
		return
	}
	c.waiter.resolve(struct{}{}, c.rec.failure())
}

// failure is why a command that has ended did not succeed; nil: it did.
func (c *commandRecord) failure() error {
	if c.State == protocol.ResultDone {
		return nil
	}
	switch c.Code {
	case protocol.ResultNoDevice:
		return fmt.Errorf("%w: %w: %s", errCommand, errNoDevice, c.Message)
	case protocol.ResultUnknown:
		return fmt.Errorf("%w: %w: %s", errCommand, devices.ErrUnknownState, c.Message)
	}
	return fmt.Errorf("%w: %s: %s", errCommand, c.Code, c.Message)
}

// overAlready gives a command that is over, with its result; nil: it is not, or
// long since.
func (h *hostActor) overAlready(id uuid.UUID) *commandRecord {
	i := slices.IndexFunc(h.over, func(rec *commandRecord) bool { return rec.Command.ID == id })
	if i < 0 {
		return nil
	}
	return h.over[i]
}

// writeCommand stores a change of a command's record.
func (h *hostActor) writeCommand(c *hostCommand, change func(*batch), then func(error)) {
	b := relief()
	change(b)
	c.busy = true
	self := h.self
	h.sys.submit(b, func(r persistence.Result) {
		h.sys.engine.tell(self, &commandWritten{c, r, then})
	})
}

// mayRead says which image a command for this host names.
func (h *hostActor) mayRead(m *readImage) {
	if err := h.admit(m.session); err != nil {
		m.fail(err)
		return
	}
	for _, c := range h.commands {
		if m.image != uuid.Nil && c.rec.Command.Image == m.image && c.sent && !c.rec.ended() {
			m.promise.resolve(struct{}{}, nil)
			return
		}
	}
	m.fail(&protocol.Error{Code: protocol.CodeForbidden, Message: "no command for this host names the image"})
}

// do carries a command out: on a host with an agent through that, otherwise by
// the hardware of this process.
func (s *System) do(ctx context.Context, known *commandRecord) (function string, err error) {
	rec := *known // which its host has, too
	err = s.describeImage(ctx, &rec.Command)
	if err != nil && !rec.resumed { // one that may have been begun goes on all the same
		return "", err
	}
	function = rec.Command.Content.Function
	e := s.hosts.of(rec.Command.Host)
	if e == nil {
		return function, s.hardware.Do(ctx, rec.Command)
	}
	p := newPromise[struct{}]()
	s.engine.tell(e.pid, &carryOut{&rec, p})
	select {
	case a := <-p.answer:
		return function, a.err
	case <-ctx.Done():
		return function, ctx.Err()
	}
}

// hostPrepares refuses commands that nobody would carry out in time; nil: they
// are, or the host has no agent.
func (s *System) hostPrepares(name string, commands []devices.Command) error {
	h := s.host(name)
	if h == nil || len(commands) == 0 {
		return nil
	}
	if h.State == HostStale || h.State == HostDead {
		return Refuse(CodeConflict, "the device has to be prepared, and the agent of host %s was not heard of in time", name)
	}
	for _, c := range commands {
		if h.Session && !slices.Contains(h.Capabilities, c.Kind) {
			return Refuse(CodeConflict, "the agent of host %s does not carry out %s", name, c.Kind)
		}
	}
	return nil
}
