package agents

import (
	"container/list"
	"net"
	"sync"

	"github.com/valyala/fasthttp"
)

// strangers are the connections on which nobody has shown yet who he is. Where
// connections run short they give way, those first that have been there for the
// longest: whoever opens many and says nothing keeps no agent out.
type strangers struct {
	most int // connections that are served at a time

	mu      sync.Mutex
	open    int        // connections of all kinds that are served
	order   *list.List // of net.Conn, the oldest first
	at      map[net.Conn]*list.Element
	leaving map[net.Conn]struct{} // they have given way; their workers take note
	left    sync.Cond             // tells that one of these is gone
}

func newStrangers(most int) *strangers {
	s := &strangers{most: most, order: list.New(), at: make(map[net.Conn]*list.Element), leaving: make(map[net.Conn]struct{})}
	s.left.L = &s.mu
	return s
}

// workers is how many the engine may use, beyond which it refuses whoever comes. It
// is never to be: connections are counted here, and a worker is free again a moment
// after its connection is gone, which is as long as the machine makes it.
func (s *strangers) workers() int { return 2 * (s.most + s.share()) }

// share is how many may be leaving at a time.
func (s *strangers) share() int { return s.most/16 + 1 }

// track implements fasthttp.Server.ConnState.
func (s *strangers) track(conn net.Conn, state fasthttp.ConnState) {
	switch state {
	case fasthttp.StateNew:
		if oldest := s.enter(conn); oldest != nil {
			_ = socketOf(oldest).Close() // its worker takes note
		}
	case fasthttp.StateClosed, fasthttp.StateHijacked:
		s.leave(conn)
	case fasthttp.StateActive, fasthttp.StateIdle:
	}
}

// enter counts a connection, and gives the one that has to make room; nil: none.
// While many are leaving it waits, and the next ones wait in the listener's queue:
// on a busy machine they come faster than workers take note.
func (s *strangers) enter(conn net.Conn) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.leaving) >= s.share() {
		s.left.Wait()
	}
	s.open++
	s.at[conn] = s.order.PushBack(conn)
	if s.open <= s.most {
		return nil
	}
	first := s.order.Front()
	oldest, _ := s.order.Remove(first).(net.Conn)
	delete(s.at, oldest)
	s.open--
	s.leaving[oldest] = struct{}{}
	return oldest
}

func (s *strangers) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, gaveWay := s.leaving[conn]; gaveWay {
		delete(s.leaving, conn)
		s.left.Signal()
		return
	}
	s.open--
	s.forget(conn)
}

// known takes note that it is no stranger's. It is false when the connection has
// given way just before: nobody would get the answer, and others wait for its place.
func (s *strangers) known(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(conn)
	_, gaveWay := s.leaving[conn]
	return !gaveWay
}

func (s *strangers) forget(conn net.Conn) {
	if e := s.at[conn]; e != nil {
		s.order.Remove(e)
		delete(s.at, conn)
	}
}

// socketOf is what is below TLS: closing that waits for nothing.
func socketOf(conn net.Conn) net.Conn {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return over.NetConn()
	}
	return conn
}
