package test

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestPowerCutsAroundABackup cuts the power right after a backup, and in the middle of restoring it. What
// was said to be done is there as a whole. A store that is there in part is never served.
func TestPowerCutsAroundABackup(t *testing.T) {
	rng := rand.New(rand.NewPCG(seedOf(t), 1<<35))
	from := newPowered(t, rng, options{"arqd.admin_port": freePort(t)})
	p := from.start()
	c := p.client()
	c.createProfile("many", 50)
	c.create("many")
	c.create("many")
	saved := filepath.Join(from.disk.Dir, "backup")
	from.store("backup", saved)
	from.lose(p)
	for round := range roundsOf(t) {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			n := newPowered(t, rng, nil)
			n.disk.CutAfter(1+rng.IntN(300), rng.IntN(2) == 0)
			done := n.restoreUntilTheCut(saved)
			n.disk.ComeBack()
			if !done && n.refusesToServe() {
				return
			}
			p := n.start()
			arqs := len(p.client().arqs(""))
			t.Logf("the restore ended: %v; %d accelerator requests", done, arqs)
			if arqs != 100 && (done || arqs != 0) {
				t.Errorf("there are %d accelerator requests of 100", arqs)
			}
			p.kill()
			n.store("verify")
		})
	}
}

// restoreUntilTheCut tells whether the restore came to its end before the power went, which it does at its end
// at the latest.
func (n *powered) restoreUntilTheCut(saved string) (done bool) {
	n.t.Helper()
	cmd := exec.Command(binary(n.t), "store", "restore", "--config-file", n.conf, "--accept", saved)
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			n.t.Errorf("the restore failed: %v", err)
		}
		n.disk.CutNow()
		return err == nil
	case <-n.disk.Cut():
		_ = cmd.Process.Signal(syscall.SIGKILL)
		n.disk.Release()
		<-ended
		return false
	}
}

// refusesToServe tells whether the service does not start on what is there, and says why.
func (n *powered) refusesToServe() bool {
	n.t.Helper()
	p := n.launch()
	p.mayFail = true
	eventually(n.t, readyLimit, "ready or ended", func() bool { return p.log.says("ready") || !p.running() })
	if p.running() {
		p.kill()
		return false
	}
	if p.exit(stopLimit) != 1 || !strings.Contains(p.log.tail(), "restore") {
		n.t.Errorf("it ends without a sentence about the restore:\n%s", p.log.tail())
	}
	n.t.Logf("%s", p.log.tail())
	return true
}
