package test

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/arqd/arqd/test/disk"
)

// powered is a node whose state is on a disk of its own, the power of which can be cut.
type powered struct {
	*node
	disk *disk.Powered
}

func newPowered(t *testing.T, rng *rand.Rand, opts options) *powered {
	t.Helper()
	needs(t, "disk")
	n := &powered{node: newNode(t, nil), disk: disk.NewPowered(t, rng, 512*mebibyte)}
	all := options{"DEFAULT.state_path": filepath.Join(n.disk.Dir, "state")}
	maps.Copy(all, opts)
	n.configure(all)
	return n
}

// awaitCut waits until the power has gone.
func (n *powered) awaitCut(p *process) {
	n.t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case <-n.disk.Cut():
	case <-p.done:
		n.t.Fatalf("the process has ended by itself:\n%s", p.log.tail())
	case <-timer.C:
		n.t.Fatalf("the power is still there after %d requests to the disk:\n%s", n.disk.Requests(), p.log.tail())
	}
}

// awaitCutOr waits until the power has gone, something else is so, or the process has ended.
func (n *powered) awaitCutOr(p *process, what string, so func() bool) {
	n.t.Helper()
	eventually(n.t, readyLimit, "the power gone, or the process "+what, func() bool {
		select {
		case <-n.disk.Cut():
			return true
		default:
			return so() || !p.running()
		}
	})
}

// lose ends a process as a cut of the power does: from the cut on, which is now at the latest,
// it hears nothing of the disk, and it is dead before that would fail. Then the power is back.
func (n *powered) lose(p *process) {
	n.t.Helper()
	n.disk.CutNow()
	p.signal(syscall.SIGKILL)
	n.disk.Release()
	p.exit(stopLimit)
	n.disk.ComeBack()
}
