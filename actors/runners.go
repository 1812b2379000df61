package actors

import (
	"sync"
	"time"
)

// runners are goroutines that mailboxes take turns with. A goroutine of its own
// for every few messages begins with a small stack each time, and what an
// operation does makes it grow: that was a twelfth of the cost of a bind. Those
// that nobody needs end by themselves.
type runners struct {
	mu       sync.Mutex
	idle     []*runner // the one that was used last is the last
	unused   int       // of them, those that were idle since the last sweep
	sweeping bool
}

type runner struct{ work chan func() }

const (
	mostIdle   = 256
	sweepPause = 100 * time.Millisecond
)

// run has fn called, on a goroutine of ours.
func (r *runners) run(fn func()) {
	r.mu.Lock()
	n := len(r.idle) - 1
	if n < 0 {
		r.mu.Unlock()
		go r.loop(&runner{work: make(chan func(), 1)}, fn)
		return
	}
	w := r.idle[n]
	r.idle[n] = nil
	r.idle = r.idle[:n]
	r.unused = min(r.unused, n)
	r.mu.Unlock()
	w.work <- fn
}

func (r *runners) loop(w *runner, fn func()) {
	for fn != nil {
		fn()
		if !r.rest(w) {
			return
		}
		fn = <-w.work // nil: it is let go
	}
}

// rest takes a runner in that has nothing to do, unless there are enough.
func (r *runners) rest(w *runner) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) >= mostIdle {
		return false
	}
	r.idle = append(r.idle, w)
	if !r.sweeping {
		r.sweeping, r.unused = true, len(r.idle)
		time.AfterFunc(sweepPause, r.sweep)
	}
	return true
}

// sweep lets those go that nobody has needed for a while.
func (r *runners) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.idle[:r.unused] {
		close(w.work)
	}
	left := copy(r.idle, r.idle[r.unused:])
	clear(r.idle[left:])
	r.idle = r.idle[:left]
	r.unused = left
	if r.sweeping = left > 0; r.sweeping {
		time.AfterFunc(sweepPause, r.sweep)
	}
}
