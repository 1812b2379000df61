package badger

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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

// What somebody has put beside the logs is no damage, and is named.
func TestOpenNamesAFileThatIsNotItsOwn(t *testing.T) {
	for _, name := range []string{"00001-old.mem", "copy.vlog"} {
		dir := written(t, 1)
		stranger := filepath.Join(dir, name)
		if err := os.WriteFile(stranger, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Options{Dir: dir})
		if err == nil || errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), name+", which is none of its files: move it away") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(stranger); err != nil {
			t.Errorf("it is gone: %v", err)
		}
		recovered(t, dir)
	}
}
