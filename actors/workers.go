package actors

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// contained calls what is not ours; a panic of it is an error like another.
func contained(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return call()
}

// workers counts what is under way. Unlike with a WaitGroup, more may begin while
// somebody waits: what is under way when Stop comes begets more.
type workers struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n is 0; nil: nobody waits
}

// add counts one in; end must follow.
func (w *workers) add() {
	w.mu.Lock()
	w.n++
	w.mu.Unlock()
}

func (w *workers) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n--; w.n == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// Wait returns when there is a moment without workers.
func (w *workers) Wait() {
	w.mu.Lock()
	if w.n == 0 {
		w.mu.Unlock()
		return
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	<-idle
}
