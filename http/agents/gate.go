package agents

import (
	"sync"

	"github.com/arqd/arqd/devices/protocol"
)

// gate counts the requests of each host that are in flight.
type gate struct {
	mu    *sync.Mutex
	hosts map[string]int // those that have any
}

func newGate() gate { return gate{mu: &sync.Mutex{}, hosts: make(map[string]int)} }

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
