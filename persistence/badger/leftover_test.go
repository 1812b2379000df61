package badger

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/arqd/arqd/persistence"
)

// TestOpenTakesALogThatIsAllHole: a process killed between making a log and
// writing its header leaves one, and so does a power failure before the header
// is on disk.
func TestOpenTakesALogThatIsAllHole(t *testing.T) {
	for _, name := range []string{"00009.mem", "000009.vlog"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := recovered(t, dir)
			wins(t, s, create(1, 100))
			if err := errors.Join(s.Close(), os.WriteFile(filepath.Join(dir, name), nil, 0o600),
				os.Truncate(filepath.Join(dir, name), 2*smallMemTable)); err != nil {
				t.Fatal(err)
			}
			again := recovered(t, dir)
			if n := again.Stats().Records; n != 1 {
				t.Errorf("%d records, want 1", n)
			}
		})
	}
}

// TestOpenTakesALogThatAReaderKept: Badger deletes no log that an iterator
// reads, while it does delete what follows it.
func TestOpenTakesALogThatAReaderKept(t *testing.T) {
	const records, size = 4000, 4000
	dir, image := t.TempDir(), t.TempDir()
	s, err := Open(Options{Dir: dir, MemTableSize: minMemTable})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	admit(t, s)
	wins(t, s, create(0, size))
	err = s.Each(t.Context(), func(persistence.Record) error {
		for n := 1; n < records; n++ {
			wins(t, s, create(n, size))
		}
		if _, err := os.Stat(filepath.Join(dir, "00001.mem")); err != nil {
			t.Errorf("the first log was not kept: %v", err)
		}
		return os.CopyFS(image, os.DirFS(dir))
	})
	if err != nil {
		t.Fatal(err)
	}
	again := recovered(t, image)
	if n := again.Stats().Records; n != records {
		t.Errorf("%d records, want %d", n, records)
	}
}
