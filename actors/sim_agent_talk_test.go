package actors

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// What the agents of a simulation say, and what they do when they are told.

// tell makes a call. It says whether the service has taken it: a dead one has
// said nothing.
func (a *simAgent) tell(l *life, call func() error) bool {
	begin := time.Now()
	if err := call(); err != nil || l.isDead() {
		return false
	}
	a.takenAt(begin)
	return true
}

func (a *simAgent) takenAt(begin time.Time) {
	h := a.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	a.begins, a.answers = append(a.begins, begin), append(a.answers, time.Now())
}

func (a *simAgent) open(ctx context.Context, l *life) bool {
	var s *protocol.Session
	if !a.tell(l, func() (err error) {
		s, err = l.sys.OpenSession(ctx, a.host, &protocol.OpenSession{
			Versions: protocol.Versions(), AgentVersion: "simulated", BootID: a.bootID(), Drivers: []string{fake.Name},
			Capabilities: []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev},
			Process:      a.pid, Journal: a.id,
		})
		return err
	}) {
		return false
	}
	if a.of != l {
		a.session = uuid.Nil
	}
	a.former, a.session, a.of = a.session, s.Session, l
	a.seq, a.scan, a.after = 0, 0, 0
	a.tryFormer(ctx, l)
	return true
}

// tryFormer has a process that was replaced speak up: it must not be heard.
func (a *simAgent) tryFormer(ctx context.Context, l *life) {
	if a.former == uuid.Nil {
		return
	}
	_, beat := l.sys.Heartbeat(ctx, a.host, &protocol.Heartbeat{Session: a.former})
	_, report := l.sys.ReportInventory(ctx, a.host, []string{a.host}, &protocol.Inventory{
		Session: a.former, Seq: 1000, Scan: 1000, Digest: a.noneDigest, Content: a.none,
	}, nil)
	_, poll := l.sys.AwaitCommands(ctx, a.host, a.former, 0, time.Second)
	if l.isDead() || l.ending.Load() || ctx.Err() != nil { // a stop ends a poll
		return
	}
	for what, err := range map[string]error{"heartbeat": beat, "inventory": report, "poll": poll} {
		if err == nil {
			a.s.history.violation("a %s of a session of host %s was taken after it was replaced", what, a.host)
		}
	}
}

// content gives what the host has, and the digest of that.
func (a *simAgent) content() (protocol.Content, string) {
	h := a.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.s.machines.away[a.host] {
		return a.none, a.noneDigest
	}
	return a.full, a.fullDigest
}

// report says what the host has, until that is taken.
func (a *simAgent) report(ctx context.Context, l *life) bool {
	for {
		a.seq++
		a.scan++
		content, digest := a.content()
		var reply *protocol.InventoryReply
		if a.tell(l, func() (err error) {
			reply, err = l.sys.ReportInventory(ctx, a.host, []string{a.host}, &protocol.Inventory{
				Session: a.session, Seq: a.seq, Scan: a.scan, Digest: digest, Content: content,
			}, nil)
			return err
		}) {
			for _, r := range reply.Refused {
				a.s.history.violation("a device of host %s is refused: %s", a.host, r.Reason)
			}
			return true
		}
		if l.isDead() || !wait(ctx, time.Second) {
			return false
		}
	}
}

func (a *simAgent) beat(ctx context.Context, l *life) bool {
	_, digest := a.content()
	var reply *protocol.HeartbeatReply
	if !a.tell(l, func() (err error) {
		reply, err = l.sys.Heartbeat(ctx, a.host, &protocol.Heartbeat{Session: a.session, Digest: digest})
		return err
	}) {
		return false
	}
	return !reply.SendInventory || a.report(ctx, l)
}

// carryOut does what it is told, once.
func (a *simAgent) carryOut(ctx context.Context, l *life, c *protocol.Command) {
	h := a.s.history
	h.mu.Lock()
	a.after = max(a.after, c.N)
	e := a.journal[c.ID]
	known := e != nil
	if !known {
		e = &journaled{command: c.For(a.host)}
		a.journal[c.ID] = e
		if c.DeadlineS <= 0 {
			e.result = &protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultExpired}
		}
	}
	e.told = false
	odd := a.rng != nil && a.rng.IntN(4) == 0
	h.mu.Unlock()
	if known || e.result != nil {
		return
	}
	if odd {
		_ = l.sys.CommandResult(ctx, a.host, c.ID, &protocol.Result{Session: a.session, State: protocol.ResultRunning})
	}
	a.begin(l, c.For(a.host), e)
}

// begin carries a command out. It goes on when the session ends, and ends with
// the process.
func (a *simAgent) begin(l *life, c devices.Command, e *journaled) {
	h := a.s.history
	a.s.point(l, "an agent begins "+string(c.Kind))
	h.mu.Lock()
	h.checkBegun(c)
	h.mu.Unlock()
	err := a.s.machines.carry(a.process, c)
	h.mu.Lock()
	switch {
	case a.process.Err() != nil: // the next process finds it begun
	case err != nil:
		e.result = &protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultError}
	default:
		e.result = &protocol.Result{State: protocol.ResultDone}
	}
	h.mu.Unlock()
	a.s.point(l, "an agent has ended "+string(c.Kind))
}

// repeat tells the results that the service has not taken; false: the session
// is over.
func (a *simAgent) repeat(ctx context.Context, l *life) bool {
	for id, e := range a.untold() {
		for !a.tellResult(ctx, l, id, e) {
			if l.isDead() || !wait(ctx, time.Second) {
				return false
			}
		}
	}
	return ctx.Err() == nil
}

func (a *simAgent) untold() map[uuid.UUID]*journaled {
	h := a.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[uuid.UUID]*journaled{}
	for id, e := range a.journal {
		if e.result != nil && !e.told {
			all[id] = e
		}
	}
	return all
}

// tellResult tells a result, and judges the answer; false: there was none.
func (a *simAgent) tellResult(ctx context.Context, l *life, id uuid.UUID, e *journaled) bool {
	body := *e.result
	body.Session = a.session
	err := l.sys.CommandResult(ctx, a.host, id, &body)
	if l.isDead() || ctx.Err() != nil {
		return false
	}
	code := agentCode(err)
	if err != nil && code != protocol.CodeNotFound && code != protocol.CodeResultDiffers {
		return false
	}
	h := a.s.history
	h.mu.Lock()
	h.checkTaken(a.host, id, &body, code)
	e.told = true
	odd := err == nil && a.rng != nil && a.rng.IntN(4) == 0
	h.mu.Unlock()
	if odd {
		a.contradict(ctx, l, id, body)
	}
	return true
}

// contradict reports another result than before, which must not be taken.
func (a *simAgent) contradict(ctx context.Context, l *life, id uuid.UUID, body protocol.Result) {
	if body.State == protocol.ResultDone {
		body.State, body.Code = protocol.ResultFailed, protocol.ResultError
	} else {
		body.State, body.Code = protocol.ResultDone, ""
	}
	if err := l.sys.CommandResult(ctx, a.host, id, &body); err == nil && !l.isDead() {
		a.s.history.violation("another result of command %s of host %s was taken than before", id, a.host)
	}
}

func agentCode(err error) string {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e.Code
	}
	return ""
}
