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
	most    int // that are served at a time
	count   atomic.Int64
	leaving atomic.Int64  // of these, those that have given way
	left    chan struct{} // a token when one of these is gone
	idle    chan struct{} // a token when the count falls to zero
	known   sync.Map      // of net.Conn: *connection
}

// connection is what is known of an open one.
type connection struct {
	// waits is since when it has been the client's turn, to send a whole request
	// or to read an answer, in ns of Unix time; 0: it is ours.
	waits  atomic.Int64
	silent atomic.Bool // not a byte has arrived
	useful atomic.Bool // it has brought a whole request
	second net.Conn    // another descriptor, see linger
}

// closing stands in waits of a connection that has given way to others.
const closing = -1

func newConnections(most int) *connections {
	return &connections{most: most, left: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
}

// workers is how many the engine may use: somewhat more than there are
// connections, because they end a moment after them. Beyond, it refuses.
func (o *connections) workers() int { return o.most + o.share() }

// signal leaves a token for whoever waits.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
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
			if c.waits.Load() == closing {
				defer signal(o.left)
				defer o.leaving.Add(-1)
			}
		}
		if o.count.Add(-1) == 0 {
			signal(o.idle)
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
	c.useful.Store(true)
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
	if share := o.share(); int(o.count.Load()-o.leaving.Load()) >= o.most-share {
		o.makeRoom(share)
	}
	for int(o.count.Load()) >= o.most && o.leaving.Load() > 0 {
		<-o.left // its place is needed
	}
}

// share is how many connections give way at a time.
func (o *connections) share() int { return o.most/16 + 1 }

// waiting is a connection on which it is the client's turn.
type waiting struct {
	conn  net.Conn
	state *connection
	since int64
}

// credit is the time for which one that has brought a request is held in favour.
const credit = time.Second

func (w *waiting) rank() int64 {
	if w.state.useful.Load() {
		return w.since + int64(credit)
	}
	return w.since
}

// makeRoom closes n connections, those that have been waiting for their clients
// for the longest time. One that has sent something meanwhile comes last: in a
// throng its request may just not have been read yet.
func (o *connections) makeRoom(n int) {
	var all, heard []waiting
	o.known.Range(func(key, value any) bool {
		conn, _ := key.(net.Conn)
		state, _ := value.(*connection)
		if since := state.waits.Load(); since > 0 {
			all = append(all, waiting{conn, state, since})
		}
		return true
	})
	slices.SortFunc(all, func(a, b waiting) int { return cmp.Compare(a.rank(), b.rank()) })
	for _, w := range all {
		switch {
		case n == 0:
			return
		case unread(w.conn):
			heard = append(heard, w)
		case o.giveWay(&w):
			n--
		}
	}
	for _, w := range heard[:min(n, len(heard))] {
		o.giveWay(&w)
	}
}

// giveWay closes a connection; false: it is not the client's turn any more.
func (o *connections) giveWay(w *waiting) bool {
	o.leaving.Add(1)
	if !w.state.waits.CompareAndSwap(w.since, closing) {
		o.leaving.Add(-1)
		signal(o.left)
		return false
	}
	_ = socketOf(w.conn).Close() // its worker takes note
	return true
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
