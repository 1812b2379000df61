package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// takeStock makes the ledger while the records are visited. How long that takes
// is how long a start takes, so there are three steps that go on at the same time:
// reading, which checks each record while it is at hand, entering, and visiting.
func (s *Store) takeStock(ctx context.Context, visit func(persistence.Record) error) (*ledger, error) {
	ledger := newLedger()
	err := s.view(func(txn *badgerdb.Txn) error {
		line := newLine()
		defer line.end()
		line.running.Go(func() { line.read(ctx, s, txn) })
		line.running.Go(func() { line.enter(ledger) })
		if err := line.visit(visit); err != nil {
			return err
		}
		return s.complete(txn, ledger.tally)
	})
	if _, explained := errors.AsType[*damagedError](err); err != nil && !explained {
		err = fmt.Errorf("recover from state directory %s: %w", s.dir, err)
	}
	return ledger, err
}

// line is the way of the records from one step to the next, some at a time.
type line struct {
	free, checked, entered chan *sheaf
	ended                  chan struct{}
	running                sync.WaitGroup
}

const (
	sheaves      = 8
	sheafRecords = 1024
	sheafBytes   = 256 << 10
)

// sheaf is some records, with the memory that holds their bodies.
type sheaf struct {
	memory  []byte
	records []persistence.Record
	err     error // that comes after them
}

func newLine() *line {
	l := &line{
		free: make(chan *sheaf, sheaves), checked: make(chan *sheaf, sheaves), entered: make(chan *sheaf, sheaves),
		ended: make(chan struct{}),
	}
	for range sheaves {
		l.free <- &sheaf{}
	}
	return l
}

// end stops the steps that still go on.
func (l *line) end() {
	close(l.ended)
	l.running.Wait()
}

// read is the first step. The channels have room for all sheaves.
func (l *line) read(ctx context.Context, s *Store, txn *badgerdb.Txn) {
	defer close(l.checked)
	err := s.withPages(func() error {
		l.fill(ctx, s, txn)
		return nil
	})
	if err != nil {
		l.checked <- &sheaf{err: err} // in place of the one that was being filled
	}
}

func (l *line) fill(ctx context.Context, s *Store, txn *badgerdb.Txn) {
	opts := iterating([]byte(recordPrefix))
	opts.AllVersions = true // reader says which to take, for less than Badger's own way costs
	it := txn.NewIterator(opts)
	defer it.Close()
	it.Rewind()
	var reader reader
	for more := true; more; {
		select {
		case f := <-l.free:
			f.err = s.goOn(ctx)
			if f.err == nil {
				f.err = f.fill(it, &reader)
			}
			more = f.err == nil && it.Valid()
			l.checked <- f
		case <-l.ended:
			return
		}
	}
}

// fill takes records until it is full.
func (f *sheaf) fill(it *badgerdb.Iterator, reader *reader) error {
	f.memory, f.records = f.memory[:0], f.records[:0]
	for ; it.Valid() && len(f.records) < sheafRecords && len(f.memory) < sheafBytes; it.Next() {
		stored := it.Item()
		if !reader.newest(stored) {
			continue
		}
		var wrong error
		err := stored.Value(func(value []byte) error {
			wrong = f.take(reader, stored.Key(), value)
			return nil
		})
		switch {
		case err != nil:
			return fmt.Errorf("read key %q: %w", stored.Key(), err)
		case wrong != nil:
			return wrong
		}
	}
	return nil
}

func (f *sheaf) take(reader *reader, key, value []byte) error {
	r, err := reader.check(key, value)
	if err != nil {
		return err
	}
	start := len(f.memory)
	f.memory = append(f.memory, r.Body...)
	r.Body = f.memory[start:len(f.memory):len(f.memory)]
	f.records = append(f.records, r)
	return nil
}

// reader makes records of keys and values. Keys come in order, each with its
// newest version first.
type reader struct {
	keys keyReader
	key  []byte // that came last
}

// newest says whether an item is the newest version of its key. A deletion is
// one, too, of which nothing is there.
func (r *reader) newest(item *badgerdb.Item) bool {
	if bytes.Equal(item.Key(), r.key) {
		return false
	}
	r.key = append(r.key[:0], item.Key()...)
	return !item.IsDeletedOrExpired()
}

// check makes a record, whose body is a part of value.
func (r *reader) check(key, value []byte) (made persistence.Record, err error) {
	var ok bool
	if made.Key, ok = r.keys.parse(key); !ok {
		return made, fmt.Errorf("%w: key %q", persistence.ErrCorrupt, key)
	}
	if err := openEnvelope(&made, key, value); err != nil {
		return made, fmt.Errorf("%w: %s: %w", persistence.ErrCorrupt, made.Key, err)
	}
	return made, nil
}

// enter is the second step.
func (l *line) enter(ledger *ledger) {
	defer close(l.entered)
	for f := range l.checked {
		for i := range f.records {
			if err := ledger.admit(&f.records[i]); err != nil {
				f.err, f.records = err, f.records[:i]
				break
			}
		}
		last := f.err != nil
		l.entered <- f // which may be filled again at once
		if last {
			return
		}
	}
}

// visit is the last step.
func (l *line) visit(visit func(persistence.Record) error) error {
	for f := range l.entered {
		for i := range f.records {
			if err := visit(f.records[i]); err != nil {
				return err
			}
		}
		if f.err != nil {
			return f.err
		}
		l.free <- f
	}
	return nil
}
