package actors

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
)

// Agents of one host that have the same journal of commands are the same for the
// service: one at a time is at work, and the next answers for what it has begun.
// One with another journal knows nothing of that. So that no command is carried
// out by two, it gets no session while the other one has something to do and may
// be alive; afterwards what was to be done once is over, and nobody knows how.

// takesOver tells whether an agent is about to take the place of one whose
// commands it knows nothing of. After a start of the machine nothing goes on.
func (h *hostActor) takesOver(req *protocol.OpenSession) bool {
	return h.rec != nil && h.rec.Journal != uuid.Nil && req.Journal != uuid.Nil && h.rec.Journal != req.Journal &&
		h.rec.Boot == req.BootID
}

// contested refuses a session to an agent that would take over while another one
// is at work; nil: it may.
func (h *hostActor) contested(req *protocol.OpenSession) error {
	if !h.takesOver(req) || h.state != HostFresh && h.state != HostUnknown || len(h.underWay()) == 0 {
		return nil
	}
	if h.waits != req.Process {
		h.waits = req.Process
		h.sys.log.Error("another agent of a host, with another state_path, wants to take over while the first has commands to carry out; it has to wait",
			"host", h.name, "commands", len(h.underWay()))
	}
	return &protocol.Error{
		Code: protocol.CodeUnavailable, Message: "another agent of host " + h.name + " has commands to carry out",
	}
}

// opening says whether a session is being opened. Until that is on disk nobody is
// given a command: the agent that has the session could begin it, and the one that
// will have it, too.
func (h *hostActor) opening() bool {
	_, opens := h.serving.(*openSession)
	return h.busy && opens
}

// refuseOpening answers who gets no session, and the poll that had to wait meanwhile.
func (h *hostActor) refuseOpening(m *openSession, err error) {
	m.fail(err)
	h.servePoll()
}

// underWay are the commands that an agent may have begun.
func (h *hostActor) underWay() []*hostCommand {
	var all []*hostCommand
	for _, c := range h.commands {
		if c.sent && !c.rec.ended() {
			all = append(all, c)
		}
	}
	return all
}

// endUnknown ends the commands that the agent before may have begun and that
// cannot be repeated, and then goes on with the session; false: there are none. The
// others are sent to the next agent, too. That they have ended is on disk before it
// is on disk who the next one is: otherwise it would be taken for theirs.
func (h *hostActor) endUnknown(m *openSession) bool {
	all := slices.DeleteFunc(h.underWay(), func(c *hostCommand) bool { return !c.rec.loads() })
	if len(all) == 0 {
		return false
	}
	if slices.ContainsFunc(all, func(c *hostCommand) bool { return c.busy }) {
		h.refuseOpening(m, Refuse(CodeUnavailable, "a command is being written"))
		return true
	}
	h.busy = true
	var failed error
	left := len(all)
	for _, c := range all {
		h.end(c, &protocol.Result{
			State: protocol.ResultFailed, Code: protocol.ResultUnknown, Message: "another agent, which knows nothing of it, has taken over",
		}, func(err error) {
			failed = cmp.Or(failed, err)
			if left--; left > 0 {
				return
			}
			h.busy = false
			if failed != nil {
				h.refuseOpening(m, failed)
				return
			}
			h.open(m)
		})
	}
	return true
}

// sameAgent tells whether a session is opened by the agent that has one, be it
// after a start of its own.
func (s *hostSession) sameAgent(req *protocol.OpenSession) bool {
	return req.Process != uuid.Nil && req.Process == s.process || req.Journal != uuid.Nil && req.Journal == s.journal
}
