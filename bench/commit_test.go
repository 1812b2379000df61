package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	badgerdb "github.com/dgraph-io/badger/v4"
	badgeroptions "github.com/dgraph-io/badger/v4/options"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger"
)

// commitQuestion asks for records to be made durable, by so many writers, each
// of which waits for one record before it goes on to the next.
type commitQuestion struct {
	Writers, Count int
	RecordBytes    int // key and value
}

type commitAnswer struct{ Commits int }

// floor makes records durable.
type floor interface {
	write(n int64, size int) error // one record, durable at the return
	commits() int                  // so far
	close() error
}

// serveCommits keeps one floor in a directory that lives as long as the role.
func serveCommits(ask *json.Decoder, answer *json.Encoder, open func(dir string) (floor, error)) (err error) {
	dir, err := makeDiskDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f, err := open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	var next atomic.Int64
	return serveQuestions(ask, answer, func(q commitQuestion) (commitAnswer, error) {
		before := f.commits()
		err := writeAll(f, &q, &next)
		return commitAnswer{f.commits() - before}, err
	})
}

func writeAll(f floor, q *commitQuestion, next *atomic.Int64) error {
	left := atomic.Int64{}
	left.Store(int64(q.Count))
	failed := make(chan error, q.Writers)
	var writers sync.WaitGroup
	for range q.Writers {
		writers.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f.write(next.Add(1), q.RecordBytes); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	writers.Wait()
	close(failed)
	return <-failed
}

// rawCommits is the floor of durable writes: writers, one committer, one Badger
// transaction for what has come in while the one before was synced.
func rawCommits(ask *json.Decoder, answer *json.Encoder) error {
	return serveCommits(ask, answer, func(dir string) (floor, error) {
		db, err := badgerdb.Open(rawOptions(dir))
		if err != nil {
			return nil, err
		}
		c := &rawCommitter{db: db, queue: make(chan rawWrite, 8192)}
		c.running.Go(c.run)
		return c, nil
	})
}

// rawOptions are those of persistence/badger.
func rawOptions(dir string) badgerdb.Options {
	return badgerdb.DefaultOptions(dir).
		WithSyncWrites(true).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false).
		WithCompression(badgeroptions.None).
		WithBlockCacheSize(0).
		WithChecksumVerificationMode(badgeroptions.NoVerification).
		WithMemTableSize(64 << 20).
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(16 << 20).
		WithMetricsEnabled(false).
		WithLogger(nil)
}

type rawWrite struct {
	entry *badgerdb.Entry
	done  chan error
}

type rawCommitter struct {
	db      *badgerdb.DB
	queue   chan rawWrite
	running sync.WaitGroup
	made    atomic.Int64
}

// rawBatch is the most records of one transaction, as persistence/badger has it.
const rawBatch = 4096

const rawKeyBytes = 20

var dones = sync.Pool{New: func() any { return make(chan error, 1) }}

// write makes one record durable. Keys rise, as the service's do.
func (c *rawCommitter) write(n int64, size int) error {
	done, _ := dones.Get().(chan error)
	c.queue <- rawWrite{rawEntry(n, size), done}
	err := <-done
	dones.Put(done)
	return err
}

func (c *rawCommitter) commits() int { return int(c.made.Load()) }

func (c *rawCommitter) close() error {
	close(c.queue)
	c.running.Wait()
	return c.db.Close()
}

func rawEntry(n int64, size int) *badgerdb.Entry {
	record := make([]byte, size)
	for i := range 8 {
		record[rawKeyBytes-1-i] = byte(n >> (8 * i))
	}
	return badgerdb.NewEntry(record[:rawKeyBytes:rawKeyBytes], record[rawKeyBytes:])
}

func (c *rawCommitter) run() {
	var batch []rawWrite
	for first := range c.queue {
		batch = c.drain(append(batch[:0], first))
		err := c.commit(batch)
		c.made.Add(1)
		for _, w := range batch {
			w.done <- err
		}
	}
}

// drain takes what is in the queue, without waiting for more.
func (c *rawCommitter) drain(batch []rawWrite) []rawWrite {
	for len(batch) < rawBatch {
		select {
		case w, open := <-c.queue:
			if !open {
				return batch
			}
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

func (c *rawCommitter) commit(batch []rawWrite) error {
	txn := c.db.NewTransaction(true)
	defer txn.Discard()
	for _, w := range batch {
		if err := txn.SetEntry(w.entry); err != nil {
			return err
		}
	}
	return txn.Commit()
}

// storeCommits is the same through persistence/badger, which adds what no
// service can do without: conditions, checksums, order.
func storeCommits(ask *json.Decoder, answer *json.Encoder) error {
	return serveCommits(ask, answer, func(dir string) (floor, error) {
		store, err := openStore(dir)
		return storeFloor{store}, err
	})
}

func openStore(dir string) (*badger.Store, error) {
	store, err := badger.Open(badger.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := store.Recover(background, func(persistence.Record) error { return nil }); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

type storeFloor struct{ store *badger.Store }

func (f storeFloor) write(_ int64, size int) error {
	done := make(chan persistence.Result, 1)
	f.store.Submit(storeRecord(size), func(r persistence.Result) { done <- r })
	r := <-done
	if r.Err == nil && r.Outcome != persistence.Won {
		return fmt.Errorf("a new record: %s", r.Outcome)
	}
	return r.Err
}

func (f storeFloor) commits() int { return int(f.store.Stats().Commits) }
func (f storeFloor) close() error { return f.store.Close() }

// envelopeBytes is what persistence/badger adds to a body: key and envelope.
const envelopeBytes = 30

func storeRecord(size int) persistence.Transition {
	return persistence.Transition{Puts: []persistence.Put{{
		Key:  persistence.Key{Kind: "arq", ID: uuid.Must(uuid.NewV7())},
		Body: make([]byte, max(0, size-envelopeBytes)),
	}}}
}
