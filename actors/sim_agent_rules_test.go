package actors

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// The rules of commands for agents, and of hosts that are not heard of.

// checkBegun wants a command on record before an agent begins it, and until it
// has ended.
func (h *history) checkBegun(c devices.Command) {
	if rec := latestOf[commandRecord](h, commandKey(c.ID)); rec == nil || rec.ended() {
		h.violated("an agent begins %s %s, whose record is %+v", c.Kind, c.ID, rec)
	}
}

// checkTaken holds the answer to a result against the records: one that was
// taken is on disk, or nobody rests on the command any more; the first one is
// neither contradicted nor unknown.
func (h *history) checkTaken(host string, id uuid.UUID, r *protocol.Result, code string) {
	rec := latestOf[commandRecord](h, commandKey(id))
	switch {
	case code == protocol.CodeResultDiffers:
		h.violated("the first result of command %s of host %s is said to differ", id, host)
	case rec == nil:
	case code == protocol.CodeNotFound:
		h.violated("command %s of host %s is on record and is said to be unknown", id, host)
	case rec.State != r.State || rec.Code != r.Code:
		h.violated("result %s of command %s was taken, and %q is on record", r.State, id, rec.State)
	}
}

// checkCommand holds a command's record against the one before.
func (h *history) checkCommand(c *commit, ch change[commandRecord]) {
	before, after := ch.before, ch.after
	if before != nil && after != nil && before.ended() && (before.State != after.State || before.Code != after.Code) {
		h.violated("commit %d makes the result %s of command %s %s", c.index, before.State, after.Command.ID, after.State)
	}
}

// checkCommanded wants the commands of an accepted bind in its commit, unless others of
// its ARQs are what it waits for, and an agent that was heard of.
func (h *history) checkCommanded(c *commit, a *ARQ) {
	agent := h.agents[a.Binding.Hostname]
	if agent == nil {
		return
	}
	if h.toPrepare(a, c.index-1) && !slices.ContainsFunc(c.commands, func(ch change[commandRecord]) bool {
		return ch.before == nil && ch.after != nil && slices.Contains(ch.after.ARQs, a.UUID)
	}) {
		h.violated("commit %d accepts a bind of ARQ %s without a command on record", c.index, a.UUID)
	}
	if silent := agent.silence(c); silent > simLease+returnGrace+simPatience {
		h.violated("commit %d begins something on host %s, which was silent for %s", c.index, a.Binding.Hostname, silent)
	}
}

// toPrepare says whether an agent has something to do for an ARQ itself.
func (h *history) toPrepare(a *ARQ, index int) bool {
	dep, _ := h.place(&BindTo{ProviderUUID: a.Binding.ProviderUUID}, index)
	image := simImage(a.Group)
	return a.Binding.Handle.Type == handleTypeMdev || image != uuid.Nil && image != dep.BitstreamID
}

// checkGiven wants that a dead host gives nothing away.
func (h *history) checkGiven(c *commit, a *ARQ) {
	if agent := h.agents[a.Binding.Hostname]; agent != nil {
		if silent := agent.silence(c); silent > simLease+returnGrace+simDeadAfter+simPatience {
			h.violated("commit %d gives ARQ %s something of host %s, which was silent for %s", c.index, a.UUID, a.Binding.Hostname, silent)
		}
	}
}

// simPatience is how long a bind may be on its way from the look at its host
// to its commit.
const simPatience = 15 * time.Second

// silence is how long an agent was not answered before a commit, by a process that was
// there to answer.
func (a *simAgent) silence(c *commit) time.Duration {
	if len(a.answers) == 0 {
		return 0
	}
	last := a.answers[len(a.answers)-1]
	if last.Before(c.life.since) {
		last = c.life.since
	}
	return c.at.Sub(last)
}

// away says whether an agent may have been without a lease at some time of a
// span.
func (h *history) away(host string, from, to time.Time) bool {
	a := h.agents[host]
	if a == nil {
		return false
	}
	for i := range len(a.begins) + 1 {
		var lapsed, back time.Time // zero: since ever
		if i > 0 {
			lapsed = a.begins[i-1].Add(simLease - simSlack)
		}
		if back = to; i < len(a.begins) {
			back = a.answers[i].Add(simSlack)
		}
		if lapsed.Before(back) && !lapsed.After(to) && !back.Before(from) {
			return true
		}
	}
	return false
}

// ordered says whether a command to load an image into a deployable was on
// record at some time of a window.
func (h *history) ordered(dep string, w window) bool {
	return w.ever(func(i int) bool {
		return slices.ContainsFunc(all[commandRecord](h, kindCommand, i), func(rec *commandRecord) bool {
			return rec.Command.Kind == devices.ProgramFPGA && rec.Command.Deployable == dep
		})
	})
}

// inOrder says whether a host was put in order after its last start.
func (h *history) inOrder(host string) bool {
	a := h.agents[host]
	if a == nil {
		return true
	}
	rec := latestOf[hostRecord](h, hostKey(host))
	return rec != nil && rec.BootID == a.bootID()
}

// wantHostsAtRest wants all commands to be over and all hosts in order.
func (s *simulation) wantHostsAtRest() {
	h := s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, rec := range latest[commandRecord](h, kindCommand) {
		h.violated("at rest there is command %s for host %s: %+v", rec.Command.Kind, rec.Command.Host, rec)
	}
	for host := range s.agents {
		if rec := latestOf[hostRecord](h, hostKey(host)); rec == nil || rec.Dead || !h.inOrder(host) {
			h.violated("at rest host %s is %+v", host, rec)
		}
		if v := s.sys.host(host); v == nil || v.State != HostFresh {
			h.violated("at rest host %s is shown as %+v", host, v)
		}
	}
}

// overdue says whether the time of a command of an ARQ's bind has passed. It
// begins before the bind is on disk.
func (h *history) overdue(id uuid.UUID, at time.Time) bool {
	return slices.ContainsFunc(h.commits, func(c *commit) bool {
		return slices.ContainsFunc(c.commands, func(ch change[commandRecord]) bool {
			return ch.after != nil && slices.Contains(ch.after.ARQs, id) && ch.after.Deadline <= at.UnixMilli()
		})
	})
}
