package memory

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/arqd/arqd/persistence"
)

var (
	errClosed       = errors.New("closed")
	errNotRecovered = errors.New("not recovered yet")
	errRecovered    = errors.New("recovered already")
)

// Store is a persistence.Store in memory. New makes it.
type Store struct {
	opts Options

	mu        sync.Mutex
	work      sync.Cond // the queue got longer, or the store ended
	queue     []request
	state     state
	recovered bool
	closed    bool // no more Submit; the queue is still worked off
	ended     bool // no more of anything

	crashed chan struct{} // closed by Crash
	stopped chan struct{} // closed when the goroutine has ended
}

var _ persistence.Store = (*Store)(nil)

type request struct {
	t    persistence.Transition
	done func(persistence.Result)
}

// New makes a store with what the snapshot holds, and starts its goroutine.
// Close or Crash must end it.
func New(opts Options) *Store {
	s := &Store{
		opts:    opts,
		state:   opts.Snapshot.state.clone(),
		crashed: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	s.work.L = &s.mu
	go s.run()
	return s
}

// Snapshot returns what is durable at this moment.
func (s *Store) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Snapshot{s.state.clone()}
}

// Crash ends the store as the death of its process would, and returns a store
// of the same options that holds what was durable. The old one drops what is
// queued and answers reads with ErrUnavailable. At most the outcome decided
// last is still told: it is in what the new store holds. Crash may be called
// from done.
func (s *Store) Crash() *Store {
	s.mu.Lock()
	if !s.ended {
		s.closed, s.ended, s.queue = true, true, nil
		close(s.crashed)
		s.work.Broadcast()
	}
	opts := s.opts
	opts.Snapshot = Snapshot{s.state.clone()}
	s.mu.Unlock()
	return New(opts)
}

// Submit queues a transition. See persistence.Store.
func (s *Store) Submit(t persistence.Transition, done func(persistence.Result)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.hasCrashed():
	case s.closed:
		go done(persistence.Result{Outcome: persistence.Lost, Err: unavailable(errClosed)})
	default:
		s.queue = append(s.queue, request{t, done})
		s.work.Signal()
	}
}

// Close works off the queue and ends the store. Its content can still be had
// by Snapshot.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.work.Broadcast()
	s.mu.Unlock()
	<-s.stopped
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	return nil
}

func (s *Store) hasCrashed() bool {
	select {
	case <-s.crashed:
		return true
	default:
		return false
	}
}

// run decides queued transitions one after the other until the end.
func (s *Store) run() {
	defer close(s.stopped)
	for {
		r, ok := s.next()
		if !ok {
			return
		}
		result, alive := s.decide(r.t)
		if !alive {
			return
		}
		r.done(result)
	}
}

// next waits for a request; there is none after the end.
func (s *Store) next() (request, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.closed {
		s.work.Wait()
	}
	if len(s.queue) == 0 {
		return request{}, false
	}
	r := s.queue[0]
	s.queue = s.queue[1:]
	return r, true
}

// decide finds the outcome of a transition, unless the store crashes before.
func (s *Store) decide(t persistence.Transition) (result persistence.Result, alive bool) {
	var fault Fault
	invalid := t.Validate()
	if s.opts.Faults != nil && invalid == nil {
		fault = s.opts.Faults(t)
	}
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-s.crashed:
			return result, false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return result, false
	case !s.recovered:
		return persistence.Result{Outcome: persistence.Lost, Err: unavailable(errNotRecovered)}, true
	case invalid != nil:
		return persistence.Result{Outcome: persistence.Lost, Err: invalid}, true
	}
	return s.suffer(t, fault), true
}

// suffer applies a transition as its fault wants it.
func (s *Store) suffer(t persistence.Transition, fault Fault) persistence.Result {
	unknown := persistence.Result{Outcome: persistence.Unknown, Err: fault.Err}
	if fault.Err == nil {
		unknown.Err = ErrInjected
	}
	switch fault.Effect {
	case Lose:
		return persistence.Result{Outcome: persistence.Lost, Err: fault.Err}
	case ApplyUnknown:
		s.apply(t)
		return unknown
	case DropUnknown:
		return unknown
	case Pass:
	}
	if s.apply(t) {
		return persistence.Result{Outcome: persistence.Won}
	}
	return persistence.Result{Outcome: persistence.Lost}
}

func (s *Store) apply(t persistence.Transition) bool {
	held := s.state.apply(t)
	if held && s.opts.Applied != nil {
		s.opts.Applied(t)
	}
	return held
}

func unavailable(why error) error {
	return fmt.Errorf("%w: memory: %w", persistence.ErrUnavailable, why)
}
