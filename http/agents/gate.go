package agents

import (
	"sync"

	"github.com/arqd/arqd/devices/protocol"
)

// gate counts the requests of each host that are in flight.
type gate struct {
	mu    *sync.Mutex
	hosts map[string]int      // those that have any
	large map[string]struct{} // those that have one with a large body
}

func newGate() gate {
	return gate{mu: &sync.Mutex{}, hosts: make(map[string]int), large: make(map[string]struct{})}
}

// enlarge admits the large body of a host's request, unless there is one; reduce
// ends it.
func (g gate) enlarge(host string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, there := g.large[host]; there {
		return false
	}
	g.large[host] = struct{}{}
	return true
}

func (g gate) reduce(host string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.large, host)
}

// enter admits a request, unless the host has too many; leave ends it, once.
func (g gate) enter(host string) (leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hosts[host] >= protocol.MaxInFlight {
		return nil, false
	}
	g.hosts[host]++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.hosts[host]--; g.hosts[host] == 0 {
			delete(g.hosts, host)
		}
	}), true
}
