package badger

import (
	"errors"
	"sync"
	"sync/atomic"
)

var errClosed = errors.New("closed")

// readers keeps the database open while anybody reads: its files are mapped
// into memory, and a read after they are unmapped would end the process.
type readers struct {
	mu      sync.Mutex
	closed  atomic.Bool
	running sync.WaitGroup
	inside  atomic.Int64
}

// enter reports whether reading is possible; leave must follow if it is. Not
// a read-write lock, because a visitor of Each may read as well: waiting
// behind Close, which waits for Each, it would wait for ever.
func (r *readers) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return false
	}
	r.running.Add(1)
	r.inside.Add(1)
	return true
}

func (r *readers) leave() {
	r.inside.Add(-1)
	r.running.Done()
}

// without calls f while nobody reads; whoever wants to read waits meanwhile.
// Where somebody does, f is not called.
func (r *readers) without(f func() error) (called bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inside.Load() > 0 {
		return false, nil
	}
	return true, f()
}

// close lets nobody in any more and waits until all have left.
func (r *readers) close() {
	r.mu.Lock()
	r.closed.Store(true)
	r.mu.Unlock()
	r.running.Wait()
}
