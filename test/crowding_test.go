package test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestMoreConnectionsThanDescriptors: who opens connections without end, and
// says nothing or only the beginning of something, neither ends the service nor
// keeps others out: the connections that were of no use for the longest time
// give way.
func TestMoreConnectionsThanDescriptors(t *testing.T) {
	n := newNode(t, nil)
	n.descriptors = 700
	p := n.start()
	served(t, p)
	for range 400 { // the operators' listener has its own
		w, err := dial(host(p.admin))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.close)
	}
	for i, begin := range []string{"", "GET /v2/dev", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"} {
		for range 800 {
			mustDial(t, p).send([]byte(begin))
		}
		newcomer := newClient(t, p.api+"/v2", &http.Transport{DisableKeepAlives: true})
		newcomer.createProfile(string(rune('a'+i)), 1)
		eventually(t, 10*time.Second, "some connections have given way", func() bool {
			return p.metrics().value(t, "arqd_http_open_connections") < 400
		})
	}
}

// TestIdleConnectionsCostLittle: a connection that does nothing costs its
// buffers, whatever was sent on it before.
func TestIdleConnectionsCostLittle(t *testing.T) {
	p := start(t, nil)
	before := p.rest()
	const connections, most = 500, 64 << 10
	body := []byte("[" + strings.Repeat(" ", 1<<20-2) + "]")
	for range connections {
		w := mustDial(t, p)
		got, err := w.roundTrip(http.MethodPost, "/v2/attributes", http.Header{"Content-Type": {jsonType}}, body)
		if err != nil || got.status != 400 || got.header.Get("Connection") == "close" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	each := (p.collect() - before.heap) / connections
	t.Logf("%d bytes of the heap for each idle connection", each)
	if each > most {
		t.Errorf("%d idle connections hold %d bytes of the heap each, want at most %d", connections, each, most)
	}
}

// TestSlowReadersCostLittle: who asks for a long list and does not read it holds
// a piece of it, and keeps nobody from being served. Before HTTP/1.1 there are
// no pieces, but then there is the length of a list.
func TestSlowReadersCostLittle(t *testing.T) {
	p := start(t, options{"api.access_log": "false"})
	c := p.client()
	c.createProfile("many", 200)
	for range 100 {
		c.create("many") // 12 MB as a list
	}
	c.http.CloseIdleConnections()
	before := p.rest()
	served(t, p)
	const readers, most = 100, 512 << 10
	for _, version := range []string{"HTTP/1.1", "HTTP/1.0"} {
		var all []*wire
		for range readers {
			w := mustDial(t, p)
			w.send([]byte("GET /v2/accelerator_requests " + version + "\r\nHost: a\r\n\r\n"))
			all = append(all, w)
		}
		for _, w := range all { // each has begun to get its answer
			if _, err := w.reader.Peek(1); err != nil {
				t.Fatal(err)
			}
		}
		each := (p.collect() - before.heap) / readers
		t.Logf("%s: %d bytes of the heap for each slow reader", version, each)
		if each > most {
			t.Errorf("%s: %d slow readers hold %d bytes of the heap each, want at most %d", version, readers, each, most)
		}
		got, err := all[0].receive(http.MethodGet)
		if err != nil || len(got.arqs(c)) != 20000 {
			t.Errorf("%s: a slow reader that reads on: %v, %d bytes", version, err, len(got.body))
		}
		for _, w := range all {
			w.close()
		}
	}
}
