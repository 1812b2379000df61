package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// lifeCycle admits calls while the service runs, and lets Stop wait for them.
type lifeCycle struct {
	mu    sync.RWMutex
	state atomic.Uint32
	calls sync.WaitGroup
}

const (
	notStarted uint32 = iota
	running
	stopped
)

// enter admits a call; leave it when done.
func (l *lifeCycle) enter() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.state.Load() != running {
		return Refuse(CodeUnavailable, "the service is not ready")
	}
	l.calls.Add(1)
	return nil
}

func (l *lifeCycle) set(state uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Store(state)
}

// call sends what send sends and waits for the answer.
func call[T any](ctx context.Context, s *System, p promise[T], send func() error) (T, error) {
	var none T
	if err := s.life.enter(); err != nil {
		return none, err
	}
	defer s.life.calls.Done()
	if err := send(); err != nil {
		return none, err
	}
	return p.wait(ctx, s.callPatience)
}

// Start recovers what the store holds and begins to serve. Transitions that a
// crash cut short are brought to an end, undelivered events are taken up.
func (s *System) Start(ctx context.Context) error {
	if s.life.state.Load() != notStarted {
		return errors.New("actors: started twice")
	}
	found, err := s.recover(ctx)
	if err != nil {
		return fmt.Errorf("recovering the store: %w", err)
	}
	s.outbox = s.openOutbox()
	s.reconcile(found)
	s.registry = s.engine.spawn(kindServiceActor, &registry{sys: s, numbers: found.numbers})
	s.resume(found)
	s.work(s.sweep)
	s.life.set(running)
	return nil
}

// Stop takes no more calls, waits for those under way and for the workers, or
// for ctx. The store is the caller's to close, afterwards. Binds that devices
// are being prepared for end at the next start.
func (s *System) Stop(ctx context.Context) error {
	if s.life.state.Load() == stopped {
		return nil
	}
	s.life.set(stopped)
	err := waitFor(ctx, s.life.calls.Wait)
	s.cancel()
	err = errors.Join(err, waitFor(ctx, s.workers.Wait))
	s.engine.system.Shutdown()
	return err
}

func waitFor(ctx context.Context, wait func()) error {
	done := make(chan struct{})
	go func() {
		wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Serving tells whether calls are taken.
func (s *System) Serving() bool { return len(s.Ready()) == 0 }

// Ready gives the reasons why the service does not serve; none when it does.
func (s *System) Ready() []string {
	switch s.life.state.Load() {
	case notStarted:
		return []string{"recovering the store"}
	case stopped:
		return []string{"stopping"}
	default:
		return nil
	}
}
