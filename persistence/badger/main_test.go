package badger

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/storetest"
)

// TestMain runs the tests, or, in a process that a test has started, the part
// that this test wants of it.
func TestMain(m *testing.M) {
	switch os.Getenv(childMode) {
	case "open":
		childOpens()
	case "write":
		childWrites()
	case "count":
		childCounts()
	case "tidy":
		childTidies()
	default:
		goleak.VerifyTestMain(m)
	}
}

// smallMemTable keeps tests from mapping much memory.
const smallMemTable = 4 << 20

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		t.Helper()
		dir := t.TempDir()
		return func(t *testing.T) persistence.Store {
			t.Helper()
			return openDir(t, dir)
		}
	})
}

func openDir(tb testing.TB, dir string) *Store {
	tb.Helper()
	s, err := Open(Options{Dir: dir, MemTableSize: smallMemTable})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// recovered opens a store that takes writes.
func recovered(tb testing.TB, dir string) *Store {
	tb.Helper()
	s := openDir(tb, dir)
	admit(tb, s)
	return s
}

func admit(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Recover(tb.Context(), func(persistence.Record) error { return nil }); err != nil {
		tb.Fatal(err)
	}
}
