package badger

import (
	"context"
	"errors"
	"fmt"
	"sync"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// takeStock makes the ledger while the records are visited. How long that takes
// is how long a start takes, so it has three steps that go on at the same time:
// reading, checking and entering, visiting.
func (s *Store) takeStock(ctx context.Context, visit func(persistence.Record) error) (*ledger, error) {
	ledger := newLedger()
	err := s.view(func(txn *badgerdb.Txn) error {
		if written, err := readTally(txn); err == nil {
			ledger.expect = written.records
		}
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
	free, unchecked, entered chan *sheaf
	ended                    chan struct{}
	running                  sync.WaitGroup
}

const (
	sheaves      = 8
	sheafRecords = 1024
	sheafBytes   = 256 << 10
)

// sheaf is some records, with the memory that holds them.
type sheaf struct {
	memory  []byte // keys and values as they are stored
	items   []item
	records []persistence.Record // whose bodies are in memory
	err     error                // that comes after them
}

// item is the place of a record in the memory of a sheaf.
type item struct{ key, value, end int }

func newLine() *line {
	l := &line{
		free: make(chan *sheaf, sheaves), unchecked: make(chan *sheaf, sheaves), entered: make(chan *sheaf, sheaves),
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
	defer close(l.unchecked)
	it := iterate(txn, []byte(recordPrefix))
	defer it.Close()
	it.Rewind()
	for more := true; more; {
		select {
		case f := <-l.free:
			f.err = s.goOn(ctx)
			if f.err == nil {
				f.err = f.fill(it)
			}
			more = f.err == nil && it.Valid()
			l.unchecked <- f
		case <-l.ended:
			return
		}
	}
}

// fill takes records until it is full.
func (f *sheaf) fill(it *badgerdb.Iterator) error {
	f.memory, f.items, f.records = f.memory[:0], f.items[:0], f.records[:0]
	for ; it.Valid() && len(f.items) < sheafRecords && len(f.memory) < sheafBytes; it.Next() {
		stored := it.Item()
		place := item{key: len(f.memory)}
		f.memory = append(f.memory, stored.Key()...)
		place.value = len(f.memory)
		err := stored.Value(func(value []byte) error {
			f.memory = append(f.memory, value...)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read key %q: %w", stored.Key(), err)
		}
		place.end = len(f.memory)
		f.items = append(f.items, place)
	}
	return nil
}

// enter is the second step.
func (l *line) enter(ledger *ledger) {
	defer close(l.entered)
	var keys keyReader
	for f := range l.unchecked {
		if err := f.enter(&keys, ledger); err != nil {
			f.err = err
		}
		last := f.err != nil
		l.entered <- f // which may be filled again at once
		if last {
			return
		}
	}
}

func (f *sheaf) enter(keys *keyReader, ledger *ledger) error {
	for _, i := range f.items {
		key, value := f.memory[i.key:i.value], f.memory[i.value:i.end]
		k, ok := keys.parse(key)
		if !ok {
			return fmt.Errorf("%w: key %q", persistence.ErrCorrupt, key)
		}
		r := persistence.Record{Key: k}
		if err := openEnvelope(&r, key, value); err != nil {
			return fmt.Errorf("%w: %s: %w", persistence.ErrCorrupt, k, err)
		}
		if !ledger.follows(k) {
			return fmt.Errorf("%w: %s is out of order", persistence.ErrCorrupt, k)
		}
		if c, ok := ledger.enter(&r); !ok {
			return fmt.Errorf("%w: %s carries the claim %s of another record", persistence.ErrCorrupt, k, c)
		}
		f.records = append(f.records, r)
	}
	return nil
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
