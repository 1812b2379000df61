package http

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/auth"
)

func TestRequestIDs(t *testing.T) {
	h := serve(t)
	global := "req-0b8f1ef2-33a3-4a33-8f44-1f1b0b6d9f0a"
	seen := map[string]bool{}
	for _, path := range []string{"/", "/v2/devices", "/v2/nope", "/v2/devices?x=y"} {
		got := h.do("GET", path, ask{headers: map[string]string{requestIDHeader: global}})
		id := got.header["x-openstack-request-id"]
		if globalRequestID(id) != id || id == "" || id == global || seen[id] {
			t.Errorf("%s: request id %q", path, id)
		}
		seen[id] = true
		line := h.log.find(t, "request")
		if line["request_id"] != id || line["global_request_id"] != global || line["path"] != path {
			t.Errorf("%s: log %v", path, line)
		}
	}
	for _, bad := range []string{"", "req-", "req-x", "0b8f1ef2-33a3-4a33-8f44-1f1b0b6d9f0a", global + "0", strings.ToUpper(global)} {
		if got := globalRequestID(bad); got != "" {
			t.Errorf("%q is taken for the request id %q", bad, got)
		}
	}
}

func TestAccessLog(t *testing.T) {
	h := serve(t)
	h.do("GET", "/v2/devices?limit=3", ask{as: "demo", service: "topsecret"})
	line := h.log.find(t, "request")
	for key, want := range map[string]string{
		"method": "GET", "path": "/v2/devices?limit=3", "status": "200", "bytes": "15",
		"user_id": "u-demo", "project_id": "p-demo",
	} {
		if line[key] != want {
			t.Errorf("%s: %q, want %q", key, line[key], want)
		}
	}
	for key, value := range line {
		if strings.Contains(value, "topsecret") {
			t.Errorf("%s holds a token", key)
		}
	}
	h.do("GET", "/v2/"+strings.Repeat("x", 5000), ask{})
	if path := h.log.find(t, "request")["path"]; len(path) > maxLoggedPath+10 {
		t.Errorf("a path of %d bytes was logged", len(path))
	}
	quiet := serve(t, func(o *Options) { o.QuietAccess = true })
	quiet.do("GET", "/v2/devices", ask{})
	if len(quiet.log.lines) != 0 {
		t.Errorf("logged: %v", quiet.log.lines)
	}
}

// TestRefusalsAreExplained: callers like Nova show their users a number and
// nothing else, so the log says why, with reads and changes alike.
func TestRefusalsAreExplained(t *testing.T) {
	h := serve(t)
	for path, c := range map[string]struct {
		as     ask
		reason string
	}{
		"/v2/devices":                        {ask{as: "demo", service: "bad"}, auth.ErrServiceUnauthorized.Error()},
		"/v2/devices?colour=red":             {ask{}, "colour"},
		"/v2/accelerator_requests/" + nobody: {ask{as: "demo"}, "not found"},
		"/v2/" + strings.Repeat("x", 20):     {ask{}, "could not be found"},
	} {
		h.do("GET", path, c.as)
		if line := h.log.find(t, "request"); !strings.Contains(line["reason"], c.reason) {
			t.Errorf("%s: the log says %q, want %q", path, line["reason"], c.reason)
		}
	}
	h.do("GET", "/v2/devices", ask{})
	if line := h.log.find(t, "request"); line["reason"] != "" {
		t.Errorf("the reason of a success: %q", line["reason"])
	}
	long := bounded("a"+strings.Repeat("ä", maxReason), maxReason)
	if len(long) > maxReason+3 || !utf8.ValidString(long) || !strings.HasSuffix(long, "ä...") {
		t.Errorf("a reason of %d bytes: %q", len(long), long)
	}
}

func TestTokens(t *testing.T) {
	h := serve(t)
	h.do("GET", "/v2/devices", ask{as: "none"}).unauthorized()
	h.do("GET", "/v2/devices", ask{as: "nobody"}).unauthorized()
	h.do("GET", "/v2/devices", ask{as: "demo", service: "bad"}).unauthorized()
	got := h.do("GET", "/v2/devices", ask{as: "unknowable"})
	got.fails(503, "token")
	got.has("retry-after", "1")
	if line := h.log.find(t, "identity unknown"); !strings.Contains(line["error"], "keystone is down") {
		t.Errorf("log: %v", line)
	}
	// Who answers ErrUnavailable has logged it, once for many requests.
	seen := len(h.log.lines)
	got = h.do("GET", "/v2/devices", ask{as: "too early to tell"})
	got.fails(503, "token")
	got.has("retry-after", "1")
	if more := h.log.lines[seen:]; len(more) != 1 || more[0]["msg"] != "request" {
		t.Errorf("log: %v", more)
	}
	// A token stated twice is neither of the two.
	conn := h.dial()
	defer conn.Close()
	twice := "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Auth-Token: demo\r\nX-Auth-Token: admin\r\n\r\n"
	if _, err := conn.Write([]byte(twice)); err != nil {
		t.Fatal(err)
	}
	if got := readAnswer(t, conn, "GET", "/v2/devices"); got.status != 401 {
		t.Errorf("status %d, want 401", got.status)
	}
}

func TestNothingIsServedBeforeTheStart(t *testing.T) {
	h := serve(t)
	h.backend.starting = true
	for _, token := range []string{"admin", "none"} {
		got := h.do("GET", "/v2/devices", ask{as: token})
		got.fails(503, "starting")
		got.has("retry-after", "1")
		h.do("GET", "/v2", ask{as: token}).gives(200, v2JSON)
	}
	h.backend.starting = false
	h.backend.ready = func() []string { return []string{"the disk is full"} } // reads stay up
	h.do("GET", "/v2/devices", ask{}).gives(200, `{"devices": []}`)
}

func TestWritesAreLimited(t *testing.T) {
	h := serve(t, func(o *Options) { o.MaxInflightWrites = 2 })
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	h.backend.deleteProfiles = func([]string) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	var pending sync.WaitGroup
	for range 2 {
		pending.Go(func() { h.do("DELETE", "/v2/device_profiles/one", ask{}).gives(204, "") })
		<-entered
	}
	got := h.do("DELETE", "/v2/device_profiles/one", ask{})
	got.fails(503, "Too many")
	got.has("retry-after", "1")
	h.do("GET", "/v2/devices", ask{}).gives(200, `{"devices": []}`)
	close(leave)
	pending.Wait()
	h.do("DELETE", "/v2/device_profiles/one", ask{}).gives(204, "")
}

func TestAChangeThatTakesTooLong(t *testing.T) {
	h := serve(t)
	h.backend.patchARQs = func(context.Context, actors.Patch) error {
		return actors.Refuse(actors.CodeTimeout, "no outcome within a minute; it is not known")
	}
	h.do("PATCH", "/v2/accelerator_requests", ask{service: "svc", body: `{"` + arq1.String() +
		`": [{"path": "/hostname", "op": "remove"}]}`}).fails(503, "not known")
}

func TestRequestsThatAreTooLargeOrBroken(t *testing.T) {
	h := serve(t, func(o *Options) { o.MaxBodyBytes, o.MaxHeaderBytes = 1000, 2000 })
	h.backend.createProfile = func(actors.ProfileSpec) (*actors.Profile, error) { return oneProfile(), nil }
	large := `[{"name": "a", "groups": [{}], "x": "` + strings.Repeat("x", 1000) + `"}]`
	h.do("POST", "/v2/device_profiles", ask{body: large}).fails(413, "body")
	h.do("GET", "/v2/devices", ask{headers: map[string]string{"X-Long": strings.Repeat("x", 3000)}}).fails(431, "headers")
	h.do("GET", "/v2/"+strings.Repeat("x", 3000), ask{}).fails(431, "headers")
	for _, raw := range []string{
		"\x16\x03\x01 not http\r\n\r\n", "GET\r\n\r\n", "GET /v2 HTTP/1.1\r\nBad Header\r\n\r\n",
		"POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
		"POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		conn := h.dial()
		if _, err := conn.Write([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		got := readAnswer(t, conn, "raw", raw)
		if got.status < 400 || got.status >= 500 || got.header["x-openstack-request-id"] == "" {
			t.Errorf("%q: %d %v", raw, got.status, got.header)
		}
		got.has("connection", "close")
		conn.Close()
	}
}

func TestSlowRequests(t *testing.T) {
	h := serve(t, func(o *Options) { o.ReadTimeout = 20 * time.Millisecond })
	conn := h.dial()
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /v2 HTTP/1.1\r\n")); err != nil {
		t.Fatal(err)
	}
	readAnswer(t, conn, "GET", "/v2").fails(408, "in time")
}

// Shutdown under load: whoever got a request through to the server gets its
// answer, and the last one on each connection says that it is the last.
func TestShutdownAnswersWhatItAccepted(t *testing.T) {
	h := serve(t, func(o *Options) { o.DrainGrace = 5 * time.Second })
	var inBackend atomic.Int64
	h.backend.deleteProfiles = func([]string) error {
		inBackend.Add(1)
		return nil
	}
	const clients = 16
	running := make(chan struct{}, clients)
	var loads sync.WaitGroup
	var answered atomic.Int64
	for range clients {
		conn := h.dial()
		loads.Go(func() {
			defer conn.Close()
			answered.Add(load(t, conn, running))
		})
	}
	for range clients {
		<-running
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	loads.Wait()
	if answered.Load() != inBackend.Load() {
		t.Errorf("%d requests were answered, %d were carried out", answered.Load(), inBackend.Load())
	}
	if _, err := h.ln.Dial(); err == nil {
		t.Error("the listener is still open")
	}
}

// load sends one request after the other until an answer closes the
// connection, and counts the answers.
func load(t *testing.T, conn net.Conn, running chan<- struct{}) int64 {
	t.Helper()
	reader := bufio.NewReader(conn)
	for n := int64(1); ; n++ {
		if _, err := io.WriteString(conn, ask{}.wire("DELETE", "/v2/device_profiles/one")); err != nil {
			t.Errorf("request %d: %v", n, err)
			return n - 1
		}
		var r fasthttp.Response
		if err := r.Read(reader); err != nil || r.StatusCode() != 204 {
			t.Errorf("answer %d: %d, %v", n, r.StatusCode(), err)
			return n - 1
		}
		if n == 10 {
			running <- struct{}{}
		}
		if r.ConnectionClose() {
			return n
		}
	}
}

func TestShutdownClosesIdleConnectionsAfterTheGrace(t *testing.T) {
	h := serve(t, func(o *Options) { o.DrainGrace = time.Millisecond })
	conn := h.dial()
	defer conn.Close()
	exchange(t, conn, "GET", "/v2", ask{}).gives(200, v2JSON)
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the idle connection is still open")
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	h := serve(t)
	entered := make(chan struct{})
	h.backend.patchARQs = func(ctx context.Context, _ actors.Patch) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	}
	var pending sync.WaitGroup
	pending.Go(func() {
		h.do("PATCH", "/v2/accelerator_requests", ask{service: "svc", body: `{"` + arq1.String() +
			`": [{"path": "/hostname", "op": "remove"}]}`}).fails(503, "not known")
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.server.Shutdown(ctx); err == nil {
		t.Error("Shutdown says that all is answered")
	}
	pending.Wait()
}

func TestServeAfterShutdown(t *testing.T) {
	h := serve(t)
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.server.Serve(ln); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := ln.Close(); err == nil {
		t.Error("the listener was left open")
	}
}
