package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence/badger/integrity"
)

// Open opens the store in a directory, or makes one there. Its errors are one
// sentence and name the directory; those about damage wrap
// persistence.ErrCorrupt. Recover must follow before anything is submitted.
func Open(opts Options) (*Store, error) {
	return openWith(opts, badgerdb.Open)
}

type opener func(badgerdb.Options) (*badgerdb.DB, error)

func openWith(opts Options, open opener) (*Store, error) {
	opts = opts.withDefaults()
	if err := prepare(opts); err != nil {
		return nil, err
	}
	db, err := openEngine(opts, open)
	if err != nil {
		return nil, err
	}
	found, err := checkFormat(db, opts.Dir)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	latest, err := openLatest(db, opts)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := markEmpty(db); err != nil {
		return nil, errors.Join(explain(opts.Dir, err), latest.close(), db.Close())
	}
	return start(db, found, latest, opts), nil
}

// openEngine opens Badger, a second time where the first failed on a log file
// that a killed process had just begun (badger issue 2207): the first try has
// repaired that.
func openEngine(opts Options, open opener) (*badgerdb.DB, error) {
	log := &engineLog{log: opts.Logger}
	db, err := guarded(open, opts.engine(log))
	if err != nil && strings.Contains(err.Error(), "Create a new file") {
		db, err = guarded(open, opts.engine(log))
	}
	if err != nil {
		return nil, explain(opts.Dir, err)
	}
	if log.ignoredTable.Load() {
		return nil, errors.Join(&damagedError{opts.Dir, errUnreadable}, db.Close())
	}
	return db, nil
}

var (
	// errPanic stands for a panic of Badger while it reads damaged files.
	errPanic      = errors.New("the storage engine panicked")
	errUnreadable = errors.New("a table cannot be read")
)

func guarded(open opener, opts badgerdb.Options) (db *badgerdb.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return open(opts)
}

// prepare makes the directory and holds it alone for a moment: it removes what
// a process killed at the wrong instant leaves, empty log files, on which
// Badger stumbles, refuses damage that Badger would pass over, and begins a new
// store.
func prepare(opts Options) error {
	dir := opts.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return explain(dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close() // gives up the lock; Badger takes its own
	if err := probe(dir); err != nil {
		return explain(dir, err)
	}
	if err := removeEmptyLogs(dir); err != nil {
		return err
	}
	if err := integrity.Check(dir, opts.Logger); err != nil {
		return explain(dir, err)
	}
	if err := enoughToOpen(dir, opts.MemTableSize); err != nil {
		return fmt.Errorf("state directory %s: %w", dir, err)
	}
	if err := beginLatest(dir); err != nil {
		return explain(dir, err)
	}
	return nil
}

// probe finds out whether files can be made in dir: Badger's own messages do
// not tell that from damage.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func removeEmptyLogs(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return explain(dir, err)
	}
	for _, file := range files {
		ext := filepath.Ext(file.Name())
		if ext != ".mem" && ext != ".vlog" {
			continue
		}
		if _, err := strconv.Atoi(strings.TrimSuffix(file.Name(), ext)); err != nil { // Badger would stumble over it
			return fmt.Errorf("state directory %s holds %s, which is none of its files: move it away", dir, file.Name())
		}
		if err := removeIfEmpty(filepath.Join(dir, file.Name())); err != nil {
			return explain(dir, err)
		}
	}
	return nil
}

func removeIfEmpty(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() > 0 || !info.Mode().IsRegular() {
		return nil
	}
	return os.Remove(name)
}
