package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// Load returns a record from disk. See persistence.Store.
func (s *Store) Load(ctx context.Context, key persistence.Key) (persistence.Record, error) {
	records, err := s.read(ctx, []persistence.Key{key})
	if err != nil {
		return persistence.Record{}, err
	}
	if records[0].Generation == 0 {
		return persistence.Record{}, fmt.Errorf("%w: %s", persistence.ErrNotFound, key)
	}
	return records[0], nil
}

// Fresh returns the newest state of the keys, all of one moment. After a commit
// that failed it returns an error that wraps persistence.ErrFailed: Badger shows
// what it could not sync as if it were there. See persistence.Store.
func (s *Store) Fresh(ctx context.Context, keys []persistence.Key) ([]persistence.Record, error) {
	records, err := s.read(ctx, keys)
	if failed := s.committer.failed(); failed != nil {
		return nil, failed
	}
	return records, err
}

func (s *Store) read(ctx context.Context, keys []persistence.Key) ([]persistence.Record, error) {
	records := make([]persistence.Record, len(keys))
	err := s.view(func(txn *badgerdb.Txn) error {
		for i, key := range keys {
			if err := ctx.Err(); err != nil {
				return err
			}
			records[i].Key = key
			if err := get(txn, &records[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// List answers a query by walking the kind. See persistence.Store.
func (s *Store) List(ctx context.Context, q persistence.Query) ([]persistence.Record, error) {
	var records []persistence.Record
	after := appendKey(nil, persistence.Key{Kind: q.Kind, ID: q.After.ID})
	if q.After.ID == (persistence.Key{}).ID {
		after = nil
	}
	err := s.view(func(txn *badgerdb.Txn) error {
		return s.walk(ctx, txn, kindPrefix(q.Kind), after, func(r persistence.Record) error {
			if q.Index.Name != "" && !slices.Contains(r.Indexes, q.Index) {
				return nil
			}
			records = append(records, r)
			if len(records) == q.Limit {
				return errEnough
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return records, nil
}

// Each visits all records as they are when it begins, and finds out whether
// there are any missing: then the error, which comes after the last visit,
// wraps persistence.ErrCorrupt. The visitor may read from the store. See
// persistence.Store.
func (s *Store) Each(ctx context.Context, visit func(persistence.Record) error) error {
	return s.view(func(txn *badgerdb.Txn) error {
		found := tally{}
		err := s.walk(ctx, txn, []byte(recordPrefix), nil, func(r persistence.Record) error {
			found.add(r.Key, r.Generation)
			return visit(r)
		})
		if err != nil {
			return err
		}
		return s.complete(txn, found)
	})
}

// complete holds what was found against the tally that was written.
func (s *Store) complete(txn *badgerdb.Txn, found tally) error {
	if !s.tallied.Load() {
		return nil
	}
	written, err := readTally(txn)
	if err == nil {
		err = written.matches(found)
	}
	if err != nil {
		return &damagedError{s.dir, err}
	}
	return nil
}

// errEnough ends a walk that has found all it wants.
var errEnough = errors.New("enough")

// view runs f on a picture of everything committed so far.
func (s *Store) view(f func(*badgerdb.Txn) error) error {
	if !s.readers.enter() {
		return s.unavailable(errClosed)
	}
	defer s.readers.leave()
	return s.withPages(func() error { return s.db.View(f) })
}

var errNoPage = errors.New("a part of its files cannot be read")

// withPages makes an error of a page that the disk does not give: Badger's files
// are mapped into memory, and the process would end otherwise.
func (s *Store) withPages(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if _, is := p.(interface{ Addr() uintptr }); !is {
			panic(p)
		}
		err = &damagedError{s.dir, errNoPage}
	}()
	return f()
}

// get fills a record whose Key is set, leaving Generation 0 where there is no
// such record.
func get(txn *badgerdb.Txn, r *persistence.Record) error {
	key := appendKey(nil, r.Key)
	item, err := txn.Get(key)
	if errors.Is(err, badgerdb.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", r.Key, err)
	}
	return decodeItem(item, key, r)
}

func decodeItem(item *badgerdb.Item, key []byte, r *persistence.Record) error {
	var broken error
	err := item.Value(func(value []byte) error {
		broken = decodeEnvelope(r, key, value)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", r.Key, err)
	case broken != nil:
		return fmt.Errorf("%w: %s: %w", persistence.ErrCorrupt, r.Key, broken)
	}
	return nil
}

// walk visits the records whose Badger keys begin with prefix and, where after
// is given, sort after it.
func (s *Store) walk(
	ctx context.Context, txn *badgerdb.Txn, prefix, after []byte, visit func(persistence.Record) error,
) error {
	it := iterate(txn, prefix)
	defer it.Close()
	if after == nil {
		it.Rewind()
	} else {
		it.Seek(after)
	}
	return s.steps(ctx, it, after, visit)
}

// iterate makes an iterator over the keys that begin with prefix.
func iterate(txn *badgerdb.Txn, prefix []byte) *badgerdb.Iterator {
	return txn.NewIterator(iterating(prefix))
}

func iterating(prefix []byte) badgerdb.IteratorOptions {
	opts := badgerdb.DefaultIteratorOptions
	opts.PrefetchValues = false // values are small and inline: prefetching costs more than it saves
	opts.Prefix = prefix
	return opts
}

// goOn says whether a walk may.
func (s *Store) goOn(ctx context.Context) error {
	if s.readers.closed.Load() {
		return s.unavailable(errClosed)
	}
	return ctx.Err()
}

func (s *Store) steps(ctx context.Context, it *badgerdb.Iterator, after []byte, visit func(persistence.Record) error) error {
	var keys keyReader
	for ; it.Valid(); it.Next() {
		if err := s.goOn(ctx); err != nil {
			return err
		}
		item := it.Item()
		if after != nil && bytes.Equal(item.Key(), after) {
			continue
		}
		key, ok := keys.parse(item.Key())
		if !ok {
			return fmt.Errorf("%w: key %q", persistence.ErrCorrupt, item.Key())
		}
		r := persistence.Record{Key: key}
		if err := decodeItem(item, item.Key(), &r); err != nil {
			return err
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}
