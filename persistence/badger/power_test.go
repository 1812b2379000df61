package badger

import (
	"bufio"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/arqd/arqd/test/disk"
)

// TestPowerCutsLoseNothing cuts the power of the disk under a writing process again and again,
// which changes log files, writes tables and merges them all the time.
func TestPowerCutsLoseNothing(t *testing.T) {
	rng, rounds := disk.Settings(t, 3)
	acknowledged, lost := 0, 0
	for left := rounds; left > 0; left -= cutsOfADisk {
		skipped := false
		t.Run(strconv.Itoa(left), func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			d := disk.NewPowered(t, rng, 512<<20)
			acknowledged += writeThroughCuts(t, d, rng, min(left, cutsOfADisk))
			lost += d.Lost
		})
		if skipped {
			t.SkipNow()
		}
	}
	if lost == 0 {
		t.Error("no cut has taken anything")
	}
	t.Logf("%d transitions acknowledged, 0 lost; %d blocks lost", acknowledged, lost)
}

// cutsOfADisk are so few that it does not fill up.
const cutsOfADisk = 12

// writeThroughCuts has a store go through some cuts, and gives what is in it then.
func writeThroughCuts(t *testing.T, d *disk.Powered, rng *rand.Rand, cuts int) (acknowledged int) {
	t.Helper()
	dir := filepath.Join(d.Dir, "state")
	for round := 0; round < cuts || d.Lost == 0 && round < cutsOfADisk; round++ { // some cuts take nothing
		acknowledged = writeAndCut(t, d, rng, dir, acknowledged)
		text := outputOfChild(t, "count", dir) // see disk.Powered for why not here
		found, err := strconv.Atoi(text)
		if err != nil || found < acknowledged {
			t.Fatalf("round %d: %d transitions acknowledged, found: %s", round, acknowledged, text)
		}
		acknowledged = found
	}
	return acknowledged
}

// writeAndCut has a child write until the power goes, and returns how many transitions it has
// acknowledged by then. The power is back afterwards.
func writeAndCut(t *testing.T, d *disk.Powered, rng *rand.Rand, dir string, before int) (acknowledged int) {
	t.Helper()
	cmd := child(t, "write", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.CutAfter(1+rng.IntN(1500), rng.IntN(2) == 0)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	acknowledged = before
	reader.Go(func() {
		defer d.CutNow() // the child has ended, or something is wrong
		for lines := bufio.NewScanner(out); lines.Scan(); acknowledged++ {
			if lines.Text() != strconv.Itoa(acknowledged) {
				t.Errorf("the child said %q, want %d", lines.Text(), acknowledged)
				return
			}
		}
	})
	<-d.Cut()
	_ = cmd.Process.Signal(syscall.SIGKILL)
	d.Release()
	reader.Wait()
	_ = cmd.Wait() // it was killed
	d.ComeBack()
	return acknowledged
}
