package history

import (
	"sync"
	"time"
)

// Recorder takes down what clients do. Its methods may be called from any
// goroutine.
type Recorder struct {
	began time.Time

	mu         sync.Mutex
	operations []*Operation
	open       map[*Operation]bool // without an answer, as yet
}

// NewRecorder begins a run.
func NewRecorder() *Recorder {
	return &Recorder{began: time.Now(), open: map[*Operation]bool{}}
}

func (r *Recorder) now() int64 { return time.Since(r.began).Nanoseconds() }

// Call takes down that a request goes out now.
func (r *Recorder) Call(cell, client int, request Request) *Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &Operation{Cell: cell, Client: client, Call: r.now(), Request: request}
	r.operations = append(r.operations, o)
	r.open[o] = true
	return o
}

// Return takes down that the answer is here. One of the server's own failures
// does not tell whether the request was, or will be, done.
func (r *Recorder) Return(o *Operation, answer Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o.Answer = answer
	if !r.open[o] { // Ended was called meanwhile: it was done before that
		return
	}
	if answer.Status < 500 {
		o.Return = r.now()
		delete(r.open, o)
	}
}

// Handled takes down that the service is done with a request whose answer
// nobody got: it can no longer take effect.
func (r *Recorder) Handled(o *Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[o] {
		o.Return = r.now()
		delete(r.open, o)
	}
}

// Ended takes down that nothing of what is under way can take effect any more:
// the process has ended, or come to rest.
func (r *Recorder) Ended() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for o := range r.open {
		o.Return = now
	}
	clear(r.open)
}

// Restarted takes down that another process begins where one has ended.
func (r *Recorder) Restarted(cells int) {
	r.Ended()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now() + 1
	for c := range cells {
		r.operations = append(r.operations, &Operation{Cell: c, Call: now, Return: now, Request: Request{Kind: Restart}})
	}
}

// Take gives what was taken down of each cell since the last time, and forgets
// it. Nothing may be open.
func (r *Recorder) Take(cells int) [][]Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := make([][]Operation, cells)
	for _, o := range r.operations {
		taken[o.Cell] = append(taken[o.Cell], *o)
	}
	r.operations = nil
	return taken
}
