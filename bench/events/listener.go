// Package events stands in for the compute service where accelerator services
// tell it of binds: the external events of servers.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	eventName = "accelerator-request-bound"
	path      = "/os-server-external-events" // below any prefix
	mostBody  = 4 << 20
	lastCall  = 5 * time.Second // for requests under way at the end
)

// Listener takes events and tells those who wait for them. It asks nobody for a
// token.
type Listener struct {
	server http.Server
	url    string
	done   chan struct{}

	mu      sync.Mutex
	waiting map[uuid.UUID]*Waiter // by instance

	taken, unknown atomic.Int64
}

// Waiter waits for the events of one instance.
type Waiter struct {
	done   chan struct{} // closed when all have come
	open   map[uuid.UUID]bool
	failed bool
}

// Listen opens a listener on HOST:PORT.
func Listen(ctx context.Context, address string) (*Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &Listener{url: "http://" + ln.Addr().String() + "/v2.1", done: make(chan struct{}), waiting: map[uuid.UUID]*Waiter{}}
	l.server = http.Server{Handler: l, ReadHeaderTimeout: lastCall}
	go func() {
		defer close(l.done)
		_ = l.server.Serve(ln) // until Close
	}()
	return l, nil
}

// URL is what the endpoint of the compute service is to be set to.
func (l *Listener) URL() string { return l.url }

// Counts gives how many events somebody waited for, and how many nobody did.
func (l *Listener) Counts() (taken, unknown int64) { return l.taken.Load(), l.unknown.Load() }

// Close ends the listener.
func (l *Listener) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastCall)
	defer cancel()
	err := l.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = l.server.Close()
	}
	<-l.done
	return err
}

// Expect has the events of an instance waited for; before its bind, as they may
// come before the answer to that.
func (l *Listener) Expect(instance uuid.UUID, arqs ...uuid.UUID) *Waiter {
	w := &Waiter{done: make(chan struct{}), open: make(map[uuid.UUID]bool, len(arqs))}
	for _, id := range arqs {
		w.open[id] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[instance] = w
	return w
}

// Forget ends the waiting for an instance.
func (l *Listener) Forget(instance uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, instance)
}

// Done is closed when all events have come.
func (w *Waiter) Done() <-chan struct{} { return w.done }

// Failed tells, once Done is closed, whether one of them was of a failure.
func (w *Waiter) Failed() bool { return w.failed }

// event is one of a request; with Code and as it is in the answer, one of that.
type event struct {
	Name   string `json:"name"`
	Server string `json:"server_uuid"`
	Tag    string `json:"tag"`
	Status string `json:"status"`
	Code   int    `json:"code,omitempty"`
}

// ServeHTTP answers as the compute service does.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, path) {
		http.NotFound(w, r)
		return
	}
	var body struct {
		Events []event `json:"events"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody)).Decode(&body)
	if err != nil || len(body.Events) == 0 {
		http.Error(w, `{"badRequest": {"code": 400, "message": "no events"}}`, http.StatusBadRequest)
		return
	}
	status := http.StatusOK
	for i := range body.Events {
		if !l.take(&body.Events[i]) {
			status = http.StatusMultiStatus
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who hung up sends it again
}

// take hands an event to who waits for it, and sets the verdict on it.
func (l *Listener) take(e *event) bool {
	instance, err1 := uuid.Parse(e.Server)
	tag, err2 := uuid.Parse(e.Tag)
	failed := e.Status != "completed"
	e.Code, e.Status = http.StatusNotFound, "failed"
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[instance]
	if err1 != nil || err2 != nil || e.Name != eventName || w == nil {
		l.unknown.Add(1)
		return false
	}
	e.Code, e.Status = http.StatusOK, "completed"
	l.taken.Add(1)
	if w.open[tag] {
		delete(w.open, tag)
		w.failed = w.failed || failed
		if len(w.open) == 0 {
			close(w.done)
		}
	}
	return true
}
