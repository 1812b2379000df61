package test

import (
	"strings"
	"testing"
	"time"
)

// framingVectors are requests whose end two parsers may see at different
// places. Where they hold CANARY, there is a whole request that stands in a
// body, or behind something that no two servers agree about: it must never be
// served.
var framingVectors = []struct {
	name, send string
}{
	{"length and chunks", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nCANARY"},
	{"chunks and length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nCANARY"},
	{"chunks, and a length over all", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 500\r\n\r\n0\r\n\r\nCANARY"},
	{"two equal lengths", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\nCANARY"},
	{"two lengths, the first 0", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"two lengths, the second 0", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\nContent-Length: 0\r\n\r\nCANARY"},
	{"a list of lengths", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\nCANARY"},
	{"length with a sign", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\nCANARY"},
	{"length below zero", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nCANARY"},
	{"empty length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nCANARY"},
	{"hexadecimal length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 0x10\r\n\r\nCANARY"},
	{"length with a blank in it", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 0 0\r\n\r\nCANARY"},
	{"length of a float", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 0.0\r\n\r\nCANARY"},
	{"length beyond 64 bits", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\nCANARY"},
	{"blank before the colon of the length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length : 500\r\n\r\nCANARY"},
	{"tab before the colon of the length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length\t: 500\r\n\r\nCANARY"},
	{"blank before the colon of the coding", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nCANARY"},
	{"blank before the name", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\n Content-Length: 500\r\n\r\nCANARY"},
	{"length in a folded line", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nX-Fold: a\r\n Content-Length: 500\r\n\r\nCANARY"},
	{"folded length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 500\r\n\r\nCANARY"},
	{"folded coding", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 500\r\n\r\n0\r\n\r\nCANARY"},
	{"zero byte in the name", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length\x00: 500\r\n\r\nCANARY"},
	{"zero byte in the length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 500\x00\r\n\r\nCANARY"},
	{"carriage return in a value", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nX-A: a\rContent-Length: 500\r\n\r\nCANARY"},
	{"underscore for a dash", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent_Length: 500\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"coding identity", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\nCANARY"},
	{"coding identity and a length", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\nCANARY"},
	{"coding unknown", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nCANARY"},
	{"coding chunked at last", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\nCANARY"},
	{"coding chunked not at last", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nCANARY"},
	{"coding twice", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nCANARY"},
	{"coding twice, once unknown", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\nCANARY"},
	{"coding empty", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\nCANARY"},
	{"coding quoted", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\nCANARY"},
	{"coding with a control character", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nCANARY"},
	{"coding in HTTP/1.0", "POST /v2/attributes HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nCANARY"},
	{"coding named with a blank", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer Encoding: chunked\r\n\r\n0\r\n\r\nCANARY"},
	{"chunk of negative size", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\nCANARY"},
	{"chunk of size with a sign", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+0\r\n\r\nCANARY"},
	{"chunk size 0x0", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\nCANARY"},
	{"chunk size that wraps to 0", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\nCANARY"},
	{"chunk size that wraps to 2", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffff00000002\r\n[]\r\n0\r\n\r\nCANARY"},
	{"chunk size in many digits", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 40) + "\r\n\r\nCANARY"},
	{"chunk without a size", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\nCANARY"},
	{"chunk size and a blank", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0 x\r\n\r\nCANARY"},
	{"line feed after the chunk size", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\n\nCANARY"},
	{"line feed in a chunk extension", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\nCANARY"},
	{"carriage return in a chunk extension", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;a\rb\r\n\r\nCANARY"},
	{"chunk longer than it says", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[]\r\n0\r\n\r\nCANARY"},
	{"no line end after a chunk", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]0\r\n\r\nCANARY"},
	{"a length as trailer", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"a folded trailer", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: a\r\n b\r\n\r\nCANARY"},
	{"a role as trailer", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Roles: admin\r\n\r\nCANARY"},
	{"the last chunk runs into the next request", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nCANARY"},
	{"request within a body", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request within a chunk", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n500\r\nCANARY"},
	{"request within the body of a GET", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request within the chunks of a GET", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n500\r\nCANARY"},
	{"request within the body of a HEAD", "HEAD /v2/devices HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request within the body of an unknown method", "BREW /v2/devices HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request within a body that is too long", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nCANARY"},
	{"request within chunks that are too long", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\nCANARY"},
	{"request within an expected body that is too long", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 70000\r\n\r\nCANARY"},
	{"request within an expected body", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request after an unknown expectation", "POST /v2/attributes HTTP/1.1\r\nHost: a\r\nExpect: brewing\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request after headers that are too long", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("x", 9000) + "\r\n\r\nCANARY"},
	{"request after a line of no HTTP", "hello\r\n\r\nCANARY"},
	{"request after a version of no HTTP", "GET /v2/devices HTTP/1.1 HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request after HTTP/0.9", "GET /v2/devices\r\n\r\nCANARY"},
	{"request after HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nCANARY"},
	{"request after two hosts", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nCANARY"},
	{"request after CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nCANARY"},
	{"request after an upgrade", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 500\r\n\r\nCANARY"},
	{"request after HTTP/1.0", "GET /v2/devices HTTP/1.0\r\n\r\nCANARY"},
	{"request after a connection to be closed", "GET /v2/devices HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nCANARY"},
}

// TestFraming: nothing of a body is taken for a request, and where the end of a
// request is not clear the connection ends with it.
func TestFraming(t *testing.T) {
	p := start(t, edges)
	ids := map[string]string{}
	for _, v := range framingVectors {
		id := newCanary()
		ids[id] = v.name
		send := strings.ReplaceAll(v.send, "CANARY", canary(id))
		answers, err := p.converse([]byte(send))
		if err != nil {
			t.Errorf("%s: after %d answers: %v", v.name, len(answers), err)
		}
		if len(answers) == 0 {
			t.Errorf("%s: no answer", v.name)
			continue
		}
		for _, a := range answers {
			if a.status >= 400 && len(a.body) > 0 {
				checkEnvelope(t, v.name, a)
			}
		}
		if last := answers[len(answers)-1]; last.header.Get("Connection") != "close" {
			t.Errorf("%s: the last answer, %d, does not say that the connection ends", v.name, last.status)
		}
	}
	p.fence()
	for id, name := range ids {
		if p.log.handled(id) {
			t.Errorf("%s: what stands in the body was served as a request", name)
		}
	}
}

func newCanary() string { return "req-" + newUUID() }

// canary is a request that is known by its id when it is served.
func canary(id string) string {
	return "GET /v2/devices HTTP/1.1\r\nHost: a\r\nX-Openstack-Request-Id: " + id + "\r\n\r\n"
}

// converse sends bytes on a connection of their own, says that there are no
// more, and reads the answers up to the end.
func (p *process) converse(send []byte) ([]*answer, error) {
	w, err := dial(host(p.api))
	if err != nil {
		return nil, err
	}
	defer w.close()
	w.send(send)
	_ = w.tcp().CloseWrite() // the service may have closed it already
	return w.receiveAll(reference(send))
}

// fence waits until everything that was answered so far is in the log.
func (p *process) fence() {
	p.t.Helper()
	id := newCanary()
	if _, err := p.converse([]byte(canary(id))); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, 10*time.Second, "the last request is in the log", func() bool { return p.log.handled(id) })
}
