package http

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// Where connections run short, one that has just brought a request outlives those
// that never did, one whose client has sent something that was not read yet
// outlives both, and goes when there are no others.
func TestWhoGivesWay(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	o := newConnections(16, grains{})
	open := func() (client, server net.Conn) {
		t.Helper()
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		server = newConnection(accepted, o.grains)
		t.Cleanup(func() { _ = server.Close() })
		o.track(server, fasthttp.StateNew)
		return client, server
	}
	oldest, server := open()
	if _, err := io.WriteString(oldest, "GET"); err != nil {
		t.Fatal(err)
	}
	for !unread(server) { // until it has come across
		if _, err := oldest.Write(nil); err != nil {
			t.Fatal(err)
		}
	}
	older, server := open()
	if !connectionOf(server).serve() {
		t.Fatal("the request was not taken")
	}
	o.track(server, fasthttp.StateIdle)
	newer, _ := open()
	closed := func(client net.Conn) bool {
		t.Helper()
		wait := time.Second
		if err := client.SetReadDeadline(time.Now().Add(wait / 10)); err != nil {
			t.Fatal(err)
		}
		_, err := client.Read(make([]byte, 1))
		var timeout net.Error
		return !errors.As(err, &timeout) || !timeout.Timeout()
	}
	for i, step := range []struct{ oldest, older, newer bool }{{false, false, true}, {false, true, true}, {true, true, true}} {
		o.makeRoom(1, each)
		if closed(oldest) != step.oldest || closed(older) != step.older || closed(newer) != step.newer {
			t.Errorf("after giving way %d times, want closed: %+v", i+1, step)
		}
	}
}
