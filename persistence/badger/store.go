package badger

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// Store is a persistence.Store on one directory. Open makes it.
type Store struct {
	dir        string
	db         *badgerdb.DB
	format     int         // of what was found
	tallied    atomic.Bool // there is a tally to hold passes against
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
func start(db *badgerdb.DB, format int, latest *latest, opts Options) *Store {
	s := &Store{
		dir:    opts.Dir,
		db:     db,
		format: format,
		log:    opts.Logger,
		committer: &committer{
			requests: newQueue[request](),
			teller:   teller{opts.Logger},
			limits:   limitsOf(db),
			batch:    newBatch(db),
			commit:   (*badgerdb.Txn).Commit,
			observer: opts.Observer,
			stats:    &counters{},
			space:    newDiskSpace(opts.Dir, db),
			latest:   latest,
			log:      opts.Logger,
		},
	}
	s.committer.tidier = newTidier(db, &s.readers, opts.Logger)
	s.committer.refusal.Store(new(s.unavailable(errNotRecovered)))
	s.tallied.Store(format >= tallied)
	if t, err := tallyOf(db); err == nil { // else the first pass over the records says what is wrong
		s.committer.stats.present.Store(int64(t.records))
	}
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
// releases the directory. Visits by Each are ended with an error. Where the
// disk is too full to close in order (the error wraps ErrSpace), or takes
// nothing, the directory stays locked until the process ends.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.committer.requests.close()
		s.running.Wait()
		s.readers.close()
		s.closeErr = s.closeEngine()
	})
	return s.closeErr
}

// closeEngine has Badger write its log into a table, unless the disk might not
// take it: then the log stays for the next start, and the directory is given
// up when the process ends.
func (s *Store) closeEngine() error {
	if room, why := s.committer.space.check(0); room == noRoom {
		return fmt.Errorf("state directory %s is left as it is, nothing is lost: %w", s.dir, why)
	}
	if err := errors.Join(s.committer.latest.close(), s.closeDatabase()); err != nil {
		return fmt.Errorf("close state directory %s: %w", s.dir, err)
	}
	return nil
}

// closeLook is how often closing looks whether it gets nowhere.
const closeLook = 100 * time.Millisecond

var errUnwritten = errors.New("its log cannot be written into a table; nothing that was acknowledged is lost, and the log stays for the next start")

// closeDatabase closes Badger, but goes by the first table that the disk does not
// take: Badger would try for ever, each time at the risk that its list of tables
// names one that it has removed again.
func (s *Store) closeDatabase() error {
	engine, _ := s.db.Opts().Logger.(*engineLog)
	before := engine.unwritten.Load()
	closed := make(chan error, 1)
	go func() { closed <- s.db.Close() }()
	look := time.NewTicker(closeLook)
	defer look.Stop()
	for {
		select {
		case err := <-closed:
			return err
		case <-look.C:
			if engine.unwritten.Load() > before {
				return errUnwritten
			}
		}
	}
}

func (s *Store) unavailable(why error) error {
	return fmt.Errorf("%w: state directory %s: %w", persistence.ErrUnavailable, s.dir, why)
}
