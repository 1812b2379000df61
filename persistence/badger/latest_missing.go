package badger

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence/badger/integrity"
)

// beginLatest makes the file for a new store, before there is anything else: so
// it is missing where a store has lost all that was written, too.
func beginLatest(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil || slices.ContainsFunc(files, func(f os.DirEntry) bool { return ofStore(f.Name()) }) {
		return err
	}
	if err := mayBeNew(dir); err != nil {
		return err
	}
	return makeLatest(dir, 0)
}

// ofStore says whether a file of this name is one of a store that was begun.
func ofStore(name string) bool {
	switch filepath.Ext(name) {
	case ".mem", ".vlog", ".sst":
		return true
	}
	return name == badgerdb.ManifestFilename || name == badgerdb.KeyRegistryFileName || name == latestName
}

// replaceLatest makes the file anew where it is absent and may be: the store is
// of an arqd that kept none, or who runs this one has given up what is missing.
func replaceLatest(db *badgerdb.DB, opts Options, version uint64) error {
	if there, err := isThere(filepath.Join(opts.Dir, latestName)); there || err != nil {
		return err
	}
	owed, err := owesLatest(db)
	if err != nil {
		return err
	}
	given, err := isThere(filepath.Join(opts.Dir, latestGiven))
	if err != nil {
		return err
	}
	if given {
		opts.Logger.Warn("the store goes on with what is left; the last changes may be missing", "file", latestGiven)
	}
	if owed && !given {
		return withoutLatest()
	}
	return makeLatest(opts.Dir, version)
}

// withoutLatest says that the file is missing where it must be.
func withoutLatest() error {
	return &integrity.Damage{
		File: latestName, What: "is missing, and nothing else tells whether the last changes are there",
		Advice: integrity.Restore + ", or make a file " + latestGiven + " there to go on with what is left",
	}
}

// owesLatest says whether the file must be there: keptKey says so, and so does a
// database without anything, since the file comes first.
func owesLatest(db *badgerdb.DB) (bool, error) {
	kept, err := keepsLatest(db)
	return kept || !holdsAnything(db), err
}

func keepsLatest(db *badgerdb.DB) (kept bool, err error) {
	err = db.View(func(txn *badgerdb.Txn) error {
		_, err := txn.Get([]byte(keptKey))
		if errors.Is(err, badgerdb.ErrKeyNotFound) {
			return nil
		}
		kept = err == nil
		return err
	})
	return kept, err
}

// makeLatest makes the file, durably.
func makeLatest(dir string, version uint64) error {
	name := filepath.Join(dir, latestName)
	next := name + ".new"
	file, err := os.Create(next)
	if err != nil {
		return err
	}
	_, err = file.Write(encodeLatest(version))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, name); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func isThere(name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func removeIfThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
