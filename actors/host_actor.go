package actors

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
)

// hostActor owns what the service knows of one host's agent: its session, its
// lease, its inventory's digest, and the commands that it has to carry out.
type hostActor struct {
	sys   *System
	self  *actor.PID
	name  string
	entry *hostEntry
	rec   *hostRecord // committed; nil: nothing is on record

	session *hostSession
	former  []formerSession // that were replaced, newest last
	taken   []time.Time     // when a session replaced one whose lease had not ended
	waits   uuid.UUID       // the agent that was last told that another one is at work

	state HostState
	heard time.Time // when the agent was last heard of, or the service started
	timer func()    // stops the timer of the next change of state

	waiting []any // what is done one after the other, in order
	busy    bool
	serving any // the one of waiting that is being served

	commands  map[uuid.UUID]*hostCommand // that are not over
	over      []*commandRecord           // the last that are, with their results
	poll      *pollCommands              // that waits for commands
	restoring string                     // the start after which the host is being put in order; "": it is not
	restoreIn func()                     // stops the timer of the next try

	absent  map[uuid.UUID]absence     // devices that the last inventory lacks
	refused map[protocol.Refused]bool // of the last inventory
	rescan  time.Time                 // when the agent is to scan again; zero: no need
	// unheard is the health of devices that are not registered yet.
	unheard map[string]protocol.DeviceHealth
}

// hostSession is the agent that speaks for a host.
type hostSession struct {
	id           uuid.UUID
	process      uuid.UUID // of the agent; zero: it does not say, as with the next
	journal      uuid.UUID
	bootID       string
	capabilities []devices.CommandKind
	drivers      []string // that look for devices; none: it does not say
	disabled     bool     // it was said that there are devices of others
	seq, scan    uint64   // of its last inventory
	scannedAt    time.Time
}

// formerSession is one that was replaced.
type formerSession struct{ id, process uuid.UUID }

// formerSessions is how many replaced sessions are told that they were.
const formerSessions = 16

func newHostActor(sys *System, name string, rec *hostRecord, entry *hostEntry) *hostActor {
	h := &hostActor{
		sys: sys, name: name, entry: entry, rec: rec, heard: sys.now(),
		absent: map[uuid.UUID]absence{}, commands: map[uuid.UUID]*hostCommand{},
	}
	if h.dead() {
		h.state = HostDead
	}
	return h
}

func (h *hostActor) receive(ctx actor.Context, msg any) {
	h.self = ctx.Self()
	switch m := msg.(type) {
	case hostTick:
		h.tick()
	case *heartbeat:
		h.heartbeat(m)
	case *hostWritten:
		h.written(m)
	case *pollCommands:
		h.takePoll(m)
	case pollOver:
		if h.poll == m.poll {
			h.endPoll(nil)
		}
	case *carryOut:
		h.carryOut(m)
	case *commandResult:
		h.result(m)
	case *commandWritten:
		m.command.busy = false
		m.then(storeError(m.result))
		h.servePoll()
	case *commandSettled:
		h.settledBind(m)
	case commandNotBegun:
		h.notBegun(m.id)
	case commandNoted:
		h.noted(m.id)
	case commandOverdue:
		h.overdue(m.id)
	case *readImage:
		h.mayRead(m)
	case *inventoryTaken:
		h.inventoryTaken(m)
	default:
		h.waiting = append(h.waiting, m)
	}
	for !h.busy && len(h.waiting) > 0 {
		h.serving, h.waiting = h.waiting[0], h.waiting[1:]
		h.serve(h.serving)
	}
}

// serve begins what changes the host's record. While it is busy, the next
// waits.
func (h *hostActor) serve(msg any) {
	switch m := msg.(type) {
	case *openSession:
		h.open(m)
	case *reportInventory:
		h.inventory(m)
	case hostTurned:
		h.turned()
	case restoreHost:
		h.restore()
	case *hostRestored:
		h.restored(m)
	}
}

// abort answers the one whose message panicked, and goes on with the others.
func (h *hostActor) abort(err error) {
	if f, ok := h.serving.(failer); ok {
		f.fail(err)
	}
	h.busy = false
}

// write stores a change of the host's record.
func (h *hostActor) write(next *hostRecord, then func(error)) {
	if h.rec != nil {
		same := *next
		same.Generation = h.rec.Generation
		if same == *h.rec {
			then(nil)
			return
		}
	}
	b := relief()
	b.putHost(h.rec, next)
	h.busy = true
	self := h.self
	h.sys.submit(b, func(r persistence.Result) {
		h.sys.engine.tell(self, &hostWritten{next, r, then})
	})
}

// record gives a copy of the record, to be changed.
func (h *hostActor) record() *hostRecord {
	if h.rec == nil {
		return &hostRecord{Name: h.name}
	}
	next := *h.rec
	return &next
}

func (h *hostActor) written(m *hostWritten) {
	h.busy = false
	err := storeError(m.result)
	if err == nil {
		h.rec = m.next
	}
	m.then(err)
}

// open begins a session, and ends the one before.
func (h *hostActor) open(m *openSession) {
	if err := h.contested(m.request); err != nil {
		h.refuseOpening(m, err)
		return
	}
	if h.takesOver(m.request) && h.endUnknown(m) {
		return
	}
	next := h.record()
	next.Journal, next.Boot = m.request.Journal, m.request.BootID
	if h.rec == nil {
		next.BootID = m.request.BootID
	}
	if next.Provider = m.request.Provider; next.Provider == h.name {
		next.Provider = ""
	}
	before := h.provider()
	h.write(next, func(err error) {
		if err != nil {
			h.refuseOpening(m, err)
			return
		}
		h.begin(m)
		if after := h.provider(); after != before {
			h.sys.log.Info("the devices of a host go below another resource provider", "host", h.name, "provider", after, "before", before)
			h.sys.showBelow(h.name, after)
		}
	})
}

func (h *hostActor) begin(m *openSession) {
	again, over := false, protocol.CodeSessionReplaced
	if h.session != nil {
		if again = h.session.sameAgent(m.request); again {
			over = protocol.CodeSessionUnknown // it is not to stop
		}
		h.replace(again)
	}
	h.endPoll(&protocol.Error{Code: over, Message: "another session was opened"})
	h.session = &hostSession{
		id: uuid.New(), process: m.request.Process, journal: m.request.Journal,
		bootID: m.request.BootID, capabilities: m.request.Capabilities, drivers: m.request.Drivers,
	}
	clear(h.absent)
	clear(h.unheard)
	h.sys.hosts.stats.sessions.Add(1)
	h.sys.log.Info("an agent has opened a session", "host", h.name, "session", h.session.id,
		"agent_version", m.request.AgentVersion, "drivers", m.request.Drivers, "before", h.state.String(), "same_agent", again)
	h.alive()
	h.publish() // also when the state is what it was
	h.restore()
	lease := h.sys.opts.Lease
	m.promise.resolve(&protocol.Session{
		Session: h.session.id, Version: m.version, LeaseS: lease.Seconds(), HeartbeatS: (lease / 3).Seconds(),
		WantFull: true, KnownDigest: h.rec.Digest,
	}, nil)
}

// Two agents of one host take the session from each other, and neither gets
// anything done. More than mostTakings in a minute are no restarts.
const (
	mostTakings  = 3
	takingWithin = time.Minute
)

// replace ends a session: of another agent, or of the same one.
func (h *hostActor) replace(same bool) {
	h.former = append(h.former, formerSession{h.session.id, h.session.process})
	h.former = h.former[max(0, len(h.former)-formerSessions):]
	if h.state != HostFresh || same {
		return
	}
	now := h.sys.now()
	h.taken = slices.DeleteFunc(h.taken, func(t time.Time) bool { return now.Sub(t) >= takingWithin })
	if h.taken = append(h.taken, now); len(h.taken) > mostTakings {
		h.sys.hosts.stats.alternating.Add(1)
		h.sys.log.Error("two agents seem to run for one host: they take the session from each other",
			"host", h.name, "within_a_minute", len(h.taken))
	}
}

// admit says why a session may not speak for the host; nil: it may, and is
// alive.
func (h *hostActor) admit(session uuid.UUID) error {
	if h.session != nil && h.session.id == session {
		h.alive()
		return nil
	}
	i := slices.IndexFunc(h.former, func(f formerSession) bool { return f.id == session })
	if i >= 0 && (h.former[i].process == uuid.Nil || h.former[i].process != h.session.process) {
		return &protocol.Error{
			Code: protocol.CodeSessionReplaced, Message: "another agent of host " + h.name + " has opened a session since",
		}
	}
	return &protocol.Error{Code: protocol.CodeSessionUnknown, Message: "there is no such session of host " + h.name}
}

func (h *hostActor) heartbeat(m *heartbeat) {
	if err := h.admit(m.body.Session); err != nil {
		m.fail(err)
		return
	}
	h.examined(m.body.Health)
	scan := h.rec.Digest == "" || h.rec.Digest != m.body.Digest
	if !h.rescan.IsZero() && !h.sys.now().Before(h.rescan) {
		scan = true
	}
	m.promise.resolve(&protocol.HeartbeatReply{LeaseS: h.sys.opts.Lease.Seconds(), SendInventory: scan}, nil)
}
