package faulty

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/arqd/arqd/persistence"
)

// Store passes everything on to another store, with faults. New makes it.
type Store struct {
	persistence.Store
	faults Faults
	kill   func(persistence.Transition)
	writes atomic.Int64

	mu      sync.Mutex
	waiting []request
	busy    bool // somebody is passing on what waits
	rand    *rand.Rand
}

type request struct {
	t    persistence.Transition
	done func(persistence.Result)
}

// New puts faults before a store. kill ends the process, at once and without
// return; it gets the write at which that happens, and is called from the
// goroutine that submits, or from the store's.
func New(behind persistence.Store, faults Faults, kill func(persistence.Transition)) *Store {
	return &Store{
		Store: behind, faults: faults, kill: kill,
		rand: rand.New(rand.NewPCG(faults.Seed, 0)),
	}
}

// Writes is the number of transitions submitted so far, of those that count.
func (s *Store) Writes() int64 { return s.writes.Load() }

func (s *Store) counts(t persistence.Transition) bool {
	return s.faults.KillOf == "" || s.faults.KillOf == Kinds(t)
}

// Submit passes a transition on, in order, sooner or later.
func (s *Store) Submit(t persistence.Transition, done func(persistence.Result)) {
	if s.counts(t) && s.writes.Add(1) == s.faults.KillAt {
		if s.faults.KillWhen == Before {
			s.kill(t)
		} else {
			told := done
			done = func(r persistence.Result) {
				s.kill(t)
				told(r)
			}
		}
	}
	if s.faults.SlowPercent == 0 {
		s.hand(request{t, done})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, request{t, done})
	if !s.busy {
		s.busy = true
		go s.passOn()
	}
}

// passOn hands over what waits, and ends when nothing does.
func (s *Store) passOn() {
	for {
		s.mu.Lock()
		if len(s.waiting) == 0 {
			s.busy = false
			s.mu.Unlock()
			return
		}
		r := s.waiting[0]
		s.waiting = s.waiting[1:]
		pause := time.Duration(0)
		if s.rand.IntN(100) < s.faults.SlowPercent {
			pause = time.Duration(s.rand.Int64N(int64(s.faults.SlowMost) + 1))
		}
		s.mu.Unlock()
		if pause > 0 {
			<-time.After(pause)
		}
		s.hand(r)
	}
}

// hand gives a request to the store behind, unless it forgets to.
func (s *Store) hand(r request) {
	if s.faults.ForgetPercent == 0 {
		s.Store.Submit(r.t, r.done)
		return
	}
	forgotten := persistence.Result{Outcome: persistence.Unknown, Err: ErrForgotten}
	switch n := s.chance(200); {
	case n < s.faults.ForgetPercent:
		r.done(forgotten)
	case n < 2*s.faults.ForgetPercent:
		s.Store.Submit(r.t, func(persistence.Result) { r.done(forgotten) })
	default:
		s.Store.Submit(r.t, r.done)
	}
}

func (s *Store) chance(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.IntN(n)
}

// Close waits for what was held up, then closes the store behind.
func (s *Store) Close() error {
	for s.heldUp() {
		<-time.After(time.Millisecond)
	}
	return s.Store.Close()
}

func (s *Store) heldUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}
