package badger

import (
	"encoding/binary"
	"testing"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

func key(n int) persistence.Key {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return persistence.Key{Kind: "arq", ID: id}
}

// number is the n of key(n).
func number(k persistence.Key) int { return int(binary.BigEndian.Uint64(k.ID[:])) }

func create(n, size int) persistence.Transition {
	return persistence.Transition{Puts: []persistence.Put{{Key: key(n), Body: make([]byte, size)}}}
}

func apply(tb testing.TB, s persistence.Store, transitions ...persistence.Transition) []persistence.Result {
	tb.Helper()
	return persistence.Apply(tb.Context(), s, transitions)
}

func wins(tb testing.TB, s persistence.Store, transitions ...persistence.Transition) {
	tb.Helper()
	for i, r := range apply(tb, s, transitions...) {
		if r.Outcome != persistence.Won {
			tb.Fatalf("transition %d: %v (%v), want won", i, r.Outcome, r.Err)
		}
	}
}

// gate lets a test hold the committer inside a commit.
type gate struct {
	tb      testing.TB
	entered chan struct{} // gets a value when a commit begins
	release chan error    // what the commit shall fail with; nil commits
}

// holdCommits puts a gate before the commits of a store. It must be called
// before anything is submitted. The end of the test opens it.
func holdCommits(tb testing.TB, s *Store) gate {
	tb.Helper()
	g := gate{tb, make(chan struct{}), make(chan error)}
	over := make(chan struct{})
	tb.Cleanup(func() { close(over) })
	s.committer.commit = func(txn *badgerdb.Txn) error {
		select {
		case g.entered <- struct{}{}:
		case <-over:
			return txn.Commit()
		}
		select {
		case err := <-g.release:
			if err != nil {
				return err
			}
		case <-over:
		}
		return txn.Commit()
	}
	return g
}

// pass lets one commit through.
func (g gate) pass(err error) {
	g.tb.Helper()
	soon(g.tb, g.entered)
	g.release <- err
}

// soon takes what comes from a channel, or ends the test.
func soon[T any](tb testing.TB, c <-chan T) (v T) {
	tb.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		tb.Fatal("nothing came")
	}
	return v
}
