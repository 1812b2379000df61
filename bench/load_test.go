package bench

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// listen serves with a handler until the test ends.
func listen(t *testing.T, handler fasthttp.RequestHandler) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: handler}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(), <-served); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func TestRunTakesRequestsInTurn(t *testing.T) {
	addr := listen(t, func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString(string(ctx.Path())) })
	seen := map[string]int{}
	result, err := Run(t.Context(), Load{
		Addr: addr, Connections: 4, Count: 11, Status: 200,
		Requests: [][]byte{request("GET", addr, "/a", nil), request("POST", addr, "/b", []byte("{}")), request("GET", addr, "/c", nil)},
		OnBody:   func(body []byte) { seen[string(body)]++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"/a": 4, "/b": 4, "/c": 3}; !maps.Equal(seen, want) {
		t.Errorf("answered %v, want %v", seen, want)
	}
	if result.P50 <= 0 || result.P99 < result.P50 || result.Elapsed < result.P99 {
		t.Errorf("times out of order: %+v", result)
	}
}

func TestRunWithMoreConnectionsThanRequests(t *testing.T) {
	addr := listen(t, func(*fasthttp.RequestCtx) {})
	_, err := Run(t.Context(), Load{
		Addr: addr, Connections: 8, Count: 3, Status: 200, Requests: [][]byte{request("GET", addr, "/", nil)},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRunFails(t *testing.T) {
	addr := listen(t, func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/missing":
			ctx.SetStatusCode(404)
		case "/hangup":
			ctx.HijackSetNoResponse(true)
			ctx.Hijack(func(net.Conn) {})
		}
	})
	load := func(path string) Load {
		return Load{Addr: addr, Connections: 2, Count: 5, Status: 200, Requests: [][]byte{request("GET", addr, path, nil)}}
	}
	nobody := load("/")
	nobody.Addr = "127.0.0.1:1"
	named := load("/")
	named.Addr = "localhost:1"
	for name, test := range map[string]struct {
		load Load
		want string
	}{
		"another status":        {load("/missing"), "status 404, want 200"},
		"a closed connection":   {load("/hangup"), "the server closed a connection"},
		"nobody there":          {nobody, "connection refused"},
		"a name for an address": {named, "ParseAddr"},
		"no requests":           {Load{Addr: addr, Connections: 1, Count: 1}, "a load of nothing"},
	} {
		if _, err := Run(t.Context(), test.load); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	released := make(chan struct{})
	t.Cleanup(func() { close(released) }) // before the server is shut down
	addr := listenThen(t, released, cancel)
	_, err := Run(ctx, Load{
		Addr: addr, Connections: 1, Count: 1, Status: 200, Requests: [][]byte{request("GET", addr, "/", nil)},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's end", err)
	}
}

// listenThen calls then at a request, and answers only when released.
func listenThen(t *testing.T, released <-chan struct{}, then func()) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		then()
		<-released
		_ = conn.Close()
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, test := range []struct {
		of   []time.Duration
		p    int
		want time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred[:1], 99, 1}, {hundred[:3], 50, 2}, {hundred[:3], 99, 3},
	} {
		if got := percentile(slices.Clone(test.of), test.p); got != test.want {
			t.Errorf("percentile %d of %d: %d, want %d", test.p, len(test.of), got, test.want)
		}
	}
}

func TestRunOpenLoopKeepsItsRate(t *testing.T) {
	addr := listen(t, func(*fasthttp.RequestCtx) {})
	const rate, count = 2000, 200
	result, err := Run(t.Context(), Load{
		Addr: addr, Connections: 4, Count: count, Status: 200, Rate: rate, Requests: [][]byte{request("GET", addr, "/", nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if least := (count - 1) * time.Second / rate; result.Elapsed < least {
		t.Errorf("%d requests in %v: sooner than they were due, %v", count, result.Elapsed, least)
	}
}

// One connection to a server that takes 20 ms: what is due meanwhile waits, and
// that counts.
func TestRunOpenLoopCountsFromWhenItWasDue(t *testing.T) {
	const slow, count = 20 * time.Millisecond, 5
	addr := listen(t, func(*fasthttp.RequestCtx) { <-time.After(slow) })
	result, err := Run(t.Context(), Load{
		Addr: addr, Connections: 1, Count: count, Status: 200, Rate: 1e6, Requests: [][]byte{request("GET", addr, "/", nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if least := count * slow * 99 / 100; result.P99 < least {
		t.Errorf("the last of %d took %v, want %v: it was due at once", count, result.P99, least)
	}
}

func TestRunAsksEachConnection(t *testing.T) {
	addr := listen(t, func(ctx *fasthttp.RequestCtx) {
		ctx.SetStatusCode(map[bool]int{true: 201, false: 200}[ctx.IsPost()])
		ctx.SetBodyString(string(ctx.Path()))
	})
	seen := [2][]string{}
	_, err := Run(t.Context(), Load{Addr: addr, Connections: 2, Next: func(c int, body []byte) ([]byte, int) {
		seen[c] = append(seen[c], string(body))
		switch len(seen[c]) {
		case 1:
			return request("GET", addr, "/a", nil), 200
		case 2:
			return request("POST", addr, "/b", []byte("{}")), 201
		}
		return nil, 0
	}})
	if err != nil {
		t.Fatal(err)
	}
	for c, bodies := range seen {
		if want := []string{"", "/a", "/b"}; !slices.Equal(bodies, want) {
			t.Errorf("connection %d was given %q, want %q", c, bodies, want)
		}
	}
}
