package badger

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// request is a queued transition. err, when set, has refused it already; it
// waits in the queue only for its turn to be told.
type request struct {
	t       persistence.Transition
	done    func(persistence.Result)
	records int
	bytes   int
	err     error
}

// answer is an outcome on its way to the one who asked.
type answer struct {
	done   func(persistence.Result)
	result persistence.Result
}

// committer is the one goroutine that writes.
type committer struct {
	requests *queue[request]
	teller   teller
	limits   limits
	batch    *batch
	commit   func(*badgerdb.Txn) error
	observer Observer
	stats    *counters
	space    *diskSpace
	latest   *latest
	tidier   *tidier
	log      *slog.Logger

	// ledger is set by Recover. Until then, and after a failure, refusal is
	// set: the reason why nothing is written.
	ledger  atomic.Pointer[ledger]
	refusal atomic.Pointer[error]

	told    []answer // of the batch at hand
	room    room     // as it was before the batch at hand
	short   error    // wraps persistence.ErrUnavailable unless there is room for all
	written int      // bytes of the batch before
}

var errNotRecovered = errors.New("not recovered yet")

// run writes until the queue is closed and empty. After each batch those who have
// been told of it get a turn, and those who are about to ask: what they want is in
// the next batch then, which is larger by a tenth and costs no more.
func (c *committer) run() {
	var spare []request
	for {
		runtime.Gosched()
		requests := c.requests.take(spare)
		if len(requests) == 0 {
			return
		}
		for rest := requests; len(rest) > 0; {
			c.stats.pending.Store(int64(len(rest)))
			rest = rest[c.step(rest):]
		}
		c.stats.pending.Store(0)
		clear(requests)
		spare = requests
	}
}

// step handles the first requests, as many as one batch takes, and returns
// their number.
func (c *committer) step(requests []request) int {
	if why := c.refusal.Load(); why != nil {
		c.refuse(requests, *why)
		return len(requests)
	}
	c.lookAround()
	if err := c.tidyUp(); err != nil {
		c.fail(err)
		c.refuse(requests, *c.refusal.Load())
		return len(requests)
	}
	n, err := c.fill(requests)
	if err == nil && c.batch.txn != nil {
		err = c.write()
	}
	if err != nil {
		c.fail(err)
	}
	c.tell()
	c.batch.reset()
	return n
}

// lookAround finds out what the disk has room for, and says so when that
// changes.
func (c *committer) lookAround() {
	before := c.room
	room, why := c.space.check(c.written)
	c.room, c.short, c.written = room, nil, 0
	if why != nil {
		c.short = fmt.Errorf("%w: %w", persistence.ErrUnavailable, why)
	}
	switch {
	case room > before:
		c.log.Error("the store refuses changes", "reason", why)
	case room < before:
		c.log.Info("the store takes more changes again", "all", room == roomForAll)
	}
}

// spared is the reason why a transition is not written for want of space.
func (c *committer) spared(t *persistence.Transition) error {
	if c.room == roomForAll || c.room == roomForRelief && t.Relief || len(t.Puts)+len(t.Deletes) == 0 {
		return nil
	}
	return c.short
}

// refuse answers Lost to all.
func (c *committer) refuse(requests []request, why error) {
	for i := range requests {
		err := requests[i].err
		if err == nil {
			err = why
		}
		c.told = append(c.told, answer{requests[i].done, persistence.Result{Outcome: persistence.Lost, Err: err}})
	}
	c.tell()
}

// fill decides requests in order, each on what those before it have changed,
// and puts what holds into the batch. It ends before the request that does not
// fit, and returns the number of those decided.
func (c *committer) fill(requests []request) (int, error) {
	ledger := c.ledger.Load()
	for i := range requests {
		r := &requests[i]
		if !c.fits(r) {
			return i, nil
		}
		result := persistence.Result{Outcome: persistence.Lost, Err: cmp.Or(r.err, c.spared(&r.t))}
		won := result.Err == nil && ledger.holds(&r.t)
		if won {
			result.Outcome = persistence.Won
		}
		c.told = append(c.told, answer{r.done, result})
		if !won {
			continue
		}
		ledger.apply(&r.t)
		c.batch.bytes += r.bytes
		if err := c.batch.add(&r.t); err != nil {
			return i + 1, err
		}
	}
	return len(requests), nil
}

// fits lets a single transition be larger than a batch of several may be.
func (c *committer) fits(r *request) bool {
	return c.batch.records == 0 ||
		c.batch.records+r.records <= c.limits.records && c.batch.bytes+r.bytes <= c.limits.bytes
}

func (c *committer) write() error {
	start := time.Now()
	if err := c.batch.seal(&c.ledger.Load().tally); err != nil {
		return err
	}
	if err := c.commit(c.batch.txn); err != nil {
		return err
	}
	c.latest.note(c.batch.db)
	c.written = c.batch.written
	c.tidier.superseded += c.batch.superseded
	c.stats.committed(c.batch)
	c.stats.present.Store(int64(c.ledger.Load().records()))
	if c.observer != nil {
		c.observer.BatchCommitted(c.won(), c.batch.records, c.batch.written, time.Since(start))
	}
	return nil
}

func (c *committer) won() int {
	n := 0
	for i := range c.told {
		if c.told[i].result.Outcome == persistence.Won {
			n++
		}
	}
	return n
}

// failedError is the reason why nothing is written, or known, any more.
type failedError struct{ cause error }

func (e *failedError) Error() string {
	return fmt.Sprintf("%v: commit failed, no more writes until a restart: %v", persistence.ErrUnavailable, e.cause)
}

// Unwrap lets errors.Is find what the contract names, and the cause.
func (e *failedError) Unwrap() []error {
	return []error{persistence.ErrUnavailable, persistence.ErrFailed, e.cause}
}

// failed gives the error of the commit that failed, if one has.
func (c *committer) failed() error {
	if why := c.refusal.Load(); why != nil && errors.Is(*why, persistence.ErrFailed) {
		return *why
	}
	return nil
}

// fail stops all writing for good. Whether the batch, or a part of the
// conditions that its members were decided on, is on disk is not known. Only
// what was invalid from the start stays Lost.
func (c *committer) fail(err error) {
	err = &failedError{err}
	c.refusal.Store(&err)
	c.log.Error("a commit failed; nothing is written until a restart", "error", err)
	for i := range c.told {
		if !errors.Is(c.told[i].result.Err, persistence.ErrInvalid) {
			c.told[i].result = persistence.Result{Outcome: persistence.Unknown, Err: err}
		}
	}
}

// tell tells the outcomes of the batch, in order. A goroutine of its own for
// that would let the next commit begin a little sooner, and was measured to
// cost more than it saves: a switch per batch, and smaller batches.
func (c *committer) tell() {
	for i := range c.told {
		c.stats.count(c.told[i].result.Outcome)
		c.teller.tell(c.told[i])
	}
	clear(c.told)
	c.told = c.told[:0]
}
