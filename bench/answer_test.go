package bench

import (
	"errors"
	"testing"
)

func TestAnswerInPieces(t *testing.T) {
	for text, want := range map[string]struct {
		status int
		body   string
	}{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello":                    {200, "hello"},
		"HTTP/1.1 201 Created\r\ncontent-length:2\r\nVary: X\r\n\r\n{}":        {201, "{}"},
		"HTTP/1.1 204 No Content\r\nX-Openstack-Request-Id: req-1\r\n\r\n":     {204, ""},
		"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 4\r\n\r\n\r\n\r\n":    {200, "\r\n\r\n"},
		"HTTP/1.1 404 Not Found\r\nContent-Length:   0  \r\nA: b: c\r\n\r\n":   {404, ""},
		"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nContent-Length: 1\r\n\r\n1": {200, "1"},
	} {
		a := answer{keep: true}
		for size := 1; size <= len(text); size++ {
			for rest := text; ; {
				n := min(size, len(rest))
				whole, err := a.feed([]byte(rest[:n]))
				rest = rest[n:]
				if err != nil || whole != (rest == "") {
					t.Fatalf("%q in pieces of %d: whole %t (%v) with %q to come", text, size, whole, err, rest)
				}
				if whole {
					break
				}
			}
			if a.status != want.status || string(a.body) != want.body {
				t.Errorf("%q in pieces of %d: %d %q, want %d %q", text, size, a.status, a.body, want.status, want.body)
			}
			a.reset()
		}
	}
}

func TestAnswerRefused(t *testing.T) {
	for text, want := range map[string]error{
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n": errChunked,
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n":          errAnswer,
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n":         errAnswer,
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n12":        errExcess,
		"HTTP/1.1 100 Continue\r\n\r\n":                         errAnswer,
		"HTTP/1.1 2x0 OK\r\n\r\n":                               errAnswer,
		"HTTP/1.0 200 OK\r\n\r\n":                               errAnswer,
		"SSH-2.0-x\r\n\r\n":                                     errAnswer,
	} {
		a := answer{}
		if _, err := a.feed([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
