package journal

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/test/disk"
)

// What was put is there after the power of the host's disk has gone, in the middle of any write: of
// what was not synced any part is there, in any order.
func TestItRemembersThroughPowerCuts(t *testing.T) {
	rng, rounds := disk.Settings(t, 20)
	d := disk.NewPowered(t, rng, 320<<20)
	dir := filepath.Join(d.Dir, "agent")
	known := map[uuid.UUID]string{} // what was acknowledged last of each command
	puts := 0
	for round := range rounds {
		d.CutAfter(1+rng.IntN(1000), rng.IntN(2) == 0)
		go func(m *disk.Mount) {
			<-m.Cut()
			m.Release() // what is under way fails
		}(d.Mount)
		failed, more := putUntilTheCut(rng, dir, known)
		puts += more
		d.ComeBack()
		j := open(t, dir)
		for id, state := range known {
			got := stateOf(j.Find(id))
			over := state == acknowledged && got == nothing // of those only the last are kept
			if got != state && !over && (id != failed.id || got != failed.state) {
				t.Errorf("round %d: of %s the journal knows %q, want %q", round, id, got, state)
			}
			known[id] = got
		}
		must(t, j.Close())
		if t.Failed() {
			return
		}
	}
	if d.Lost == 0 {
		t.Error("no cut has taken anything")
	}
	t.Logf("%d puts acknowledged, 0 lost; %d blocks lost", puts, d.Lost)
}

const (
	nothing      = "nothing"
	acknowledged = "done true"
)

func stateOf(e *Entry) string {
	if e == nil {
		return nothing
	}
	return string(e.Result.State) + " " + strconv.FormatBool(e.Acknowledged)
}

// attempt is a put that failed: it may have happened.
type attempt struct {
	id    uuid.UUID
	state string
}

// putUntilTheCut has commands begin, end and be acknowledged, and gives the put that failed.
func putUntilTheCut(rng *rand.Rand, dir string, known map[uuid.UUID]string) (failed attempt, puts int) {
	j, err := Open(dir)
	if err != nil {
		return attempt{}, 0
	}
	defer func() { _ = j.Close() }()
	j.most, j.kept = 200_000, 3 // it is written anew now and then
	put := func(id uuid.UUID, state string, put func() error) bool {
		if err := put(); err != nil {
			failed = attempt{id, state}
			return false
		}
		known[id] = state
		puts++
		return true
	}
	for {
		c := command()
		result := &protocol.Result{State: protocol.ResultDone, Message: strings.Repeat("x", rng.IntN(9000))}
		if !put(c.ID, "running false", func() error { return j.Begin(c) }) ||
			!put(c.ID, "done false", func() error { return j.End(c, result) }) ||
			!put(c.ID, acknowledged, func() error { return j.Acknowledge(c.ID) }) {
			return failed, puts
		}
	}
}
