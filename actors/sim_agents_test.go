package actors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// agentHosts are hosts with an agent: one with an FPGA and one with mediated
// devices.
var agentHosts = []string{"a", "v"}

// Leases are short, so that hosts go stale and die within a run.
const (
	simLease     = 15 * time.Second
	simDeadAfter = 15 * time.Second
)

// simAgent is the agent of a host: a process of its own, with a journal on its
// disk, that goes on while the service is dead. history.mu guards all of it but
// what only its own goroutine uses.
type simAgent struct {
	s       *simulation
	host    string
	boot    int
	journal map[uuid.UUID]*journaled
	rng     *rand.Rand    // nil: it does nothing odd
	odd     time.Duration // by which it is late, so that nothing it does is at the same moment as something else
	id      uuid.UUID     // of the journal
	pid     uuid.UUID     // of the process

	process context.Context //nolint:containedctx // it is the life of the process
	quit    context.CancelFunc
	ended   chan struct{}
	begins  []time.Time // of its calls that the service has taken
	answers []time.Time // of them
	forgot  bool        // a load was begun, and its journal is gone

	full, none             protocol.Content // what it reports
	fullDigest, noneDigest string

	session, former uuid.UUID
	of              *life // that the session is with
	seq, scan       uint64
	after           uint64 // the last command that has come in the session
}

// journaled is a command that was begun.
type journaled struct {
	command devices.Command
	result  *protocol.Result // nil: it has not ended
	told    bool             // the service has taken the result
}

// withAgents gives the simulation hosts with agents.
func (s *simulation) withAgents(odd func(host string) *rand.Rand) {
	s.agents = map[string]*simAgent{}
	for i, host := range agentHosts {
		a := &simAgent{s: s, host: host, odd: time.Duration(i+1) * 123457 * time.Nanosecond, journal: map[uuid.UUID]*journaled{}, id: uuid.New()}
		a.see()
		if odd != nil {
			a.rng = odd(host)
		}
		s.agents[host] = a
	}
	s.history.agents = s.agents
	for _, host := range agentHosts {
		s.agents[host].start()
	}
}

// see makes up what the host has.
func (a *simAgent) see() {
	a.full.Complete = map[string]bool{fake.Name: true}
	a.none = a.full
	for _, d := range simInventory(a.host) {
		a.full.Devices = append(a.full.Devices, protocol.Device{Driver: fake.Name, Device: d})
		if a.host == "a" { // of others two scans are proof
			a.none.Removed = append(a.none.Removed, d.ControlPath.Info)
		}
	}
	a.fullDigest, a.noneDigest = a.full.Digest(), a.none.Digest()
}

// hosts are all hosts there are.
func (s *simulation) hosts() []string {
	if s.agents == nil {
		return simHosts
	}
	return append(append([]string{}, simHosts...), agentHosts...)
}

// handles is how many attach handles there are.
func (s *simulation) handles() int {
	n := 0
	for _, host := range s.hosts() {
		n += len(simInventory(host)[0].Deployables[0].AttachHandles)
	}
	return n
}

func (a *simAgent) start() {
	a.process, a.quit = context.WithCancel(context.Background())
	a.pid = uuid.New()
	a.ended = make(chan struct{})
	go func(process context.Context, ended chan struct{}) {
		defer close(ended)
		if wait(process, a.odd) {
			a.live(process)
		}
	}(a.process, a.ended)
}

// kill ends the process of the agent, and what it was at.
func (a *simAgent) kill() {
	a.quit()
	<-a.ended
}

// restart is a new process of the agent.
func (a *simAgent) restart(away time.Duration) {
	a.kill()
	<-time.After(away)
	a.start()
}

// elsewhere is a new process of the agent with another journal: it knows nothing of
// what was begun.
func (a *simAgent) elsewhere(away time.Duration) {
	a.kill()
	h := a.s.history
	h.mu.Lock()
	rec := latestOf[hostRecord](h, hostKey(a.host))
	for _, e := range a.journal {
		c := latestOf[commandRecord](h, commandKey(e.command.ID))
		if e.command.Kind == devices.ProgramFPGA && c != nil && !c.ended() {
			// After a start nothing goes on that was begun before.
			a.forgot = rec != nil && rec.Boot == a.bootID()
			lost := a.s.machines.lost
			lost[e.command.Deployable] = a.forgot && (lost[e.command.Deployable] || e.result == nil)
		}
	}
	a.id, a.journal = uuid.New(), map[uuid.UUID]*journaled{}
	h.mu.Unlock()
	<-time.After(away)
	a.start()
}

// reboot is a new start of the host: it has no mediated devices, and nobody
// knows what is in its FPGA.
func (a *simAgent) reboot(away time.Duration) {
	a.kill()
	h := a.s.history
	h.mu.Lock()
	a.boot++
	a.s.machines.loses(a.host)
	if dep := h.provider(simInventory(a.host)[0].Deployables[0].ProviderUUID()); a.forgot && dep != nil && !dep.Uncertain {
		a.s.machines.lost[dep.Name] = false
	}
	a.forgot = false
	h.mu.Unlock()
	<-time.After(away)
	a.start()
}

func (a *simAgent) bootID() string { return fmt.Sprintf("boot-%d", a.boot) }

// wait lets time pass; false: the process has ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// live is the process. What it finds begun in its journal has ended nobody
// knows how.
func (a *simAgent) live(ctx context.Context) {
	h := a.s.history
	h.mu.Lock()
	for _, e := range a.journal {
		if e.result == nil {
			if e.command.Kind == devices.ProgramFPGA {
				a.s.machines.lost[e.command.Deployable] = true
			}
			e.result = &protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultUnknown}
		}
	}
	h.mu.Unlock()
	for {
		if l := a.s.present.Load(); l != nil && !l.isDead() {
			a.talk(ctx, l)
		}
		if !wait(ctx, 500*time.Millisecond) {
			return
		}
	}
}

// talk is a session with a process of the service, until either has an end.
func (a *simAgent) talk(ctx context.Context, l *life) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	if !a.open(ctx, l) || !a.report(ctx, l) {
		return
	}
	beats := make(chan struct{})
	go func() {
		defer close(beats)
		defer cancel() // without a session there is nothing to talk about
		for wait(ctx, simLease/2) && a.beat(ctx, l) {
		}
	}()
	for ctx.Err() == nil {
		if !a.repeat(ctx, l) {
			break
		}
		begin := time.Now()
		commands, err := l.sys.AwaitCommands(ctx, a.host, a.session, a.after, time.Minute)
		if err != nil || l.isDead() {
			break
		}
		a.takenAt(begin)
		for i := range commands {
			a.carryOut(ctx, l, &commands[i])
		}
	}
	cancel()
	<-beats
}
