package test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// relay stands between agents and the service, and can keep a request or an
// answer from getting through.
type relay struct {
	*httptest.Server
	t       *testing.T
	service string

	mu       sync.Mutex
	request  string // end of the path of a request that is held; "": none
	answer   string // of one whose answer is
	contains string
	held     chan struct{}
	release  chan struct{}
}

func newRelay(t *testing.T, service string) *relay {
	t.Helper()
	b := &relay{t: t, service: service, release: make(chan struct{})}
	b.Server = httptest.NewServer(http.HandlerFunc(b.pass))
	t.Cleanup(b.Close)
	return b
}

// holdRequest holds the next request whose path has such an end. The channel is
// closed when that is there.
func (b *relay) holdRequest(end string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.request, b.held = end, make(chan struct{})
	return b.held
}

// holdAnswer lets it through, and holds the answer if that has the text in it.
func (b *relay) holdAnswer(end, contains string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer, b.contains, b.held = end, contains, make(chan struct{})
	return b.held
}

// letGo gives up what is held, and holds nothing more.
func (b *relay) letGo() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.request, b.answer = "", ""
	close(b.release)
	b.release = make(chan struct{})
}

// holds says whether something is to be held, and holds it until it is given up.
func (b *relay) holds(which *string, path, body string) bool {
	b.mu.Lock()
	if *which == "" || !strings.HasSuffix(path, *which) || !strings.Contains(body, b.contains) {
		b.mu.Unlock()
		return false
	}
	*which, b.contains = "", ""
	close(b.held)
	release := b.release
	b.mu.Unlock()
	<-release
	return true
}

func (b *relay) pass(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || b.holds(&b.request, r.URL.Path, "") {
		panic(http.ErrAbortHandler)
	}
	onward, err := http.NewRequestWithContext(r.Context(), r.Method, b.service+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	onward.Header = r.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(onward)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil || b.holds(&b.answer, r.URL.Path, string(content)) {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(content)
}
