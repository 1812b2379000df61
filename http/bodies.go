package http

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// The engine has a body in memory before anybody knows whose it is, and takes the
// memory as soon as it knows its length. Some thousand connections with bodies that
// do not come to their end would take all that there is. So there is so much for
// them and no more, and clients that keep us waiting give way, as they do where
// connections are short.

// smallBytes is what a connection may have received of a request, beyond its
// headers, without being counted.
const smallBytes = 64 << 10

var errNoBodyMemory = errors.New("there is no memory for another body")

// bodies is what connections hold for the bodies of their requests.
type bodies struct {
	most    int64
	small   int // bytes of a request that are not counted
	held    atomic.Int64
	freeing sync.Mutex
	freed   chan struct{} // a token when something is
}

func newBodies(most int64, small int) *bodies {
	return &bodies{most: most, small: small, freed: make(chan struct{}, 1)}
}

// roomWait is how long those who give way may take for it.
const roomWait = time.Second

// hold takes note that so many bytes are held for a connection's request, or are
// about to be. An error says that there is no room.
func (o *connections) hold(c *connection, bytes int) error {
	more := int64(bytes) - c.holds.Load()
	if more <= 0 {
		return nil
	}
	c.asks.Store(true)
	defer c.asks.Store(false)
	c.holds.Add(more)
	o.bodies.held.Add(more)
	if !o.roomForBody(0) {
		return errNoBodyMemory
	}
	return nil
}

// roomForBody makes room for so many bytes, if need be. It is false when there is
// none: who has it does not wait for a client, or room is being made for another.
// Nobody queues for that: whoever waits may hold a body already, and all who were
// let go on at once would take more than there is.
func (o *connections) roomForBody(bytes int64) bool {
	b := o.bodies
	if b.held.Load()+bytes <= b.most {
		return true
	}
	if !b.freeing.TryLock() {
		return false
	}
	defer b.freeing.Unlock()
	over := b.held.Load() + bytes - b.most
	return over <= 0 || o.makeRoom(over+b.most/16, heldByClients) >= over && b.settle(bytes)
}

// heldByClients is the weight of a connection where bodies are in the way. One that
// asks for room itself is answered.
func heldByClients(c *connection) int64 {
	if c.asks.Load() {
		return 0
	}
	return c.holds.Load()
}

// settle waits until those who have given way have let go.
func (b *bodies) settle(bytes int64) bool {
	late := time.NewTimer(roomWait)
	defer late.Stop()
	for b.held.Load()+bytes > b.most {
		select {
		case <-b.freed:
		case <-late.C:
			return false
		}
	}
	return true
}

// letGo says that the body is not needed any more.
func (o *connections) letGo(c *connection) {
	if c.holds.Load() > 0 {
		o.bodies.held.Add(-c.holds.Swap(0))
		signal(o.bodies.freed)
	}
}

// receive says that so many more bytes of a request may follow, as far as the
// engine has room for them: it reads into the body itself.
func (c *connection) receive(room int) error {
	if c.of == nil || c.of.bodies == nil || c.received+room <= c.of.bodies.small {
		return nil
	}
	return c.of.hold(c, c.received+room)
}
