package badger

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"
)

// What is deleted gives no space back by itself: Badger writes a log into a
// table only when it is full, and merges the first level only from five tables
// on. So a store that has filled its disk would refuse creates for ever, with
// all its records deleted. While only what gives back or ends is written, the
// committer therefore has Badger write its log into a table and merge.
//
// The way to that is DropPrefix, of a prefix that only a marker has; of one that
// nothing has, it does nothing. It writes the log into a table and deletes the
// log, then merges the first level into the next: at most the logs, and then
// the tables, once more, which is what the reserve is. That holds only if
// nobody reads, as readers keep logs and tables alive that are done with.
//
// A process killed meanwhile leaves what one killed in a flush or a merge
// leaves: a log is deleted after its table is in the list, tables after the
// list names their successors. The marker is written with the tally, so that
// the number of its transaction stays in the tables when it is dropped.

const (
	// tidyShare: superseded versions are a burden once there is one for this
	// many records.
	tidyShare = 8
	// tidyLeast: fewer superseded versions than this are never worth it.
	tidyLeast = 1024
	// tidyLogShare of the relief, in logs, is worth it when half the relief is
	// used up.
	tidyLogShare = 8
)

// tidier gives back disk space that is taken by what is deleted. It is the
// committer's.
type tidier struct {
	db      *badgerdb.DB
	readers *readers
	log     *slog.Logger
	least   int
	// superseded counts versions of records that were deleted or replaced
	// since the last time. How many there are from before the start is not
	// known: unknown makes the first time come at once.
	superseded int
	unknown    bool
}

func newTidier(db *badgerdb.DB, readers *readers, log *slog.Logger) *tidier {
	return &tidier{db: db, readers: readers, log: log, least: tidyLeast, unknown: true}
}

// due says whether there may be enough to give back. It takes the next changes
// for it to be due again: a store that is full of what is needed is not merged
// over and over.
func (t *tidier) due(records int, space *diskSpace) bool {
	return t.unknown || t.superseded >= max(t.least, records/tidyShare) ||
		space.logs.Load() >= space.relief/tidyLogShare &&
			space.free.Load() < space.reserve.Load()+space.relief/2
}

// tidy merges what it can, unless somebody reads. An error means that the
// database takes no more writes.
func (t *tidier) tidy(commit func(*badgerdb.Txn) error, tally *tally) (done bool, err error) {
	done, err = t.readers.without(func() error {
		if err := t.mark(commit, tally); err != nil {
			return err
		}
		return t.db.DropPrefix([]byte(tidyKey))
	})
	if !done || err != nil {
		return false, err
	}
	if t.levels() > 1 {
		if err := t.db.Flatten(1); err != nil {
			t.log.Warn("the levels of the store could not be merged", "error", err)
		}
	}
	t.superseded, t.unknown = 0, false
	return true, nil
}

// mark writes the marker, and the tally as it is.
func (t *tidier) mark(commit func(*badgerdb.Txn) error, tally *tally) error {
	txn := t.db.NewTransaction(true)
	defer txn.Discard()
	err := errors.Join(
		txn.Set([]byte(tidyKey), nil),
		txn.Set([]byte(tallyKey), tally.encode(nil)))
	if err != nil {
		return err
	}
	return commit(txn)
}

// levels is how many levels have tables.
func (t *tidier) levels() (n int) {
	for _, level := range t.db.Levels() {
		if level.NumTables > 0 {
			n++
		}
	}
	return n
}

// tidyUp gives space back where that is due, and looks around again.
func (c *committer) tidyUp() error {
	ledger := c.ledger.Load()
	if c.room != roomForRelief || !c.tidier.due(ledger.records(), c.space) {
		return nil
	}
	if c.remeasure(); c.room != roomForRelief {
		return nil
	}
	free, reserve, start := c.space.free.Load(), c.space.reserve.Load(), time.Now()
	done, err := c.tidier.tidy(c.commit, &ledger.tally)
	if err != nil {
		return fmt.Errorf("giving back disk space: %w", err)
	}
	if !done {
		return nil
	}
	c.remeasure()
	c.log.Info("the store was merged to give back what is deleted",
		"records", ledger.records(), "took", time.Since(start).Round(time.Millisecond),
		"free_before", mebibytes(free), "free", mebibytes(c.space.free.Load()),
		"reserve_before", mebibytes(reserve), "reserve", mebibytes(c.space.reserve.Load()))
	return nil
}

func (c *committer) remeasure() {
	c.space.expire()
	c.lookAround()
}
