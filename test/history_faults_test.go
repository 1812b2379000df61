package test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// suffering is what a process is made to do to itself.
type suffering struct {
	text    string // for ARQD_FAULTS
	devices bool   // their work may fail
	kill    bool   // it ends itself at a write
}

// newSuffering chooses.
func (run *historyRun) newSuffering() suffering {
	s := suffering{text: fmt.Sprintf("seed=%d", run.rng.Uint32())}
	add := func(fault, word string) {
		s.text += " " + word
		run.count(fault)
	}
	switch run.rng.IntN(4) {
	case 0:
		add("slow disk", "slow=10/5ms")
	case 1:
		add("slow disk", "slow=30/20ms")
	}
	if run.rng.IntN(4) == 0 {
		add("forgetful disk", "forget=3")
	}
	switch run.rng.IntN(3) {
	case 0:
		add("slow devices", "device=0/60ms")
	case 1:
		add("failing devices", "device=30/120ms")
		s.devices = true
	}
	if run.rng.IntN(3) == 0 {
		s.kill = true
		moment := one(run.rng, []string{"before", "after"})
		s.text += fmt.Sprintf(" kill=%d/%s", 1+run.rng.IntN(600), moment)
	}
	return s
}

// torment makes the service suffer while its clients work, until they are done;
// sometimes it is killed just then, and nobody repairs what that has left.
func (run *historyRun) torment(done <-chan struct{}) {
	run.t.Helper()
	most := 100 * time.Millisecond // an epoch without faults takes about so long
	for {
		next := time.NewTimer(time.Duration(run.rng.Int64N(int64(most))))
		most = time.Second
		p := run.service.Load()
		select {
		case <-done:
			next.Stop()
			if run.rng.IntN(4) == 0 {
				run.kill(p)
			}
			return
		case <-p.done:
			next.Stop()
			run.count("killed itself at a write")
			run.revive()
		case <-next.C:
			run.strike(p)
		}
	}
}

// strike does something to a process.
func (run *historyRun) strike(p *process) {
	run.t.Helper()
	switch run.rng.IntN(8) {
	case 0, 1, 2:
		run.kill(p)
	case 3, 4:
		run.count("stopped for a while")
		p.signal(syscall.SIGSTOP)
		pause(time.Duration(run.rng.Int64N(int64(2500 * time.Millisecond))))
		p.signal(syscall.SIGCONT)
	case 5:
		run.count("stop and start")
		p.signal(syscall.SIGTERM)
		p.exit(stopLimit)
		run.revive()
	default: // a while of peace
	}
}

func (run *historyRun) kill(p *process) {
	run.t.Helper()
	run.count("kill")
	p.kill()
	run.revive()
}

// revive starts a process where one has ended, after a look at what it left
// behind, and another one if that ends itself before it is ready.
func (run *historyRun) revive() {
	run.t.Helper()
	for p := run.service.Load(); ; run.count("killed itself at a start") {
		if code := p.exit(stopLimit); code > 0 {
			run.t.Fatalf("arqd ended by itself, with exit code %d:\n%s", code, p.log.tail())
		}
		p.past = true
		run.recorder.Restarted(len(run.cells))
		run.verifyStore()
		run.suffers = run.newSuffering()
		run.unreliable = run.unreliable || run.suffers.devices
		p = run.node.launch("ARQD_FAULTS=" + run.suffers.text)
		p.mayFail = true
		if run.comesUp(p) {
			run.service.Store(p)
			return
		}
	}
}

// comesUp waits until a process is ready. Only its log is asked: it may end
// itself just then.
func (run *historyRun) comesUp(p *process) bool {
	run.t.Helper()
	for _, message := range []string{"arqd serves the accelerator API", "metrics, health and readiness are served", "ready"} {
		ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
		said := p.log.await(ctx, p.done, message)
		cancel()
		switch {
		case !said && !p.running() && run.suffers.kill:
			return false
		case !said:
			run.t.Fatalf("no line %q in the log:\n%s", message, p.log.tail())
		}
	}
	p.findAddresses()
	if p.log.says("a bind was cut short by a restart and fails") {
		run.count("preparation cut short")
	}
	return true
}

// verifyStore looks at the data of a service that does not run.
func (run *historyRun) verifyStore() {
	run.t.Helper()
	out, err := exec.Command(run.node.program, "store", "verify", "--config-file", run.node.conf).CombinedOutput()
	if err != nil || strings.Contains(string(out), "VIOLATION") {
		run.t.Errorf("epoch %d: arqd store verify: %v\n%s", run.epoch, err, out)
	}
}
