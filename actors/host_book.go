package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/arqd/arqd/devices/protocol"
)

// hostBook is the address book of the hosts with agents. Their actors live as
// long as the service.
type hostBook struct {
	engine *engine
	mu     sync.RWMutex
	hosts  map[string]*hostEntry
	stats  hostCounts
}

// hostEntry is a host's address, and what it has published of itself.
type hostEntry struct {
	pid  *actor.PID
	view atomic.Pointer[Host]
}

// hostCounts is what metrics see of the hosts, besides their states.
type hostCounts struct {
	sessions    atomic.Uint64
	alternating atomic.Uint64
	inventories atomic.Uint64
	refused     atomic.Uint64
	vanished    atomic.Uint64
	deleted     atomic.Uint64

	commandsDone, commandsFailed, resultsDiffering atomic.Uint64
}

// ended counts the end of a command.
func (c *hostCounts) ended(state protocol.ResultState) {
	if state == protocol.ResultDone {
		c.commandsDone.Add(1)
	} else {
		c.commandsFailed.Add(1)
	}
}

func newHostBook(e *engine) *hostBook {
	return &hostBook{engine: e, hosts: make(map[string]*hostEntry)}
}

// of gives the entry of a host; nil: it has no agent.
func (b *hostBook) of(name string) *hostEntry {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.hosts[name]
}

// open gives the entry of a host, and makes its actor if it has none.
func (b *hostBook) open(sys *System, name string, rec *hostRecord, commands []*commandRecord) *hostEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.hosts[name]; e != nil {
		return e
	}
	e := &hostEntry{}
	a := newHostActor(sys, name, rec, e)
	a.recoverCommands(commands)
	a.publish()
	e.pid = b.engine.spawn(kindHostActor, a)
	b.hosts[name] = e
	b.engine.tell(e.pid, hostTick{})
	return e
}

// host gives what is published of a host; nil: it has no agent.
func (s *System) host(name string) *Host {
	if e := s.hosts.of(name); e != nil {
		return e.view.Load()
	}
	return nil
}

// Hosts gives all hosts with agents, in no order.
func (s *System) Hosts() []*Host {
	s.hosts.mu.RLock()
	defer s.hosts.mu.RUnlock()
	all := make([]*Host, 0, len(s.hosts.hosts))
	for _, e := range s.hosts.hosts {
		all = append(all, e.view.Load())
	}
	return all
}

// HostCounts are counts of hosts with agents, for metrics.
type HostCounts struct {
	States         map[string]int // hosts, at present
	Sessions       uint64         // opened since the start, as all that follows
	Alternations   uint64         // sessions that two agents took from each other
	Inventories    uint64         // taken
	DevicesRefused uint64         // in inventories
	DevicesMissing uint64         // that were not on their hosts any more, while in use
	DevicesRemoved uint64         // that were not, and nobody had anything of

	CommandsDone, CommandsFailed uint64
	ResultsDiffering             uint64 // reported of commands whose result was another
}

// HostCounts gives counts.
func (s *System) HostCounts() HostCounts {
	stats := &s.hosts.stats
	c := HostCounts{
		States: map[string]int{}, Sessions: stats.sessions.Load(), Alternations: stats.alternating.Load(),
		Inventories: stats.inventories.Load(), DevicesRefused: stats.refused.Load(),
		DevicesMissing: stats.vanished.Load(), DevicesRemoved: stats.deleted.Load(),
		CommandsDone: stats.commandsDone.Load(), CommandsFailed: stats.commandsFailed.Load(),
		ResultsDiffering: stats.resultsDiffering.Load(),
	}
	for _, name := range hostStateNames {
		c.States[name] = 0
	}
	for _, h := range s.Hosts() {
		c.States[h.State.String()]++
	}
	return c
}
