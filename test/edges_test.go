package test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// edges is a service with small limits, and a client that is served all the
// while, whatever others do.
var edges = options{
	"api.read_timeout":     "1",
	"api.idle_timeout":     "3",
	"api.max_header_bytes": "8192",
	"api.max_body_bytes":   "65536",
}

// served has a client ask over and over until the test ends, and fails the
// test if ever it is not served.
func served(t *testing.T, p *process) {
	t.Helper()
	c := p.client()
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			begin := time.Now()
			if got, err := c.do(http.MethodGet, "/devices", nil); err != nil || got.status != 200 {
				t.Errorf("another client was not served: %+v, %v", got, err)
				return
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("another client waited %v", took)
			}
		}
	})
	t.Cleanup(func() { close(end); done.Wait() })
}

func mustDial(t *testing.T, p *process) *wire {
	t.Helper()
	w, err := dial(host(p.api))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

// TestOddRequests sends what no HTTP library would: each gets a 4xx in the
// envelope (or is fine), and the connection says whether it goes on.
func TestOddRequests(t *testing.T) {
	p := start(t, edges)
	served(t, p)
	long := strings.Repeat("x", 20000)
	post := func(headers, body string) string {
		return "POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body
	}
	profile := profileBody("odd", 1)
	chunked := "Transfer-Encoding: chunked\r\n"
	cases := []struct {
		name string
		send string
		want []int
	}{
		{"long header", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Long: " + long + "\r\n\r\n", []int{431}},
		{"many headers", "GET /v2/devices HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-Many: many\r\n", 2000) + "\r\n", []int{431}},
		{"long request line", "GET /v2/devices?type=" + long + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{414, 431}},
		{"long body", post("Content-Length: 70000\r\n", strings.Repeat(" ", 70000)), []int{413}},
		{"length far too long", post("Content-Length: 99999999999999\r\n", ""), []int{413}},
		{"length beyond numbers", post("Content-Length: 99999999999999999999999\r\n", ""), []int{400, 413}},
		{"negative length", post("Content-Length: -1\r\n", ""), []int{400}},
		{"length of letters", post("Content-Length: ten\r\n", ""), []int{400}},
		{"two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "[]"), []int{400}},
		{"chunked and a length", post(chunked+"Content-Length: 2\r\n", "0\r\n\r\n"), []int{400}},
		{"long chunked body", post(chunked, "11170\r\n"+strings.Repeat(" ", 0x11170)+"\r\n0\r\n\r\n"), []int{413}},
		{"chunk of no size", post(chunked, "zz\r\n[]\r\n0\r\n\r\n"), []int{400}},
		{"chunk of negative size", post(chunked, "-2\r\n[]\r\n0\r\n\r\n"), []int{400}},
		{"chunk without its end", post(chunked, "2\r\n[]xx0\r\n\r\n"), []int{400}},
		{"chunk larger than numbers", post(chunked, "fffffffffffffffff\r\n"), []int{400, 413}},
		{"unknown transfer coding", post("Transfer-Encoding: brotli\r\n", "0\r\n\r\n"), []int{400, 411, 415}},
		{"no HTTP", "hello\r\n\r\n", []int{400}},
		{"no version", "GET /v2/devices\r\nHost: a\r\n\r\n", []int{400, 505}},
		{"HTTP/9.9", "GET /v2/devices HTTP/9.9\r\nHost: a\r\n\r\n", []int{200, 400, 505}},
		{"zero byte in the path", "GET /v2/dev\x00ices HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404}},
		{"zero byte in a header", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Zero: a\x00b\r\n\r\n", []int{200, 400}},
		{"header without a name", "GET /v2/devices HTTP/1.1\r\nHost: a\r\n: none\r\n\r\n", []int{400}},
		{"header without a colon", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", []int{400}},
		{"blank before the colon", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Blank : a\r\n\r\n", []int{400}},
		{"folded header", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Fold: a\r\n b\r\n\r\n", []int{400}},
		{"no host", "GET /v2/devices HTTP/1.1\r\n\r\n", []int{200, 400}},
		{"empty method", " /v2/devices HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 405}},
		{"odd method", "BREW /v2/devices HTTP/1.1\r\nHost: a\r\n\r\n", []int{405}},
		{"connect", "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a\r\n\r\n", []int{400}},
		{"absolute form", "GET http://somewhere.example/v2/devices HTTP/1.1\r\nHost: a\r\n\r\n", []int{200}},
		{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", []int{200, 204, 400, 404, 405}},
		{"dots in the path", "GET /v2/%2e%2e/v2/devices HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}},
		{"plain dots in the path", "GET /v2/../v2/devices HTTP/1.1\r\nHost: a\r\n\r\n", []int{404}},
		{"broken escape", "GET /v2/devices/%zz HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404}},
		{"bytes that are no text", "GET /v2/device_profiles/\xff\xfe HTTP/1.1\r\nHost: a\r\nOpenStack-API-Version: accelerator 2.2\r\n\r\n", []int{400, 404}},
		{"HTTP/1.0", "GET /v2/devices HTTP/1.0\r\n\r\n", []int{200}},
		{"bare line feeds", "GET /v2/devices HTTP/1.1\nHost: a\n\n", []int{200, 400, 408}},
		{"websocket", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", []int{200, 400}},
		{"HTTP/2 by surprise", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400, 404, 405, 505}},
		{"body of a GET", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", []int{200, 400}},
		{"good chunked body", post(chunked, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(profile), profile)), []int{201}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := mustDial(t, p)
			w.send([]byte(c.send))
			got, err := w.receive(strings.SplitN(c.send, " ", 2)[0])
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(c.want, got.status) {
				t.Errorf("status %d, want one of %v: %.200s", got.status, c.want, got.body)
			}
			if got.status >= 400 && len(got.body) > 0 {
				checkEnvelope(t, c.name, got)
			}
			if got.header.Get("X-Openstack-Request-Id") == "" {
				t.Errorf("status %d without a request id", got.status)
			}
		})
	}
	names := []string{}
	for _, profile := range p.client().profiles() {
		names = append(names, profile.Name)
	}
	if !slices.Equal(names, []string{"odd"}) {
		t.Errorf("profiles in the end: %q, want the one of the good request", names)
	}
}

// TestExpectContinue: a client that asks whether to send its body is told so.
func TestExpectContinue(t *testing.T) {
	p := start(t, edges)
	w := mustDial(t, p)
	body := profileBody("asked", 1)
	w.send(fmt.Appendf(nil, "POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body)))
	line, err := w.reader.ReadString('\n')
	if err != nil || !strings.Contains(line, "100") {
		t.Fatalf("instead of 100: %q, %v", line, err)
	}
	if line, err = w.reader.ReadString('\n'); err != nil || strings.TrimSpace(line) != "" {
		t.Fatalf("after 100: %q, %v", line, err)
	}
	w.send([]byte(body))
	if got, err := w.receive(http.MethodPost); err != nil || got.status != 201 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestPipelinedRequests: requests sent at once are answered in their order.
func TestPipelinedRequests(t *testing.T) {
	p := start(t, edges)
	c := p.client()
	c.createProfile("one", 1)
	w := mustDial(t, p)
	var all bytes.Buffer
	const n = 50
	header := http.Header{"Content-Type": {jsonType}}
	for i := range n {
		all.Write(message("POST", "/v2/accelerator_requests", "a", header, []byte(createBody("one"))))
		all.Write(message("GET", fmt.Sprintf("/v2/accelerator_requests?limit=%d", i+1), "a", nil, nil))
		all.Write(message("GET", "/v2/nothing", "a", nil, nil))
	}
	w.send(all.Bytes())
	for i := range n {
		for _, want := range []int{201, 200, 404} {
			got, err := w.receive("GET")
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			if got.status != want {
				t.Fatalf("answer %d: status %d, want %d: %s", i, got.status, want, got.body)
			}
			if want == 200 && len(got.arqs(c)) != i+1 {
				t.Fatalf("answer %d lists %d ARQs, want %d: its own creation is not in it", i, len(got.arqs(c)), i+1)
			}
		}
	}
}

// TestSlowClients: who dribbles, or says nothing, is cut off after the time
// for it, with 408 where a request had begun; others do not notice.
func TestSlowClients(t *testing.T) {
	p := start(t, edges)
	served(t, p)
	api, operators := host(p.api), host(p.admin)
	const post = "POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	starts := []struct{ name, address, start string }{
		{"of the request line", api, "GET /v2/dev"},
		{"of the headers", api, "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Slow: "},
		{"of the body", api, post + "Content-Length: 1000\r\n\r\n["},
		{"of a chunk", api, post + "Transfer-Encoding: chunked\r\n\r\n100\r\n["},
		{"of a request to operators", operators, "GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: "},
	}
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range starts {
		all.Go(func() {
			took, got, err := dribble(c.address, c.start)
			switch {
			case took > 10*time.Second:
				t.Errorf("a client in the middle %s was kept for %v", c.name, took)
			case err == nil && got.status != 408:
				t.Errorf("a client in the middle %s: status %d, want 408", c.name, got.status)
			case err != nil && !errors.Is(err, errUnanswered):
				t.Errorf("a client in the middle %s: %v", c.name, err)
			}
		})
	}
	all.Go(func() {
		w, err := dial(host(p.api))
		if err != nil {
			t.Error(err)
			return
		}
		defer w.close()
		if _, err := w.roundTrip("GET", "/v2/devices", nil, nil); err != nil {
			t.Error(err)
			return
		}
		begin := time.Now()
		_, err = w.reader.ReadByte()
		if took := time.Since(begin); !errors.Is(err, io.EOF) || took > 10*time.Second {
			t.Errorf("an idle connection: %v after %v, want the end after 3 s", err, took)
		}
	})
}

// dribble sends the start of a request and then a byte now and then, each long
// before a limit between two bytes, until there is an answer or an end.
func dribble(address, start string) (time.Duration, *answer, error) {
	begin := time.Now()
	w, err := dial(address)
	if err != nil {
		return 0, nil, err
	}
	defer w.close()
	w.send([]byte(start))
	end := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				_, _ = w.conn.Write([]byte("x"))
			}
		}
	})
	got, err := w.receive("GET")
	close(end)
	writer.Wait()
	return time.Since(begin), got, err
}

// TestManyConnections: connections that nobody uses do not keep others out.
func TestManyConnections(t *testing.T) {
	p := start(t, edges)
	served(t, p)
	for range 300 {
		mustDial(t, p)
	}
	eventually(t, 10*time.Second, "the connections are counted", func() bool {
		return p.metrics().value(t, "arqd_http_open_connections") >= 300
	})
	eventually(t, 20*time.Second, "unused connections are closed", func() bool {
		return p.metrics().value(t, "arqd_http_open_connections") < 10
	})
}
