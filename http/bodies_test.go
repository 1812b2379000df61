package http

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arqd/arqd/actors"
)

const longBody = 1 << 20

// slowBody sends a request but for the last quarter of its body.
func slowBody(t *testing.T, addr net.Addr, length int, chunked bool) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	framing, before, after := fmt.Sprintf("Content-Length: %d", length), "", ""
	if chunked {
		framing, before, after = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n", length/64), "\r\n"
	}
	piece := before + strings.Repeat(" ", length/64) + after
	text := "POST /v2/attributes HTTP/1.1\r\nHost: h\r\nX-Auth-Token: admin\r\nContent-Type: application/json\r\n" + framing +
		"\r\n\r\n" + strings.Repeat(piece, 48)
	_, _ = io.WriteString(conn, text) // unless it has given way before
	return conn
}

// over tells whether the service has answered, or closed, a connection.
func over(conn net.Conn, wait time.Duration) bool {
	_ = conn.SetReadDeadline(time.Now().Add(wait))
	_, err := conn.Read(make([]byte, 1))
	var network net.Error
	return err == nil || !errors.As(err, &network) || !network.Timeout()
}

// TestBodiesThatDoNotEnd take no more memory than there is for bodies: those that
// have been on their way for the longest time give way, or those that come meanwhile
// are refused. Who sends all of one, or a small one, does not notice.
func TestBodiesThatDoNotEnd(t *testing.T) {
	for name, chunked := range map[string]bool{"with a length": false, "in chunks": true} {
		t.Run(name, func(t *testing.T) {
			const room, sent = 16, 48
			h := serve(t, func(o *Options) { o.BodyMemory = room * longBody })
			addr := h.listenTCP(plain)
			small := slowBody(t, addr, 8<<10, chunked)
			slow := make([]net.Conn, sent)
			for i := range slow {
				slow[i] = slowBody(t, addr, longBody, chunked)
			}
			open := sent
			for deadline := time.Now().Add(10 * time.Second); open > 2*room && time.Now().Before(deadline); {
				open = 0
				for _, conn := range slow {
					if !over(conn, time.Millisecond) {
						open++
					}
				}
			}
			if open < room/2 || open > 2*room { // those in chunks hold what has come
				t.Errorf("%d bodies are still on their way, of %d; there is room for %d", open, sent, room)
			}
			whole := ask{body: "[" + strings.Repeat(" ", longBody-2) + "]"}
			got := h.do("POST", "/v2/attributes", whole)
			for try := 0; got.status == 503 && try < 100; try++ { // room is being made for one of the slow ones
				got = h.do("POST", "/v2/attributes", whole)
			}
			got.is(400)
			if over(small, time.Millisecond) {
				t.Error("the small body has given way")
			}
			if held := h.server.open.bodies.held.Load(); held > room*longBody {
				t.Errorf("%d bytes are held for bodies, of %d", held, room*longBody)
			}
		})
	}
}

// TestBodiesOfRequestsInWork cannot give way. That there is no room for another is
// answered, and holds until there is.
func TestBodiesOfRequestsInWork(t *testing.T) {
	h := serve(t, func(o *Options) { o.BodyMemory = 3 * longBody / 2 })
	entered, leave := make(chan struct{}), make(chan struct{})
	h.backend.createARQs = func(actors.CreateARQs) ([]*actors.ARQ, error) {
		entered <- struct{}{}
		<-leave
		return nil, nil
	}
	long := ask{body: `{"device_profile_name": "p"` + strings.Repeat(" ", longBody-64) + "}"}
	var first sync.WaitGroup
	first.Go(func() { h.do("POST", "/v2/accelerator_requests", long).is(201) })
	<-entered
	got := h.do("POST", "/v2/accelerator_requests", long)
	got.is(503)
	got.has("retry-after", "1")
	h.do("GET", "/v2/devices", ask{}).is(200)
	close(leave)
	first.Wait()
	go func() { <-entered }()
	h.do("POST", "/v2/accelerator_requests", long).is(201)
}
