package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/devices/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve has a client talk to a handler, in a session.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+protocol.SessionPath("h"), func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"session": %q, "version": 1}`, uuid.New())
	})
	mux.HandleFunc("/", handler)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c := New(Options{URL: s.URL, Host: "h", Identity: func() (*tls.Config, string, error) { return nil, "secret", nil }})
	t.Cleanup(c.Close)
	if _, err := c.Open(t.Context(), &protocol.OpenSession{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRefusals(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("no token: %v", r.Header)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		if r.Method == http.MethodPost {
			fmt.Fprint(w, `{"code": "unavailable", "message": "not now"}`)
		} else {
			fmt.Fprint(w, "<html>a proxy")
		}
	})
	_, err := c.Beat(t.Context(), &protocol.Heartbeat{})
	refused, ok := errors.AsType[*Refusal](err)
	if !ok || refused.Reason.Code != protocol.CodeUnavailable || refused.RetryAfter() != 7*time.Second || refused.Status != 503 {
		t.Errorf("%+v", err)
	}
	_, err = c.Report(t.Context(), &protocol.Inventory{}, "")
	if refused, ok = errors.AsType[*Refusal](err); !ok || refused.Reason.Code != "" {
		t.Errorf("%+v", err)
	}
	c.Close()
	c.opt.URL = "http://127.0.0.1:1"
	if _, err = c.Commands(t.Context(), uuid.New(), 3, time.Second); err == nil {
		t.Error("nobody answers, and that is no error")
	} else if _, ok := errors.AsType[*Refusal](err); ok {
		t.Errorf("nobody answers: %+v", err)
	}
}

// Large bodies go out packed; conditions and parameters as they should be.
func TestRequests(t *testing.T) {
	digest := strings.Repeat("a", 64)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			if got := r.URL.RawQuery; !strings.Contains(got, "after=9") || !strings.Contains(got, "wait=0.5") {
				t.Errorf("query %q", got)
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if got := r.Header.Get("If-Match"); got != `"`+digest+`"` {
			t.Errorf("If-Match %q", got)
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil || r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%v %v", err, r.Header)
			return
		}
		text, err := io.ReadAll(z)
		if err != nil || !bytes.Contains(text, []byte("gone too far")) {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		fmt.Fprintf(w, `{"digest": %q}`, digest)
	})
	inv := &protocol.Inventory{}
	for range 100 {
		inv.Problems = append(inv.Problems, protocol.Problem{Detail: "gone too far"})
	}
	reply, err := c.Report(t.Context(), inv, digest)
	if err != nil || reply.Digest != digest {
		t.Errorf("%+v %v", reply, err)
	}
	if all, err := c.Commands(t.Context(), uuid.New(), 9, 500*time.Millisecond); err != nil || all != nil {
		t.Errorf("%v %v", all, err)
	}
	inv.Problems[0].Detail = strings.Repeat("x", protocol.MaxBody)
	_, err = c.Report(t.Context(), inv, digest)
	if refused, ok := errors.AsType[*Refusal](err); !ok || refused.Reason.Code != protocol.CodeTooLarge {
		t.Errorf("a body that is too large: %v", err)
	}
}

// lossy serves an image, and breaks the line every so many bytes.
type lossy struct {
	content []byte
	every   int
	ranges  bool // is asked for the rest of it, and gives that
	digest  func(try int64) string
	tries   atomic.Int64
}

func (l *lossy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	try := l.tries.Add(1)
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil || !l.ranges {
		from = 0
	}
	w.Header().Set("Digest", l.digest(try))
	w.Header().Set("Content-Length", fmt.Sprint(len(l.content)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	rest := l.content[from:]
	if !l.ranges {
		rest = rest[:min(len(rest), l.every*int(try))]
	} else {
		rest = rest[:min(len(rest), l.every)]
	}
	_, _ = w.Write(rest)
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha-256=" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestImages(t *testing.T) {
	content := bytes.Repeat([]byte("bitstream"), 30_000)
	right := func(int64) string { return digestOf(content) }
	for name, c := range map[string]struct {
		server *lossy
		want   string // in the error; "": none
	}{
		"whole":                   {&lossy{content: content, every: len(content), ranges: true, digest: right}, ""},
		"read on":                 {&lossy{content: content, every: 50_000, ranges: true, digest: right}, ""},
		"begun again":             {&lossy{content: content, every: 100_000, digest: right}, ""},
		"damaged":                 {&lossy{content: content, every: len(content), digest: func(int64) string { return digestOf(nil) }}, "should be"},
		"another one, on the way": {&lossy{content: content, every: 100_000, ranges: true, digest: func(n int64) string { return digestOf(content[n-1:]) }}, "changed"},
		"nobody says what it is":  {&lossy{content: content, every: 100_000, ranges: true, digest: func(int64) string { return "" }}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := serve(t, c.server.ServeHTTP)
			body, about, err := cl.Images().Open(t.Context(), uuid.New())
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			if c.want == "" && (err != nil || !bytes.Equal(got, content) || about.Size != int64(len(content))) {
				t.Errorf("%d bytes of %d: %v", len(got), len(content), err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, again := body.Read(make([]byte, 1)); c.want != "" && fmt.Sprint(again) != fmt.Sprint(err) {
				t.Errorf("read once more: %v, before %v", again, err)
			}
			if err := errors.Join(body.Close(), body.Close()); err != nil {
				t.Error(err)
			}
			if n := len(cl.images); n != 0 {
				t.Errorf("%d images are being read", n)
			}
		})
	}
}

// Whoever gives up may close an image while it is read, and close it again.
func TestAnImageThatIsGivenUp(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("half of it"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		body, _, err := c.Images().Open(ctx, uuid.New())
		if err != nil {
			t.Fatal(err)
		}
		context.AfterFunc(ctx, func() { _ = body.Close() })
		half := make([]byte, 10)
		if _, err := io.ReadFull(body, half); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := body.Read(half); err == nil {
			t.Error("it goes on")
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if n := len(c.images); n != 0 {
			t.Fatalf("%d images are being read", n)
		}
	}
}

// An image that may not be read is not asked for again.
func TestNoImage(t *testing.T) {
	var tries atomic.Int64
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"code": "forbidden", "message": "no command names it"}`)
	})
	_, _, err := c.Images().Open(t.Context(), uuid.New())
	if refused, ok := errors.AsType[*Refusal](err); !ok || refused.Reason.Code != protocol.CodeForbidden || tries.Load() != 1 {
		t.Errorf("%v after %d tries", err, tries.Load())
	}
}
