package badger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

func deletion(n int) persistence.Transition {
	return relieving(persistence.Transition{Deletes: []persistence.Delete{{Key: key(n), Expected: 1}}})
}

const (
	crowdRecords = 4000
	crowdSize    = 1 << 10
)

// fillAndEmpty writes records and deletes them, all where there is room.
func fillAndEmpty(t *testing.T, s *Store) {
	t.Helper()
	var creations, deletions []persistence.Transition
	for n := range crowdRecords {
		creations, deletions = append(creations, create(n, crowdSize)), append(deletions, deletion(n))
	}
	wins(t, s, creations...)
	wins(t, s, deletions...)
	s.committer.space.expire()
}

// inRelief leaves a store so much that it refuses all but relief, and would not
// if what is deleted took no space.
func inRelief(t *testing.T, s *Store) {
	t.Helper()
	free := onVolume(t, s)
	free.Store(s.Stats().Reserve + s.committer.space.relief - crowdRecords*crowdSize/4)
}

// staysInRelief leaves a store little more than its reserve, whatever that is
// found to be: what Badger does in the background changes it.
func staysInRelief(t *testing.T, s *Store) {
	t.Helper()
	looking(t, s, alwaysInRelief(s.committer.space))
}

func alwaysInRelief(space *diskSpace) func() (volume, error) {
	return func() (volume, error) { return volume{space.reserve.Load() + 1, fewestFiles}, nil }
}

// TestDeletedGivesSpaceBack: an empty store takes records again on a disk that
// it had filled, whether the records were deleted in this run or before.
func TestDeletedGivesSpaceBack(t *testing.T) {
	for name, restarts := range map[string]bool{"in the same run": false, "before a restart": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := recovered(t, dir)
			wins(t, s, create(1<<20, 10))
			fillAndEmpty(t, s)
			if restarts {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = recovered(t, dir)
			}
			inRelief(t, s)
			wins(t, s, create(1, 10))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			left := map[persistence.Key]bool{}
			err := openDir(t, dir).Each(t.Context(), func(r persistence.Record) error { left[r.Key] = true; return nil })
			if err != nil || len(left) != 2 || !left[key(1)] || !left[key(1<<20)] {
				t.Errorf("%v are left, %v", left, err)
			}
		})
	}
}

// TestFullStoreIsNotMergedOverAndOver: where nothing is given back, it is tried
// once.
func TestFullStoreIsNotMergedOverAndOver(t *testing.T) {
	s := recovered(t, t.TempDir())
	for n := range 100 {
		wins(t, s, create(n, crowdSize))
	}
	onVolume(t, s).Store(s.Stats().Reserve + s.committer.space.relief/2)
	for range 3 {
		wantShort(t, apply(t, s, create(200, 10))[0])
		tables := s.db.Tables()
		if len(tables) != 1 || tables[0].ID != 2 { // the log is 1, the merged one 2
			t.Errorf("tables %+v, want what one merge has left", tables)
		}
	}
	wins(t, s, deletion(1))
	s.committer.tidier.superseded = tidyLeast
	if !s.committer.tidier.due(8*tidyLeast, s.committer.space) || s.committer.tidier.due(9*tidyLeast, s.committer.space) {
		t.Errorf("one superseded version for %d records is what makes it due", tidyShare)
	}
}

// TestReadersPutOffTidying: they keep logs and tables alive, for which the
// reserve has no room.
func TestReadersPutOffTidying(t *testing.T) {
	s := recovered(t, t.TempDir())
	wins(t, s, create(1<<20, 10))
	fillAndEmpty(t, s)
	staysInRelief(t, s)
	err := s.Each(t.Context(), func(persistence.Record) error {
		wantShort(t, apply(t, s, create(1, 10))[0])
		_, err := s.Load(t.Context(), key(1<<20)) // and a visitor may read
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	inRelief(t, s)
	wins(t, s, create(1, 10))
}

// TestFailedTidyingStopsAllWriting, as a failed commit does.
func TestFailedTidyingStopsAllWriting(t *testing.T) {
	s := recovered(t, t.TempDir())
	fillAndEmpty(t, s)
	staysInRelief(t, s)
	bad := errors.New("input/output error")
	s.committer.commit = func(*badgerdb.Txn) error { return bad }
	for range 2 {
		if r := apply(t, s, deletion(1))[0]; r.Outcome != persistence.Lost || !errors.Is(r.Err, bad) {
			t.Errorf("%v (%v), want lost", r.Outcome, r.Err)
		}
	}
}

// turnover is how many triples are in the store of a child that tidies.
const turnover = 100

// childTidies writes and deletes in the relief until it is killed, so that it
// tidies up most of the time, and prints what is acknowledged and "drop" as a
// tidying begins.
func childTidies() {
	out := slog.New(tellDrops{})
	s, err := Open(Options{Dir: os.Getenv(childDir), MemTableSize: killMemTable, Logger: out})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	next := 0
	err = s.Recover(context.Background(), func(r persistence.Record) error {
		next = max(next, number(r.Key)+1)
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	inRelief := alwaysInRelief(s.committer.space)
	s.committer.space.look = func(string) (volume, error) { return inRelief() }
	s.committer.tidier.least = turnover
	slots := make(chan struct{}, 16)
	for n := next / 3; ; n++ {
		slots <- struct{}{}
		s.Submit(turn(n), func(r persistence.Result) {
			if r.Outcome != persistence.Won {
				fmt.Fprintln(os.Stdout, n, r.Outcome, r.Err)
			}
			fmt.Fprintln(os.Stdout, n)
			<-slots
		})
	}
}

// turn makes triple n, and deletes the one that is then too many.
func turn(n int) persistence.Transition {
	t := relieving(triple(n))
	if n >= turnover {
		for _, p := range triple(n - turnover).Puts {
			t.Deletes = append(t.Deletes, persistence.Delete{Key: p.Key, Expected: 1})
		}
	}
	return t
}

// tellDrops prints a line as Badger begins to drop the marker.
type tellDrops struct{}

func (tellDrops) Enabled(context.Context, slog.Level) bool { return true }
func (h tellDrops) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h tellDrops) WithGroup(string) slog.Handler          { return h }

func (tellDrops) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if strings.HasPrefix(a.Value.String(), "DropPrefix called") {
			fmt.Fprintln(os.Stdout, "drop")
		}
		return true
	})
	return nil
}

// TestKilledWhileTidyingLosesNothing kills a process at moments of its tidying:
// what was acknowledged is there, what was deleted is not.
func TestKilledWhileTidyingLosesNothing(t *testing.T) {
	dir, acknowledged := t.TempDir(), 0
	random := rand.New(rand.NewPCG(2, 2))
	for round := range 10 {
		wait := time.Duration(random.Int64N(int64(25 * time.Millisecond)))
		acknowledged = tidyAndKill(t, dir, 1+random.IntN(3), wait, acknowledged)
		found := turnsIn(t, dir)
		if found < acknowledged {
			t.Fatalf("round %d: %d transitions acknowledged, %d found", round, acknowledged, found)
		}
		t.Logf("round %d: killed after %v, %d acknowledged, %d found", round, wait, acknowledged, found)
		acknowledged = found
	}
}

// tidyAndKill kills a child some time after it has begun to tidy for the nth
// time, and returns how many transitions are acknowledged by then.
func tidyAndKill(t *testing.T, dir string, nth int, wait time.Duration, acknowledged int) int {
	t.Helper()
	cmd := child(t, "tidy", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drops := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch lines.Text() {
		case "drop":
			if drops++; drops == nth {
				time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
			}
		case fmt.Sprint(acknowledged):
			acknowledged++
		default:
			t.Errorf("the child said %q, want %d", lines.Text(), acknowledged)
			_ = cmd.Process.Kill()
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || drops < nth {
		t.Errorf("the child ended with %v after %d tidyings", err, drops)
	}
	return acknowledged
}

// turnsIn opens the store and returns how many transitions are in it: it must
// hold exactly what the last turnover of them made.
func turnsIn(t *testing.T, dir string) int {
	t.Helper()
	s, err := Open(Options{Dir: dir, MemTableSize: killMemTable})
	if err != nil {
		t.Fatal(err)
	}
	first, next := -1, 0
	err = s.Recover(t.Context(), func(r persistence.Record) error {
		n := number(r.Key)
		if first < 0 {
			first, next = n, n
		}
		want := triple(n / 3).Puts[n%3]
		if n != next || r.Generation != 1 || string(r.Body) != string(want.Body) {
			return fmt.Errorf("record %d where %d is expected: %+v", n, next, r)
		}
		next++
		return nil
	})
	if err != nil || next%3 != 0 || first != max(0, next-3*turnover) {
		t.Fatalf("records %d to %d, %v; want the last %d", first, next, err, 3*turnover)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return next / 3
}
