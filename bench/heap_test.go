package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger"
)

// heapQuestion asks for the heap that so many ARQs, or records, add.
type heapQuestion struct {
	What        string
	ARQs        int
	RecordBytes int // heapRecords: key and value
}

const (
	heapService   = "service"   // the whole service over Badger
	heapForgetful = "forgetful" // the service over a store that keeps nothing
	heapRecords   = "records"   // the same records in bare Badger
)

type heapAnswer struct {
	Bytes       int64
	RecordBytes int
	Goroutines  int
}

// BenchmarkHeap weighs what a resident, unbound ARQ takes of the heap.
//
// Badger's own share (memory tables, block indexes) is weighed with as many
// records of the same size in bare Badger, and taken off. What remains is the
// service's views and indexes, and the ledger of persistence/badger. The
// service over a store that keeps nothing gives the views and indexes alone.
func BenchmarkHeap(b *testing.B) { whole(b, heap) }

func heap(tb testing.TB, into *Report) {
	tb.Helper()
	arqs := number(tb, arqsVariable, fewARQs)
	arqs -= arqs % groupsEach
	service := weigh(tb, heapQuestion{What: heapService, ARQs: arqs})
	forgetful := weigh(tb, heapQuestion{What: heapForgetful, ARQs: arqs})
	records := weigh(tb, heapQuestion{What: heapRecords, ARQs: arqs, RecordBytes: service.RecordBytes})
	say("the heap of %d is weighed", arqs)
	each := func(bytes int64) float64 { return float64(bytes) / float64(arqs) }
	own := each(service.Bytes - records.Bytes)
	into.AddGoal("heap", own, fmt.Sprintf("%d stored", arqs))
	for _, f := range []Figure{
		{Name: "heap per resident ARQ, views and indexes", Value: each(forgetful.Bytes), Unit: "B"},
		{Name: "heap per resident ARQ, Badger's and all", Value: each(service.Bytes), Unit: "B"},
		{Name: fmt.Sprintf("goroutines with %d ARQs, idle", arqs), Value: float64(service.Goroutines)},
	} {
		into.AddFigure(f)
	}
}

func weigh(tb testing.TB, q heapQuestion) (a heapAnswer) {
	tb.Helper()
	startChild(tb, roleHeap).call(tb, q, &a)
	return a
}

// measureHeap is the role that weighs: in a process that does nothing else.
func measureHeap(ask *json.Decoder, answer *json.Encoder) error {
	return serveQuestions(ask, answer, func(q heapQuestion) (a heapAnswer, err error) {
		dir, err := makeDiskDir()
		if err != nil {
			return a, err
		}
		defer os.RemoveAll(dir)
		switch q.What {
		case heapService:
			metrics := http.NewMetrics()
			store, err := badger.Open(badger.Options{Dir: dir, Observer: metrics})
			if err != nil {
				return a, err
			}
			if a, err = weighService(store, metrics, q.ARQs); err == nil {
				stats := store.Stats()
				a.RecordBytes = int(stats.BytesWritten / stats.RecordsWritten)
			}
			return a, err
		case heapForgetful:
			return weighService(newForgetful(), http.NewMetrics(), q.ARQs)
		default:
			return weighRecords(dir, q.ARQs, q.RecordBytes)
		}
	})
}

// settledHeap gives the heap in use once Badger has written its full memory
// tables out, which it does on its own: when it no longer changes from pause to
// pause.
func settledHeap(pause time.Duration) int64 {
	const same, enough = 128 << 10, 4
	last, equal := int64(0), 0
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for tries := 0; equal < enough && tries < 60; tries++ {
		<-tick.C
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now := int64(m.HeapAlloc)
		equal++
		if now > last+same || now < last-same {
			equal = 0
		}
		last = now
	}
	return last
}

// The profiles and projects among which the ARQs are spread.
const (
	heapProfiles = 10
	heapProjects = 25
	groupsEach   = 200 // ARQs of one create
)

// settling is how long to wait for Badger between two looks at the heap.
func settling(arqs int) time.Duration {
	if arqs < fewARQs {
		return 20 * time.Millisecond
	}
	return 250 * time.Millisecond
}

func weighService(store persistence.Store, metrics *http.Metrics, arqs int) (a heapAnswer, err error) {
	p, err := startInProcess(store, metrics)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	for i := range heapProfiles {
		if err := p.createProfile(fmt.Sprintf("bench-%d", i), groupsEach); err != nil {
			return a, err
		}
	}
	before := settledHeap(settling(arqs))
	for i := range arqs / groupsEach {
		made, err := p.system.CreateARQs(background, actors.CreateARQs{
			ProfileName: fmt.Sprintf("bench-%d", i%heapProfiles),
			ProjectID:   fmt.Sprintf("%032x", i%heapProjects),
		})
		if err != nil || len(made) != groupsEach {
			return a, fmt.Errorf("%d ARQs of %d: %w", len(made), groupsEach, err)
		}
	}
	a.Bytes = settledHeap(settling(arqs)) - before
	a.Goroutines = runtime.NumGoroutine()
	return a, nil
}

func weighRecords(dir string, records, size int) (a heapAnswer, err error) {
	db, err := badgerdb.Open(rawOptions(dir))
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	before := settledHeap(settling(records))
	for n := 0; n < records; {
		err := db.Update(func(txn *badgerdb.Txn) error {
			for range groupsEach {
				if err := txn.SetEntry(rawEntry(int64(n), size)); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return a, err
		}
	}
	a.Bytes = settledHeap(settling(records)) - before
	return a, nil
}

// forgetful is a store that wins everything and keeps nothing.
type forgetful struct {
	persistence.Store // none: the calls that are not below are not made
	told              chan func(persistence.Result)
	done              chan struct{}
}

func newForgetful() *forgetful {
	f := &forgetful{told: make(chan func(persistence.Result), 1024), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for done := range f.told {
			done(persistence.Result{Outcome: persistence.Won})
		}
	}()
	return f
}

func (f *forgetful) Recover(context.Context, func(persistence.Record) error) error { return nil }

func (f *forgetful) Submit(_ persistence.Transition, done func(persistence.Result)) { f.told <- done }

func (f *forgetful) Close() error {
	close(f.told)
	<-f.done
	return nil
}
