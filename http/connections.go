package http

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// onceListener can be closed twice: we close it, and then the engine does.
type onceListener struct {
	net.Listener
	close func() error
}

// Close closes the listener at the first call.
func (l onceListener) Close() error { return l.close() }

func newOnceListener(ln net.Listener) net.Listener {
	return onceListener{ln, sync.OnceValue(ln.Close)}
}

// listeners are those being served. Shutdown closes them before the engine
// does, which would close idle connections in the same step.
type listeners struct {
	mu     sync.Mutex
	all    []net.Listener
	closed bool
}

// add takes a listener in; it says false when Shutdown has begun.
func (l *listeners) add(ln net.Listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.all = append(l.all, ln)
	}
	return !l.closed
}

func (l *listeners) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, ln := range l.all {
		_ = ln.Close() // it accepts no more, whatever it answers
	}
	l.all = nil
}

// connections are the open ones.
type connections struct {
	count atomic.Int64
	idle  chan struct{} // a token when the count falls to zero

	fresh   sync.Map // of net.Conn: those that have sent nothing yet
	sockets sync.Map // of net.Conn: their second descriptors, see linger
}

func (o *connections) track(conn net.Conn, state fasthttp.ConnState) {
	switch state {
	case fasthttp.StateNew:
		o.count.Add(1)
		o.fresh.Store(conn, nil)
	case fasthttp.StateActive:
		o.fresh.Delete(conn)
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		o.fresh.Delete(conn)
		o.hearOut(conn)
		if o.count.Add(-1) == 0 {
			select {
			case o.idle <- struct{}{}:
			default:
			}
		}
	case fasthttp.StateIdle:
	}
}

// silent tells whether not a byte of a first request has arrived.
func (o *connections) silent(conn net.Conn) bool {
	_, fresh := o.fresh.Load(conn)
	return fresh
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
