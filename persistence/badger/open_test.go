package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	badgerdb "github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/arqd/arqd/persistence"
)

func TestSecondOpenerIsTurnedAway(t *testing.T) {
	dir := t.TempDir()
	recovered(t, dir)
	want := "another arqd (or another process) already uses this state directory: " + dir
	for name, open := range map[string]func() string{
		"same process":    func() string { return openError(Options{Dir: dir}) },
		"another process": func() string { return outputOfChild(t, "open", dir) },
	} {
		if got := open(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("%v, want ErrInUse", err)
	}
}

func openError(opts Options) string {
	s, err := Open(opts)
	switch {
	case errors.Is(err, persistence.ErrCorrupt):
		return "ErrCorrupt: " + err.Error()
	case err != nil:
		return err.Error()
	}
	return fmt.Sprint("opened, closed: ", s.Close())
}

// TestReadOnlyDirectory takes from its thread the right of root to write
// everywhere; the thread ends with the goroutine.
func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{dir: 0o555, filepath.Dir(dir): 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			result <- err
			return
		}
		_, err := Open(Options{Dir: dir})
		result <- err
	}()
	err := <-result
	if !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "state directory "+dir+" is not writable: ") {
		t.Fatalf("%v, want a sentence about writing", err)
	}
}

func TestDirectoryThatIsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Dir: name})
	if !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), "cannot open state directory "+name) {
		t.Fatalf("%v, want a sentence about the directory", err)
	}
}

func TestOpenMakesTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	wins(t, recovered(t, dir), create(1, 1))
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v; want a directory for nobody else", info, err)
	}
}

// TestOpenTriesAgain: the first try of Badger fails on a log file that a
// killed process had begun.
func TestOpenTriesAgain(t *testing.T) {
	newFile := errors.New("while opening memtables err: while opening fid: 1 err: Create a new file")
	for name, test := range map[string]struct {
		errs  []error
		tries int
		ok    bool
	}{
		"once":          {[]error{newFile}, 2, true},
		"not for ever":  {[]error{newFile, newFile}, 2, false},
		"another error": {[]error{errors.New("something else")}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			s, err := openWith(Options{Dir: t.TempDir(), MemTableSize: smallMemTable},
				func(o badgerdb.Options) (*badgerdb.DB, error) {
					tries++
					if tries <= len(test.errs) {
						return nil, test.errs[tries-1]
					}
					return badgerdb.Open(o)
				})
			if tries != test.tries || (err == nil) != test.ok {
				t.Errorf("%d tries, %v", tries, err)
			}
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestPanicOfTheEngineIsAnError(t *testing.T) {
	dir := t.TempDir()
	_, err := openWith(Options{Dir: dir}, func(badgerdb.Options) (*badgerdb.DB, error) { panic("slice out of range") })
	if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), "slice out of range") {
		t.Fatalf("%v, want ErrCorrupt with the panic", err)
	}
}

// TestIgnoredTableIsDamage: Badger can decide to go on without a table.
func TestIgnoredTableIsDamage(t *testing.T) {
	_, err := openWith(Options{Dir: t.TempDir(), MemTableSize: smallMemTable},
		func(o badgerdb.Options) (*badgerdb.DB, error) {
			o.Logger.Errorf("Ignoring table %s", "000001.sst")
			return badgerdb.Open(o)
		})
	if !errors.Is(err, persistence.ErrCorrupt) {
		t.Fatalf("%v, want ErrCorrupt", err)
	}
}

func TestExplain(t *testing.T) {
	for want, err := range map[string]error{
		"state directory D is not writable: read-only file system":                                  syscall.EROFS,
		"state directory D is not writable: permission denied":                                      syscall.EACCES,
		"no space left for state directory D: no space left on device":                              syscall.ENOSPC,
		"state directory D is damaged: manifest has bad magic; restore the directory from a backup": errors.New("manifest has bad magic"),
		"cannot open state directory D: too many open files":                                        syscall.EMFILE,
		ErrInUse.Error() + ": D": errors.New(`Cannot acquire directory lock on "D"`),
	} {
		if got := explain("D", err).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
