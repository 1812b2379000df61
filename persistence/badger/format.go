package badger

import (
	"errors"
	"fmt"
	"strconv"

	badgerdb "github.com/dgraph-io/badger/v4"
)

// format is the version of the keys and of the meaning of what is stored. It
// rises when an older arqd could no longer read, or would damage, what a newer
// one has written. Format 2 brought the tally: a store of format 1 gets it at
// the end of its first recovery.
const (
	format  = 2
	tallied = 2
)

// checkFormat gives the format of a database, or that which an empty one gets. It
// refuses one that is not ours, before anything is written into it or beside it.
func checkFormat(db *badgerdb.DB, dir string) (found int, err error) {
	found, err = readFormat(db)
	switch {
	case errors.Is(err, badgerdb.ErrKeyNotFound):
		if holdsAnything(db) {
			return 0, fmt.Errorf("directory %s holds a database that is not arqd's", dir)
		}
		return format, nil
	case err != nil:
		return 0, &damagedError{dir, fmt.Errorf("its format cannot be read: %w", err)}
	case found > format:
		return 0, newerFormat(dir, found)
	}
	return found, nil
}

func newerFormat(dir string, found int) error {
	return fmt.Errorf("state directory %s is of a newer arqd (format %d, this arqd knows up to %d)", dir, found, format)
}

func readFormat(db *badgerdb.DB) (version int, err error) {
	err = db.View(func(txn *badgerdb.Txn) error {
		item, err := txn.Get([]byte(formatKey))
		if err != nil {
			return err
		}
		return item.Value(func(value []byte) error {
			version, err = strconv.Atoi(string(value))
			return err
		})
	})
	return version, err
}

// markEmpty writes the format into a database that is empty.
func markEmpty(db *badgerdb.DB) error {
	if holdsAnything(db) {
		return nil
	}
	return markFormat(db, tally{})
}

// markFormat writes the format, the tally that belongs to it, and that a file
// LATEST is kept.
func markFormat(db *badgerdb.DB, t tally) error {
	return db.Update(func(txn *badgerdb.Txn) error {
		return errors.Join(
			txn.Set([]byte(formatKey), strconv.AppendInt(nil, format, 10)),
			txn.Set([]byte(keptKey), nil),
			txn.Set([]byte(tallyKey), t.encode(nil)))
	})
}

func holdsAnything(db *badgerdb.DB) (found bool) {
	txn := db.NewTransaction(false)
	defer txn.Discard()
	opts := badgerdb.DefaultIteratorOptions
	opts.PrefetchValues = false
	it := txn.NewIterator(opts)
	defer it.Close()
	it.Rewind()
	return it.Valid()
}
