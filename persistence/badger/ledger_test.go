package badger

import (
	"errors"
	"testing"

	"github.com/arqd/arqd/persistence"
)

// TestGenerationsEnd: the last generation that the ledger can hold is kept, a
// put over it is refused, and what nobody can expect is lost as usual.
func TestGenerationsEnd(t *testing.T) {
	l := newLedger()
	limits := limits{records: 9, bytes: 9999, maxRecords: 9, maxBytes: 9999, maxValue: 999}
	put := func(expected uint64) *persistence.Transition {
		return &persistence.Transition{Puts: []persistence.Put{{Key: key(1), Expected: expected}}}
	}
	l.enter(&persistence.Record{Key: key(1), Generation: maxGeneration - 1})
	l.turn()
	last := put(maxGeneration - 1)
	if _, _, err := limits.size(last); err != nil || !l.holds(last) {
		t.Fatalf("%v, want a put that holds", err)
	}
	l.apply(last)
	if got := l.generation(key(1)); got != maxGeneration {
		t.Errorf("generation %d, want %d", got, uint64(maxGeneration))
	}
	if _, _, err := limits.size(put(maxGeneration)); !errors.Is(err, persistence.ErrInvalid) {
		t.Errorf("%v, want ErrInvalid", err)
	}
	if _, _, err := limits.size(put(1 << 40)); err != nil || l.holds(put(1<<40)) {
		t.Errorf("%v, want a put that does not hold", err)
	}
}
