package test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEveryAnswerWaitsForTheDisk looks at what the service asks of the kernel:
// between the arrival of a change and the first byte of its answer the files of
// the store are synced. A kill cannot show that: what a killed process has
// written to its maps stays. Power cuts are what it is for.
func TestEveryAnswerWaitsForTheDisk(t *testing.T) {
	needs(t, "strace")
	p := start(t, nil)
	c := p.client()
	d := c.deployable()
	c.profiles() // the connection is there
	trace := attachStrace(t, p.cmd.Process.Pid)

	const rounds = 20
	c.createProfile("one", 1)
	for range rounds {
		id := c.create("one")[0]
		c.bind(d, newUUID(), id)
		p.comesToRest() // an event goes from the store after its delivery, in a write of its own
		pause(20 * time.Millisecond)
		c.unbind(id)
		c.delete(id)
	}
	c.want(http.StatusNoContent, http.MethodPost, "/devices/"+c.devices()[0].UUID+"/disable", nil)
	c.want(http.StatusNoContent, http.MethodDelete, "/device_profiles/one", nil)
	const changes = 4*rounds + 3

	seen := tracedChanges(trace())
	if len(seen) != changes {
		t.Fatalf("%d changes were seen on their way, %d were made", len(seen), changes)
	}
	for i, x := range seen {
		if x.syncs == 0 {
			t.Errorf("change %d, %s, was answered before anything was synced", i, x.request)
		}
	}
}

// attachStrace follows the system calls of a process until trace is called,
// which gives them, a line each, in order.
func attachStrace(t *testing.T, pid int) (trace func() []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	release := straced(t, pid, "-s", "60", "-o", file, "-e", "trace=read,write,writev,msync,fsync,fdatasync")
	return func() []byte {
		t.Helper()
		release()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// straced attaches strace to a process, until release is called.
func straced(t *testing.T, pid int, args ...string) (release func()) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "strace", append(args, "-f", "-p", strconv.Itoa(pid))...)
	cmd.SysProcAttr = dieWithParent()
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	lines.Scan() // the process is attached, or cannot be
	if first := lines.Text(); !strings.Contains(first, "attached") {
		_ = cmd.Wait()
		if os.Getenv("CI") == "true" {
			t.Fatal(first)
		}
		t.Skip(first)
	}
	drained := make(chan struct{})
	go func() {
		for lines.Scan() {
		}
		close(drained)
	}()
	return func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // it lets go of the process
		<-drained
		_ = cmd.Wait()
	}
}

// tracedChange is a change and what was synced before the answer went out.
type tracedChange struct {
	request string
	syncs   int
}

var (
	changeArrives = regexp.MustCompile(`read.*"((?:POST|PATCH|DELETE) \S+)`)
	syncReturns   = regexp.MustCompile(`(msync|fsync|fdatasync)(\(| resumed>).*\) += 0$`)
	answerLeaves  = regexp.MustCompile(`writev?\(.*"HTTP/1.1 20`)
)

// tracedChanges reads a trace. A system call that others overtake is in two lines
// of it, of which the first is where it began: for an answer that counts, for a
// sync the end does.
func tracedChanges(trace []byte) []tracedChange {
	var done []tracedChange
	var now *tracedChange
	for line := range bytes.Lines(trace) {
		line = bytes.TrimSpace(line)
		switch m := changeArrives.FindSubmatch(line); {
		case m != nil:
			now = &tracedChange{request: string(m[1])}
		case now == nil:
		case syncReturns.Match(line):
			now.syncs++
		case answerLeaves.Match(line):
			done = append(done, *now)
			now = nil
		}
	}
	return done
}
