package badger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/arqd/arqd/persistence"
)

// childMode and childDir tell a process that a test starts what to do, where.
const (
	childMode = "ARQD_TEST_CHILD"
	childDir  = "ARQD_TEST_DIR"
)

// killMemTable is so small that a child changes log files all the time: most
// that can go wrong goes wrong then.
const killMemTable = minMemTable

func child(t *testing.T, mode, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childMode+"="+mode, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

func outputOfChild(t *testing.T, mode, dir string) string {
	t.Helper()
	out, err := child(t, mode, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// childOpens prints the error of opening a directory.
func childOpens() {
	fmt.Fprint(os.Stdout, openError(Options{Dir: os.Getenv(childDir)}))
}

// childWrites writes until it is killed, and prints the number of each
// transition that was won. Transition n makes records 3n, 3n+1 and 3n+2.
func childWrites() {
	s, err := Open(Options{Dir: os.Getenv(childDir), MemTableSize: killMemTable})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	next := 0
	if err := s.Recover(context.Background(), func(persistence.Record) error { next++; return nil }); err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	slots := make(chan struct{}, 64) // this many are under way at a time
	for n := next / 3; ; n++ {
		slots <- struct{}{}
		s.Submit(triple(n), func(r persistence.Result) {
			if r.Outcome != persistence.Won {
				fmt.Fprintln(os.Stdout, n, r.Outcome, r.Err)
			}
			fmt.Fprintln(os.Stdout, n)
			<-slots
		})
	}
}

func triple(n int) persistence.Transition {
	var t persistence.Transition
	for i := 3 * n; i < 3*n+3; i++ {
		t.Puts = append(t.Puts, persistence.Put{
			Key: key(i), Body: []byte(strings.Repeat(strconv.Itoa(i)+" ", 60)),
			Claims: []persistence.Claim{{Space: "handle", Value: strconv.Itoa(i)}},
		})
	}
	return t
}

// TestKilledProcessLosesNothing kills a writing process again and again. This
// shows that what was acknowledged is recovered; that it was synced it cannot
// show, as the kernel outlives the process.
func TestKilledProcessLosesNothing(t *testing.T) {
	dir, acknowledged := t.TempDir(), 0
	random := rand.New(rand.NewPCG(1, 1))
	for round := range 5 {
		acknowledged = writeAndKill(t, dir, 300+random.IntN(1500), acknowledged)
		found := tripleCount(t, dir)
		if found < acknowledged {
			t.Fatalf("round %d: %d transitions acknowledged, %d found", round, acknowledged, found)
		}
		t.Logf("round %d: %d acknowledged, %d found", round, acknowledged, found)
		acknowledged = found
	}
}

// writeAndKill lets a child acknowledge more transitions, kills it in the
// middle of its work, and returns how many it has acknowledged by then.
func writeAndKill(t *testing.T, dir string, more, before int) int {
	t.Helper()
	cmd := child(t, "write", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := before
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() != strconv.Itoa(acknowledged) {
			t.Errorf("the child said %q, want %d", lines.Text(), acknowledged)
			break
		}
		acknowledged++
		if acknowledged == before+more {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		} // go on: what is in the pipe was acknowledged as well
	}
	_ = cmd.Process.Kill()
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Errorf("the child ended with %v", err)
	}
	return acknowledged
}

// tripleCount opens the store and returns how many whole transitions are in
// it, which must be the first ones, without a gap and each whole.
func tripleCount(t *testing.T, dir string) int {
	t.Helper()
	n, err := countTriples(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func countTriples(ctx context.Context, dir string) (int, error) {
	s, err := Open(Options{Dir: dir, MemTableSize: killMemTable})
	if err != nil {
		return 0, err
	}
	n := 0
	err = s.Recover(ctx, func(r persistence.Record) error {
		want := triple(n / 3).Puts[n%3]
		if r.Key != want.Key || r.Generation != 1 || string(r.Body) != string(want.Body) || r.Claims[0] != want.Claims[0] {
			return fmt.Errorf("record %d: %+v", n, r)
		}
		n++
		return nil
	})
	if err == nil && n%3 != 0 {
		err = fmt.Errorf("%d records; want whole transitions", n)
	}
	return n / 3, errors.Join(err, s.Close())
}

// childCounts prints how many whole transitions there are.
func childCounts() {
	n, err := countTriples(context.Background(), os.Getenv(childDir))
	if err != nil {
		fmt.Fprint(os.Stdout, err)
		return
	}
	fmt.Fprint(os.Stdout, n)
}
