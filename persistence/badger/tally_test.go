package badger

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// wantMissing checks that a directory opens, and is refused by the first pass
// over its records with a sentence for operators.
func wantMissing(t *testing.T, dir, why string) {
	t.Helper()
	s := openDir(t, dir)
	visit := func(persistence.Record) error { return nil }
	for what, err := range map[string]error{
		"each": s.Each(t.Context(), visit), "recover": s.Recover(t.Context(), visit),
	} {
		want := fmt.Sprintf("state directory %s is damaged: %s: %s; restore the directory from a backup", dir, errMissing, why)
		if !errors.Is(err, persistence.ErrCorrupt) || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", what, err, want)
		}
	}
	if r := apply(t, s, create(99, 10))[0]; r.Outcome != persistence.Lost {
		t.Errorf("a write into a damaged store is %v", r.Outcome)
	}
}

// TestMissingRecordsAreFound: each of these leaves files that Badger is content
// with.
func TestMissingRecordsAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*badgerdb.Txn) error
		why    string
	}{
		"one gone": {
			func(txn *badgerdb.Txn) error { return txn.Delete(appendKey(nil, key(1))) },
			"2 records are found where there should be 3",
		},
		"one of an earlier time": {
			func(txn *badgerdb.Txn) error {
				k := appendKey(nil, key(1))
				put := create(1, 10).Puts[0] // generation 1 in place of 2
				return txn.Set(k, appendEnvelope(nil, k, &put))
			},
			"of its 3 records some are of an earlier time",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 3)
			s := recovered(t, dir)
			update := create(1, 10)
			update.Puts[0].Expected = 1
			wins(t, s, update)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tamper(t, dir, test.change)
			wantMissing(t, dir, test.why)
		})
	}
}

func TestUnreadableTally(t *testing.T) {
	for name, change := range map[string]func(*badgerdb.Txn) error{
		"gone":    func(txn *badgerdb.Txn) error { return txn.Delete([]byte(tallyKey)) },
		"garbled": func(txn *badgerdb.Txn) error { return txn.Set([]byte(tallyKey), make([]byte, tallyLength-1)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 1)
			tamper(t, dir, change)
			giveUp(t, dir)
			err := openDir(t, dir).Each(t.Context(), func(persistence.Record) error { return nil })
			if !errors.Is(err, errTally) || !errors.Is(err, persistence.ErrCorrupt) {
				t.Errorf("%v, want an unreadable tally", err)
			}
		})
	}
}

// TestTallyIsOfEveryRecord: marks of neighbours do not cancel out.
func TestTallyIsOfEveryRecord(t *testing.T) {
	seen := map[uint64]string{}
	for n := range 1000 {
		for generation := uint64(1); generation < 20; generation++ {
			m := mark(key(n), generation)
			if other, twice := seen[m]; twice || m == 0 {
				t.Fatalf("%d is the mark of record %d, generation %d, and of %s", m, n, generation, other)
			}
			seen[m] = fmt.Sprintf("record %d, generation %d", n, generation)
		}
	}
}

// TestUpgradeFromFormat1: a store of format 1, which has no tally, gets one as it recovers.
func TestUpgradeFromFormat1(t *testing.T) {
	dir := written(t, 3)
	tamper(t, dir, func(txn *badgerdb.Txn) error {
		return errors.Join(txn.Set([]byte(formatKey), []byte("1")), txn.Delete([]byte(tallyKey)))
	})
	giveUp(t, dir)
	s := recovered(t, dir)
	wins(t, s, create(10, 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = recovered(t, dir)
	if s.format != format || s.Stats().Records != 4 {
		t.Errorf("format %d with %d records, want %d with 4", s.format, s.Stats().Records, format)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, dir, func(txn *badgerdb.Txn) error { return txn.Delete(appendKey(nil, key(1))) })
	if err := openDir(t, dir).Each(t.Context(), func(persistence.Record) error { return nil }); err == nil ||
		!strings.Contains(err.Error(), "3 records are found where there should be 4") {
		t.Errorf("%v, want a missing record", err)
	}
}
