package actors

import (
	"sync/atomic"
	"time"
)

// patience is a time limit shared by many waits. A timer for each wait costs
// more than the rest of the waiting: here all that begin within a grain share
// one, and give up at most a grain late.
type patience struct {
	limit   time.Duration
	grain   time.Duration
	current atomic.Pointer[patienceGroup]
}

type patienceGroup struct {
	until time.Time // waits that begin later make a new group
	over  chan struct{}
}

func newPatience(limit time.Duration) *patience {
	return &patience{limit: limit, grain: min(time.Second, limit/8)}
}

// over gives a channel that is closed when a wait that begins now has lasted
// too long.
func (p *patience) over() <-chan struct{} {
	now := time.Now()
	g := p.current.Load()
	if g != nil && now.Before(g.until) {
		return g.over
	}
	next := &patienceGroup{until: now.Add(p.grain), over: make(chan struct{})}
	if !p.current.CompareAndSwap(g, next) {
		if g = p.current.Load(); now.Before(g.until) {
			return g.over // somebody else was quicker; next is forgotten
		}
	}
	time.AfterFunc(p.limit+p.grain, func() { close(next.over) })
	return next.over
}
