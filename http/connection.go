package http

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// connection is an open one, as the engine has it: it knows whose turn it is, and
// makes little of the deadlines that the engine sets with every request.
type connection struct {
	net.Conn

	// waits is since when it has been the client's turn, to send a whole request
	// or to read an answer, in ns of Unix time; 0: it is ours.
	waits  atomic.Int64
	silent atomic.Bool // not a byte has arrived
	useful atomic.Bool // it has brought a whole request
	second net.Conn    // another descriptor, see linger

	of       *connections // nil: nobody counts what it holds
	received int          // bytes of a request that is not whole; for the goroutine that reads
	holds    atomic.Int64 // bytes, for a body; see hold
	asks     atomic.Bool  // for room for it

	read, write deadline
	readBy      time.Time // what the next Read is to end by
}

// closing stands in waits of a connection that has given way to others.
const closing = -1

// secureConnection is one over TLS, by which the engine knows that it is.
type secureConnection struct {
	*connection
	tls handshaker
}

type handshaker interface {
	Handshake() error
	ConnectionState() tls.ConnectionState
}

// newConnection makes of an accepted connection one of ours.
func newConnection(conn net.Conn, grains grains) net.Conn {
	c := &connection{Conn: conn}
	c.silent.Store(true)
	c.waits.Store(time.Now().UnixNano())
	c.read.grain, c.write.grain = grains.read, grains.write
	if over, ok := conn.(handshaker); ok {
		return &secureConnection{c, over}
	}
	return c
}

// connectionOf gives what is known of a connection that the engine has; nil: it
// is none, as in tests of handlers. Then it is our turn.
func connectionOf(conn net.Conn) *connection {
	if over, ok := conn.(*secureConnection); ok {
		return over.connection
	}
	c, _ := conn.(*connection)
	return c
}

// NetConn gives what the connection is made of.
func (c *connection) NetConn() net.Conn { return c.Conn }

// Handshake is called by the engine before the first Read.
func (c *secureConnection) Handshake() error {
	if err := c.keepReadDeadline(); err != nil {
		return err
	}
	return c.tls.Handshake()
}

// ConnectionState tells of the client's certificate.
func (c *secureConnection) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// begun says that the first byte of a request has arrived.
func (c *connection) begun() {
	if c.silent.Load() {
		c.silent.Store(false)
	}
	c.await(time.Now())
}

// await says that it is the client's turn, from now on.
func (c *connection) await(now time.Time) {
	if c == nil {
		return
	}
	if since := c.waits.Load(); since != closing {
		c.waits.CompareAndSwap(since, now.UnixNano())
	}
}

// answered says that all of an answer is written, which after a backup makes it
// the client's turn.
func (c *connection) answered() {
	if c.waits.Load() == 0 {
		c.await(time.Now())
	}
}

// serve says that it is our turn: a whole request is there. It is false when
// the connection has given way, and nobody would get the answer.
func (c *connection) serve() bool {
	if c == nil {
		return true
	}
	if !c.useful.Load() {
		c.useful.Store(true)
	}
	c.received = 0
	since := c.waits.Load()
	return since != closing && c.waits.CompareAndSwap(since, 0)
}
