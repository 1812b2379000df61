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
	grains  grains
	count   atomic.Int64
	leaving atomic.Int64  // of these, those that have given way
	left    chan struct{} // a token when one of these is gone
	idle    chan struct{} // a token when the count falls to zero
	known   sync.Map      // of *connection: nothing
	bodies  *bodies       // nil: not counted
}

func newConnections(most int, grains grains) *connections {
	return &connections{most: most, grains: grains, left: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
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

// track is told by the engine what becomes of a connection.
func (o *connections) track(conn net.Conn, state fasthttp.ConnState) {
	c := connectionOf(conn)
	switch state {
	case fasthttp.StateNew:
		o.known.Store(c, nil)
		o.count.Add(1)
	case fasthttp.StateActive:
		c.begun()
	case fasthttp.StateIdle:
		o.letGo(c)
		c.answered()
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		o.known.Delete(c)
		o.letGo(c)
		c.hearOut()
		if c.waits.Load() == closing {
			defer signal(o.left)
			defer o.leaving.Add(-1)
		}
		if o.count.Add(-1) == 0 {
			signal(o.idle)
		}
	}
}

// admit makes room where a further connection would be one of the last: clients
// that are of no use must not keep others out.
func (o *connections) admit() {
	if share := o.share(); int(o.count.Load()-o.leaving.Load()) >= o.most-share {
		o.makeRoom(int64(share), each)
	}
	for int(o.count.Load()) >= o.most && o.leaving.Load() > 0 {
		<-o.left // its place is needed
	}
	signal(o.left) // whoever else waits looks again: the token may have been for several
}

// share is how many connections give way at a time.
func (o *connections) share() int { return o.most/16 + 1 }

// waiting is a connection on which it is the client's turn.
type waiting struct {
	*connection
	since int64
}

// credit is the time for which one that has brought a request is held in favour.
const credit = time.Second

func (w *waiting) rank() int64 {
	if w.useful.Load() {
		return w.since + int64(credit)
	}
	return w.since
}

// each is the weight of a connection where their number counts.
func each(*connection) int64 { return 1 }

// makeRoom closes connections that come to a weight, or more, those that have been
// waiting for their clients for the longest time. One that has sent something
// meanwhile comes last: in a throng its request may just not have been read yet. It
// gives what they come to.
func (o *connections) makeRoom(need int64, weight func(*connection) int64) (made int64) {
	var all, heard []waiting
	o.known.Range(func(key, _ any) bool {
		c, _ := key.(*connection)
		if since := c.waits.Load(); since > 0 && weight(c) > 0 {
			all = append(all, waiting{c, since})
		}
		return true
	})
	slices.SortFunc(all, func(a, b waiting) int { return cmp.Compare(a.rank(), b.rank()) })
	for _, w := range all {
		switch {
		case made >= need:
			return made
		case unread(w.Conn):
			heard = append(heard, w)
		default:
			made += o.giveWay(&w, weight)
		}
	}
	for _, w := range heard {
		if made >= need {
			break
		}
		made += o.giveWay(&w, weight)
	}
	return made
}

// giveWay closes a connection and gives its weight, 0 if it is not the client's
// turn any more.
func (o *connections) giveWay(w *waiting, weight func(*connection) int64) int64 {
	o.leaving.Add(1)
	if !w.waits.CompareAndSwap(w.since, closing) {
		o.leaving.Add(-1)
		signal(o.left)
		return 0
	}
	given := weight(w.connection)
	_ = socketOf(w.Conn).Close() // its worker takes note
	return given
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
