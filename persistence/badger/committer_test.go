package badger

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arqd/arqd/persistence"
)

// queueBehind submits transitions while the commit of a first one is held.
func queueBehind(t *testing.T, s *Store, g gate, first persistence.Transition, others ...persistence.Transition) chan persistence.Result {
	t.Helper()
	told := make(chan persistence.Result, 1+len(others))
	s.Submit(first, func(r persistence.Result) { told <- r })
	soon(t, g.entered)
	for _, other := range others {
		s.Submit(other, func(r persistence.Result) { told <- r })
	}
	return told
}

func TestWhatArrivesDuringACommitSharesTheNext(t *testing.T) {
	s := recovered(t, t.TempDir())
	g := holdCommits(t, s)
	var others []persistence.Transition
	for n := range 500 {
		others = append(others, create(1+n, 100))
	}
	told := queueBehind(t, s, g, create(0, 100), others...)
	if depth := s.Stats().QueueDepth; depth != 501 {
		t.Errorf("queue depth %d while the first is being committed, want 501", depth)
	}
	g.release <- nil
	g.pass(nil)
	for range 501 {
		if r := soon(t, told); r.Outcome != persistence.Won {
			t.Fatalf("%v (%v)", r.Outcome, r.Err)
		}
	}
	got := s.Stats()
	if got.Commits != 2 || got.Won != 501 || got.RecordsWritten != 501 || got.Records != 501 || got.QueueDepth != 0 {
		t.Errorf("%+v, want 501 records in 2 commits", got)
	}
}

func TestManyWritersShareCommits(t *testing.T) {
	s := recovered(t, t.TempDir())
	const writers, each = 64, 25
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				wins(t, s, create(w*each+i, 400))
			}
		})
	}
	group.Wait()
	got := s.Stats()
	if got.Won != writers*each || got.Commits > writers*each/2 {
		t.Errorf("%d transitions in %d commits, want at most one commit for two", got.Won, got.Commits)
	}
}

func TestBatchIsBoundedByRecordsAndBytes(t *testing.T) {
	for name, test := range map[string]struct {
		transitions, size int
		commits           uint64
	}{
		"records": {softRecords + 1, 0, 3},
		// limits.bytes of a 4 MiB memtable is 15 %: 629 145 bytes, two bodies of 256 KiB
		"bytes": {5, 256 << 10, 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := recovered(t, t.TempDir())
			g := holdCommits(t, s)
			s.committer.limits.records = min(softRecords, s.committer.limits.records)
			if name == "records" {
				s.committer.limits = limits{softRecords, softBytes, softRecords, softBytes, softBytes}
			}
			var others []persistence.Transition
			for n := range test.transitions {
				others = append(others, create(1+n, test.size))
			}
			told := queueBehind(t, s, g, create(0, 0), others...)
			g.release <- nil
			for range test.commits - 1 {
				g.pass(nil)
			}
			for range 1 + test.transitions {
				if r := soon(t, told); r.Outcome != persistence.Won {
					t.Fatalf("%v (%v)", r.Outcome, r.Err)
				}
			}
			if got := s.Stats().Commits; got != test.commits {
				t.Errorf("%d commits, want %d", got, test.commits)
			}
		})
	}
}

func TestTooLargeIsInvalid(t *testing.T) {
	s := recovered(t, t.TempDir())
	var many, heavy persistence.Transition
	for n := range s.committer.limits.maxRecords + 1 {
		many.Deletes = append(many.Deletes, persistence.Delete{Key: key(n), Expected: 1})
	}
	for n := range 5 {
		heavy.Puts = append(heavy.Puts, create(n, 256<<10).Puts...)
	}
	for name, transition := range map[string]persistence.Transition{
		"record":       create(1, inlineLimit),
		"many records": many,
		"many bytes":   heavy,
	} {
		if r := apply(t, s, transition)[0]; r.Outcome != persistence.Lost ||
			!errors.Is(r.Err, persistence.ErrInvalid) || !errors.Is(r.Err, persistence.ErrTooLarge) {
			t.Errorf("%s: %v (%v), want lost with ErrTooLarge", name, r.Outcome, r.Err)
		}
	}
	largest := create(1, 0)
	largest.Puts[0].Body = make([]byte, s.committer.limits.maxValue-envelopeBound(&largest.Puts[0]))
	wins(t, s, largest)
}

// TestLargestTransitionFits: what limits allow, Badger takes.
func TestLargestTransitionFits(t *testing.T) {
	s := recovered(t, t.TempDir())
	var widest persistence.Transition
	for n := range s.committer.limits.maxRecords {
		widest.Puts = append(widest.Puts, persistence.Put{Key: key(n)})
	}
	for {
		if _, _, err := s.committer.limits.size(&widest); err == nil {
			break
		}
		widest.Puts = widest.Puts[:len(widest.Puts)-1]
	}
	wins(t, s, widest)
	if got := s.Stats().Records; got != uint64(len(widest.Puts)) {
		t.Errorf("%d records, want %d", got, len(widest.Puts))
	}
}

func TestFailedCommitStopsAllWriting(t *testing.T) {
	dir := t.TempDir()
	s := recovered(t, dir)
	g := holdCommits(t, s)
	told := queueBehind(t, s, g, create(0, 10), create(1, 10), create(0, 10),
		persistence.Transition{Deletes: []persistence.Delete{{Key: key(1)}}})
	g.release <- nil
	if r := soon(t, told); r.Outcome != persistence.Won {
		t.Fatalf("before the failure: %v (%v)", r.Outcome, r.Err)
	}
	broken := errors.New("the disk is gone")
	soon(t, g.entered)
	later := make(chan persistence.Result, 1)
	s.Submit(create(2, 10), func(r persistence.Result) { later <- r })
	g.release <- broken

	for i, want := range []struct {
		outcome persistence.Outcome
		err     error
	}{{persistence.Unknown, broken}, {persistence.Unknown, broken}, {persistence.Lost, persistence.ErrInvalid}} {
		if r := soon(t, told); r.Outcome != want.outcome || !errors.Is(r.Err, want.err) {
			t.Errorf("transition %d of the failed batch: %v (%v), want %v (%v)", i, r.Outcome, r.Err, want.outcome, want.err)
		}
	}
	for _, r := range []persistence.Result{soon(t, later), apply(t, s, create(3, 10))[0]} {
		if r.Outcome != persistence.Lost || !errors.Is(r.Err, persistence.ErrUnavailable) || !errors.Is(r.Err, broken) {
			t.Errorf("after the failure: %v (%v), want lost, unavailable because of the failure", r.Outcome, r.Err)
		}
	}
	if _, err := s.Load(t.Context(), key(0)); err != nil {
		t.Errorf("read after the failure: %v", err)
	}
	if found, err := s.Fresh(t.Context(), []persistence.Key{key(0)}); !errors.Is(err, persistence.ErrFailed) || !errors.Is(err, broken) {
		t.Errorf("what is on disk after the failure: %v, %v", found, err)
	}
	if why := s.Stats().Refusal; !errors.Is(why, broken) || !errors.Is(why, persistence.ErrUnavailable) {
		t.Errorf("refusal in the statistics: %v", why)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	again := recovered(t, dir)
	if _, err := again.Load(t.Context(), key(0)); err != nil {
		t.Errorf("after reopening: %v", err)
	}
	wins(t, again, create(4, 10))
}

// TestSubmitNeverWaits: while a commit takes long, many are queued, and what
// is told of an outcome may submit as well.
func TestSubmitNeverWaits(t *testing.T) {
	s := recovered(t, t.TempDir())
	g := holdCommits(t, s)
	empty := persistence.Transition{}
	const waiting = 20000
	var told sync.WaitGroup
	told.Add(1 + 2*waiting)
	s.Submit(create(0, 0), func(persistence.Result) { told.Done() })
	soon(t, g.entered)
	for range waiting {
		s.Submit(empty, func(persistence.Result) {
			told.Done()
			s.Submit(empty, func(persistence.Result) { told.Done() })
		})
	}
	g.release <- nil
	told.Wait()
}

func TestPanicOfReceiverHarmsNobodyElse(t *testing.T) {
	var lines safeBuilder
	s, err := Open(Options{Dir: t.TempDir(), MemTableSize: smallMemTable, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	admit(t, s)
	s.Submit(create(1, 0), func(persistence.Result) { panic("receiver is broken") })
	wins(t, s, create(2, 0))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text := lines.String(); !strings.Contains(text, "receiver is broken") || !strings.Contains(text, "committer_test.go") {
		t.Errorf("log lacks the panic or its stack:\n%s", text)
	}
}

// safeBuilder is a strings.Builder for several goroutines.
type safeBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuilder) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuilder) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type seenBatch struct {
	transitions, records, bytes int
	took                        time.Duration
}

type watcher struct{ seen []seenBatch }

func (w *watcher) BatchCommitted(transitions, records, bytes int, took time.Duration) {
	w.seen = append(w.seen, seenBatch{transitions, records, bytes, took})
}

func TestObserverIsToldOfEachCommit(t *testing.T) {
	watch := &watcher{}
	s, err := Open(Options{Dir: t.TempDir(), MemTableSize: smallMemTable, Observer: watch})
	if err != nil {
		t.Fatal(err)
	}
	admit(t, s)
	g := holdCommits(t, s)
	two := create(1, 1000)
	two.Puts = append(two.Puts, create(2, 1000).Puts...)
	told := queueBehind(t, s, g, two, create(3, 0), create(3, 0),
		persistence.Transition{Deletes: []persistence.Delete{{Key: key(1), Expected: 1}}})
	g.release <- nil
	g.pass(nil)
	for range 4 {
		soon(t, told)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(watch.seen) != 2 {
		t.Fatalf("told of %d commits, want 2: %+v", len(watch.seen), watch.seen)
	}
	first, second := watch.seen[0], watch.seen[1]
	if first.transitions != 1 || first.records != 2 || first.bytes < 2000 || first.bytes > 2100 || first.took <= 0 {
		t.Errorf("first: %+v", first)
	}
	if second.transitions != 2 || second.records != 2 || second.bytes > 100 {
		t.Errorf("second: %+v", second)
	}
}
