package badger

import (
	"errors"
	"testing"

	"github.com/arqd/arqd/persistence"
)

// TestCloseEndsVisits: a visitor that reads while Close waits for it is turned
// away; it does not hang, and nothing is read from files that are gone.
func TestCloseEndsVisits(t *testing.T) {
	s := recovered(t, t.TempDir())
	for n := range 10 {
		wins(t, s, create(n, 10))
	}
	closed := make(chan error, 1)
	visits := 0
	err := s.Each(t.Context(), func(persistence.Record) error {
		visits++
		if visits > 1 {
			return nil
		}
		go func() { closed <- s.Close() }()
		for {
			if _, err := s.Load(t.Context(), key(0)); err != nil {
				if !errors.Is(err, persistence.ErrUnavailable) {
					t.Errorf("read while closing: %v", err)
				}
				return nil
			}
		}
	})
	if !errors.Is(err, persistence.ErrUnavailable) || visits != 1 {
		t.Errorf("%d visits, %v; want 1 and ErrUnavailable", visits, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestRecoverTwiceIsRefused: the second would build conditions behind the back
// of the committer.
func TestRecoverTwiceIsRefused(t *testing.T) {
	s := recovered(t, t.TempDir())
	wins(t, s, create(1, 10))
	err := s.Recover(t.Context(), func(persistence.Record) error { return nil })
	if !errors.Is(err, persistence.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	wins(t, s, create(2, 10))
}

// TestFillingABatchAllocatesNothing: what the committer does beside Badger
// reuses its memory.
func TestFillingABatchAllocatesNothing(t *testing.T) {
	b := newBatch(nil)
	p := examplePut()
	fill := func() {
		for range 100 {
			k := b.key(p.Key)
			start := len(b.memory)
			b.memory = appendEnvelope(b.memory, k, p)
			b.entry(k, b.memory[start:])
		}
		b.reset()
	}
	fill()
	if n := testing.AllocsPerRun(20, fill); n != 0 {
		t.Errorf("%v allocations for a batch of 100, want none", n)
	}
}
