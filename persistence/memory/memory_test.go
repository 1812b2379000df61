package memory

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Opener {
		var last *Store
		return func(*testing.T) persistence.Store {
			var kept Snapshot
			if last != nil {
				kept = last.Snapshot()
			}
			last = New(Options{Snapshot: kept})
			return last
		}
	})
}

func key(n byte) persistence.Key {
	return persistence.Key{Kind: "arq", ID: uuid.UUID{n}}
}

func create(n byte) persistence.Transition {
	return persistence.Transition{Puts: []persistence.Put{{Key: key(n)}}}
}

// recovered makes a store that takes writes and is closed with the test.
func recovered(t *testing.T, faults func(persistence.Transition) Fault) *Store {
	t.Helper()
	s := New(Options{Faults: faults})
	t.Cleanup(func() { _ = s.Close() })
	admit(t, s)
	return s
}

func admit(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Recover(t.Context(), func(persistence.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func generation(t *testing.T, s *Store, k persistence.Key) uint64 {
	t.Helper()
	records, err := s.Fresh(t.Context(), []persistence.Key{k})
	if err != nil {
		t.Fatal(err)
	}
	return records[0].Generation
}

func TestFaults(t *testing.T) {
	cause := errors.New("cause")
	for name, test := range map[string]struct {
		fault   Fault
		outcome persistence.Outcome
		err     error
		written uint64
	}{
		"none":                     {Fault{}, persistence.Won, nil, 1},
		"lost":                     {Fault{Effect: Lose}, persistence.Lost, nil, 0},
		"lost with a cause":        {Fault{Effect: Lose, Err: cause}, persistence.Lost, cause, 0},
		"unknown but applied":      {Fault{Effect: ApplyUnknown}, persistence.Unknown, ErrInjected, 1},
		"unknown and not applied":  {Fault{Effect: DropUnknown}, persistence.Unknown, ErrInjected, 0},
		"unknown with a cause":     {Fault{Effect: DropUnknown, Err: cause}, persistence.Unknown, cause, 0},
		"won after a delay passed": {Fault{Delay: time.Microsecond}, persistence.Won, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := recovered(t, func(persistence.Transition) Fault { return test.fault })
			r := persistence.Apply(t.Context(), s, []persistence.Transition{create(1)})[0]
			if r.Outcome != test.outcome || !errors.Is(r.Err, test.err) {
				t.Errorf("%v (%v), want %v (%v)", r.Outcome, r.Err, test.outcome, test.err)
			}
			if got := generation(t, s, key(1)); got != test.written {
				t.Errorf("generation %d, want %d", got, test.written)
			}
		})
	}
}

// TestUnknownStillChecksConditions: a lost confirmation does not make a
// transition win that could not.
func TestUnknownStillChecksConditions(t *testing.T) {
	s := recovered(t, func(persistence.Transition) Fault { return Fault{Effect: ApplyUnknown} })
	for range 2 {
		persistence.Apply(t.Context(), s, []persistence.Transition{create(1)})
	}
	if got := generation(t, s, key(1)); got != 1 {
		t.Fatalf("generation %d, want 1", got)
	}
}

func TestDelayPassesInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Faults: func(tr persistence.Transition) Fault {
			return Fault{Delay: time.Duration(tr.Puts[0].Key.ID[0]) * time.Hour}
		}})
		admit(t, s)
		start := time.Now()
		told := make(chan time.Duration, 2)
		for n := range byte(2) {
			s.Submit(create(2-n), func(persistence.Result) { told <- time.Since(start) })
		}
		if first, second := <-told, <-told; first != 2*time.Hour || second != 3*time.Hour {
			t.Errorf("told after %v and %v, want 2h and 3h: in order, one delay after the other", first, second)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCrashKeepsWhatIsDurableAndSaysNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Faults: func(tr persistence.Transition) Fault {
			if tr.Puts[0].Key == key(2) {
				return Fault{Delay: time.Hour}
			}
			return Fault{}
		}})
		admit(t, s)
		var told []byte
		for n := byte(1); n <= 3; n++ {
			s.Submit(create(n), func(persistence.Result) { told = append(told, n) })
		}
		synctest.Wait() // 1 is durable, 2 under way, 3 behind it
		after := s.Crash()
		s.Submit(create(4), func(persistence.Result) { told = append(told, 4) })
		time.Sleep(2 * time.Hour) //nolint:forbidigo // fake time: lets the old delay run out
		synctest.Wait()
		if string(told) != "\x01" {
			t.Errorf("told of %v, want of 1 alone", told)
		}
		if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, persistence.ErrUnavailable) {
			t.Errorf("read of the crashed store: %v, want ErrUnavailable", err)
		}
		admit(t, after)
		for n, want := range []uint64{0, 1, 0, 0, 0} {
			if got := generation(t, after, key(byte(n))); got != want {
				t.Errorf("record %d has generation %d after the crash, want %d", n, got, want)
			}
		}
		if err := errors.Join(s.Close(), after.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestSnapshotDoesNotChange(t *testing.T) {
	s := recovered(t, nil)
	persistence.Apply(t.Context(), s, []persistence.Transition{create(1)})
	snapshot := s.Snapshot()
	persistence.Apply(t.Context(), s, []persistence.Transition{create(2)})
	if snapshot.Len() != 1 {
		t.Fatalf("%d records in the snapshot, want 1", snapshot.Len())
	}
	if got := (Snapshot{}).Len(); got != 0 {
		t.Fatalf("%d records in the zero snapshot", got)
	}
}

// Whoever asks is told of every transition that is written, and of no other.
func TestToldOfWhatIsApplied(t *testing.T) {
	var applied []uuid.UUID
	effects := []Effect{Pass, Lose, ApplyUnknown, DropUnknown}
	s := New(Options{
		Faults: func(tr persistence.Transition) Fault { return Fault{Effect: effects[tr.Puts[0].Key.ID[0]]} },
		Applied: func(tr persistence.Transition) {
			applied = append(applied, tr.Puts[0].Key.ID)
		},
	})
	admit(t, s)
	for n := range effects {
		persistence.Apply(t.Context(), s, []persistence.Transition{create(byte(n))})
	}
	persistence.Apply(t.Context(), s, []persistence.Transition{create(0)}) // is there already
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if want := []uuid.UUID{{0}, {2}}; !slices.Equal(applied, want) {
		t.Errorf("told of %v, want %v", applied, want)
	}
}
