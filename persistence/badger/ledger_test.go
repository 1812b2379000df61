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

// TestOrderIsHeld: a record that comes after one that it precedes is not what
// Badger would give, and would not be found again.
func TestOrderIsHeld(t *testing.T) {
	for name, keys := range map[string][]persistence.Key{
		"twice":           {key(1), key(1)},
		"of a later id":   {key(2), key(1)},
		"of a later kind": {{Kind: "b", ID: key(1).ID}, {Kind: "a", ID: key(2).ID}},
	} {
		l := newLedger()
		if err := l.admit(&persistence.Record{Key: keys[0], Generation: 1}); err != nil {
			t.Fatal(err)
		}
		if err := l.admit(&persistence.Record{Key: keys[1], Generation: 1}); !errors.Is(err, persistence.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}
