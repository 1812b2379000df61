package badger

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// Store is a persistence.Store on one directory. Open makes it.
type Store struct {
	dir        string
	db         *badgerdb.DB
	log        *slog.Logger
	committer  *committer
	readers    readers
	recovering atomic.Bool

	running  sync.WaitGroup
	closing  sync.Once
	closeErr error
}

var _ persistence.Store = (*Store)(nil)

// start makes a store on an open database and starts its committer.
func start(db *badgerdb.DB, opts Options) *Store {
	s := &Store{
		dir: opts.Dir,
		db:  db,
		log: opts.Logger,
		committer: &committer{
			requests: newQueue[request](),
			teller:   teller{opts.Logger},
			limits:   limitsOf(db),
			batch:    newBatch(db),
			commit:   (*badgerdb.Txn).Commit,
			observer: opts.Observer,
			stats:    &counters{},
		},
	}
	s.committer.refusal.Store(new(s.unavailable(errNotRecovered)))
	s.running.Go(s.committer.run)
	return s
}

// Submit queues a transition. It never waits: how much may be under way is for
// those to bound who let requests in. See persistence.Store.
func (s *Store) Submit(t persistence.Transition, done func(persistence.Result)) {
	r := request{t: t, done: done, err: t.Validate()}
	if r.err == nil {
		r.records, r.bytes, r.err = s.committer.limits.size(&t)
	}
	if !s.committer.requests.put(r) {
		lost := persistence.Result{Outcome: persistence.Lost, Err: s.unavailable(errClosed)}
		go s.committer.teller.tell(answer{done, lost})
	}
}

// Close waits for queued transitions and for reads that are under way, and
// releases the directory. Visits by Each are ended with an error.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.committer.requests.close()
		s.running.Wait()
		s.readers.close()
		if err := s.db.Close(); err != nil {
			s.closeErr = fmt.Errorf("close state directory %s: %w", s.dir, err)
		}
	})
	return s.closeErr
}

func (s *Store) unavailable(why error) error {
	return fmt.Errorf("%w: state directory %s: %w", persistence.ErrUnavailable, s.dir, why)
}
