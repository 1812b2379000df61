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

	mu    sync.Mutex
	open  int        // connections of all kinds
	order *list.List // of net.Conn, the oldest first
	at    map[net.Conn]*list.Element
}

func newStrangers(most int) *strangers {
	return &strangers{most: most, order: list.New(), at: make(map[net.Conn]*list.Element)}
}

// workers is how many the engine may use: those of connections that have given
// way end a moment after them.
func (s *strangers) workers() int { return s.most + s.most/16 + 1 }

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
func (s *strangers) enter(conn net.Conn) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.at[conn] = s.order.PushBack(conn)
	if s.open <= s.most {
		return nil
	}
	first := s.order.Front()
	oldest, _ := s.order.Remove(first).(net.Conn)
	delete(s.at, oldest)
	return oldest
}

func (s *strangers) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.forget(conn)
}

// known takes note that it is no stranger's.
func (s *strangers) known(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(conn)
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
