package test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyLimit = 30 * time.Second // from the start to readiness, on a slow machine
	stopLimit  = 25 * time.Second // from SIGTERM to the end
)

// process is one run of arqd.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *serviceLog
	done chan struct{} // closed when the process has ended

	api   string // URL of the API listener, without a path
	admin string // URL of the operators' listener

	mayDoubt bool // a device may be quarantined because a programming was cut short
	mayFail  bool // 5xx answers and errors in the log are part of the test
	past     bool // another one has taken its place: its log is of no interest
}

// launch starts arqd and does not wait for anything. The process ends with the
// test at the latest, and with the test binary whatever happens to that.
func (n *node) launch(env ...string) *process {
	n.t.Helper()
	p := &process{t: n.t, log: newServiceLog(), done: make(chan struct{})}
	p.cmd = exec.Command(n.program, "serve", "--config-file", n.conf)
	if n.descriptors > 0 {
		limited := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, n.descriptors)
		p.cmd = exec.Command("sh", slices.Concat([]string{"-c", limited}, p.cmd.Args)...)
	}
	p.cmd.Dir = n.dir
	p.cmd.Env = append(p.cmd.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		n.t.Fatalf("arqd does not start: %v", err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is read from ProcessState
		close(p.done)
	}()
	n.t.Cleanup(p.cleanUp)
	return p
}

// start launches arqd and waits until it is ready.
func (n *node) start(env ...string) *process {
	n.t.Helper()
	p := n.launch(env...)
	p.awaitReady()
	return p
}

func (p *process) awaitReady() {
	p.t.Helper()
	p.awaitLog(readyLimit, "arqd serves the accelerator API", "metrics, health and readiness are served", "ready")
	p.findAddresses()
	if reasons := p.unready(); len(reasons) > 0 {
		p.t.Fatalf("arqd says that it is ready, and /readyz does not: %q", reasons)
	}
}

// findAddresses takes the addresses of both listeners from the log.
func (p *process) findAddresses() {
	p.api = strings.TrimSuffix(p.log.url("arqd serves the accelerator API"), "/v2")
	p.admin = p.log.url("metrics, health and readiness are served")
}

// awaitLog waits for a log line with each of the messages.
func (p *process) awaitLog(limit time.Duration, messages ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, message := range messages {
		if !p.log.await(ctx, p.done, message) {
			p.t.Fatalf("no line %q in the log within %v:\n%s", message, limit, p.log.tail())
		}
	}
}

// running tells whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // it may have ended just now
}

// exit waits for the end of the process and gives its exit code; a process
// that does not end in time fails the test. -1: ended by a signal.
func (p *process) exit(limit time.Duration) int {
	p.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.signal(syscall.SIGQUIT) // the goroutines tell what it waits for
		<-p.done
		p.t.Fatalf("arqd did not end within %v:\n%s", limit, p.log.tail())
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop asks the process to end and fails the test when it does not do so in
// time, with exit code 0.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.exit(stopLimit); code != 0 {
		p.t.Fatalf("arqd ended with exit code %d:\n%s", code, p.log.tail())
	}
}

// kill ends the process at once, as a power cut would.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.exit(stopLimit)
}

func (p *process) cleanUp() {
	p.t.Helper()
	if p.running() {
		if p.t.Failed() {
			p.kill()
		} else {
			p.stop()
		}
	}
	p.checkLog()
	if p.t.Failed() && !p.past {
		p.t.Logf("the end of arqd's log:\n%s", p.log.tail())
	}
}

// checkLog fails the test for what no run may log: a panic or a race, a secret,
// and, where the test does not provoke them, 5xx answers and errors.
func (p *process) checkLog() {
	p.t.Helper()
	crashes, errs, failures := p.log.faults()
	for _, line := range crashes {
		p.t.Errorf("arqd crashed: %s", line)
	}
	for _, line := range p.log.shown() {
		p.t.Errorf("arqd logged a secret: %s", line)
	}
	if p.mayFail {
		return
	}
	for _, line := range errs {
		if p.mayDoubt && strings.Contains(line, "a device is quarantined") && strings.Contains(line, "it has to be programmed") {
			continue
		}
		p.t.Errorf("arqd logged an error: %s", line)
	}
	for _, line := range failures {
		p.t.Errorf("arqd answered 5xx: %s", line)
	}
}

// host gives the address of a listener, HOST:PORT.
func host(url string) string {
	_, address, _ := strings.Cut(url, "://")
	return address
}

// freePort gives a port that nobody listens on at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
