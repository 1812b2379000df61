package http

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// connections are the open ones of a listener.
type connections struct {
	most  int // that are served at a time
	count atomic.Int64
	idle  chan struct{} // a token when the count falls to zero
	known sync.Map      // of net.Conn: *connection
}

// connection is what is known of an open one.
type connection struct {
	// waits is since when it has been the client's turn, to send a whole request
	// or to read an answer, in ns of Unix time; 0: it is ours.
	waits  atomic.Int64
	silent atomic.Bool // not a byte has arrived
	second net.Conn    // another descriptor, see linger
}

// closing stands in waits of a connection that has given way to others.
const closing = -1

func newConnections(most int) *connections {
	return &connections{most: most, idle: make(chan struct{}, 1)}
}

func (o *connections) of(conn net.Conn) *connection {
	found, _ := o.known.Load(conn)
	c, _ := found.(*connection)
	return c
}

func (o *connections) track(conn net.Conn, state fasthttp.ConnState) {
	switch state {
	case fasthttp.StateNew:
		c := &connection{}
		c.silent.Store(true)
		c.waits.Store(time.Now().UnixNano())
		o.known.Store(conn, c)
		o.count.Add(1)
	case fasthttp.StateActive:
		if c := o.of(conn); c != nil {
			c.silent.Store(false)
			c.await()
		}
	case fasthttp.StateIdle:
		o.of(conn).await()
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		if c := o.of(conn); c != nil {
			o.known.Delete(conn)
			c.hearOut()
		}
		if o.count.Add(-1) == 0 {
			select {
			case o.idle <- struct{}{}:
			default:
			}
		}
	}
}

// await says that it is the client's turn.
func (c *connection) await() {
	if c == nil {
		return
	}
	if since := c.waits.Load(); since != closing {
		c.waits.CompareAndSwap(since, time.Now().UnixNano())
	}
}

// serve says that it is our turn: a whole request is there. It is false when
// the connection has given way, and nobody would get the answer.
func (c *connection) serve() bool {
	if c == nil {
		return true
	}
	since := c.waits.Load()
	return since != closing && c.waits.CompareAndSwap(since, 0)
}

// silent tells whether not a byte of a first request has arrived.
func (o *connections) silent(conn net.Conn) bool {
	c := o.of(conn)
	return c != nil && c.silent.Load()
}

// admit makes room where a further connection would be one of the last: clients
// that are of no use must not keep others out.
func (o *connections) admit() {
	if share := o.share(); int(o.count.Load()) >= o.most-share {
		o.makeRoom(share)
	}
}

// share is how many connections give way at a time.
func (o *connections) share() int { return o.most/16 + 1 }

// makeRoom closes n connections, those that have been waiting for their clients
// for the longest time.
func (o *connections) makeRoom(n int) {
	type waiting struct {
		conn  net.Conn
		state *connection
		since int64
	}
	var all []waiting
	o.known.Range(func(key, value any) bool {
		conn, _ := key.(net.Conn)
		state, _ := value.(*connection)
		if since := state.waits.Load(); since > 0 {
			all = append(all, waiting{conn, state, since})
		}
		return true
	})
	slices.SortFunc(all, func(a, b waiting) int { return cmp.Compare(a.since, b.since) })
	for _, w := range all[:min(n, len(all))] {
		if w.state.waits.CompareAndSwap(w.since, closing) {
			_ = socketOf(w.conn).Close() // its worker takes note
		}
	}
}

// letIdleConnectionsFinish waits, for DrainGrace at most, until no connection
// is left. Under load each connection soon brings its next request, and the
// answer to that closes it; closing it from our side in between would leave a
// request on the wire without an answer.
func (s *Server) letIdleConnectionsFinish(ctx context.Context) {
	if s.opt.DrainGrace < 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, max(s.opt.DrainGrace, time.Millisecond))
	defer cancel()
	for s.open.count.Load() > 0 {
		select {
		case <-s.open.idle:
		case <-ctx.Done():
			return
		}
	}
}
