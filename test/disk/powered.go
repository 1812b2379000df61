package disk

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Powered is a disk with a file system on it, for a test, that goes through cuts of its power.
// The test itself must not map files of it into memory: this process serves them, and would
// wait for itself where a page is not there.
type Powered struct {
	*Mount
	Lost int // blocks that were written, and that cuts have taken

	tb     testing.TB
	rng    *rand.Rand
	parent string
}

// NewPowered makes an empty one of a size in bytes, until the test ends. rng says what cuts leave. Where
// none can be had, as it needs root and FUSE, the test is skipped; in continuous integration it fails.
func NewPowered(tb testing.TB, rng *rand.Rand, size int64) *Powered {
	tb.Helper()
	p := &Powered{tb: tb, rng: rng, parent: tb.TempDir()}
	empty := New(size)
	err := empty.Make(p.parent)
	if err == nil {
		p.Mount, err = empty.Mount(p.parent)
	}
	if err != nil {
		unavailable(tb, err)
	}
	tb.Cleanup(func() {
		if p.Mount == nil {
			return
		}
		if err := p.Abandon(); err != nil {
			tb.Errorf("the disk stays: %v", err)
		}
	})
	return p
}

// unavailable skips a test for which there is no disk; in continuous integration it fails.
func unavailable(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("there is no disk whose power can be cut: %v", err)
	}
	tb.Skipf("there is no disk whose power can be cut, which needs root and FUSE: %v", err)
}

// Settings gives a test its chance, by ARQD_SEED, to repeat a run, or any, and how many
// cuts it makes, ARQD_ROUNDS, or so many.
func Settings(tb testing.TB, cuts int) (rng *rand.Rand, rounds int) {
	tb.Helper()
	seed := number("ARQD_SEED", rand.Uint64())
	tb.Logf("ARQD_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1)), int(number("ARQD_ROUNDS", uint64(cuts)))
}

func number(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// ComeBack has the power go, unless it has, and come back: the file system is what the cut has left, in
// the same directory. Whoever used it must be dead.
func (p *Powered) ComeBack() {
	p.tb.Helper()
	p.CutNow()
	next, lost := p.Survivor(p.rng)
	p.Lost += lost
	err := p.Abandon()
	p.Mount = nil
	if err != nil {
		p.tb.Fatalf("the disk stays: %v", err)
	}
	if p.Mount, err = next.Mount(p.parent); err != nil {
		p.tb.Fatalf("the file system does not survive: %v", err)
	}
}
