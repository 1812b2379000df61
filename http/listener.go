package http

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// listener is one that goes on. To the engine every error of Accept is the end,
// also that there are no descriptors left just now: whoever opens connections
// enough would end the service.
type listener struct {
	net.Listener
	open   *connections
	log    *slog.Logger
	closed chan struct{}
	close  func() error // may be called twice: we close it, and then the engine does
	warned time.Time
}

func newListener(ln net.Listener, open *connections, log *slog.Logger) *listener {
	l := &listener{Listener: ln, open: open, log: log, closed: make(chan struct{})}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return ln.Close()
	})
	return l
}

// Close closes the listener at the first call.
func (l *listener) Close() error { return l.close() }

// acceptPause is how long Accept waits for descriptors to become free.
const acceptPause = 50 * time.Millisecond

// Accept gives the next connection.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			l.open.admit()
			ours := newConnection(conn, l.open.grains)
			connectionOf(ours).of = l.open
			return ours, nil
		}
		if !passes(err) {
			return nil, err
		}
		if now := time.Now(); now.Sub(l.warned) > time.Minute {
			l.warned = now
			l.log.Warn("connections cannot be accepted at present", "error", err)
		}
		l.open.makeRoom(int64(l.open.share()), each)
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		case <-time.After(acceptPause):
		}
	}
}

// passes tells whether an error of Accept says nothing of the next try.
func passes(err error) bool {
	for _, passing := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPROTO,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
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
