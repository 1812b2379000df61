package bench

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// A floor is measured in a process of its own, as the service is: this binary
// again, with the variable that tells it its role.
const (
	roleVariable = "ARQD_BENCH_ROLE"

	roleEcho  = "echo"
	roleRaw   = "raw"
	roleStore = "store"
	roleLoad  = "load"
	roleHeap  = "heap"
	roleList  = "list"
	roleWalk  = "walk"
)

type child struct {
	pid    int
	ask    *json.Encoder
	answer *json.Decoder
}

// startChild starts this binary in a role; it ends with the benchmark.
func startChild(tb testing.TB, role string) *child {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, out := begin(tb, cmd)
	tb.Cleanup(func() {
		_ = in.Close() // tells it to end
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			tb.Errorf("child process %s: %v", role, err)
		}
	})
	return &child{pid: cmd.Process.Pid, ask: json.NewEncoder(in), answer: json.NewDecoder(out)}
}

// begin starts a command with pipes, so that it dies with us whatever happens.
func begin(tb testing.TB, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	tb.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	return in, out
}

// call asks one question and waits for the answer.
func (c *child) call(tb testing.TB, question, answer any) {
	tb.Helper()
	if err := c.ask.Encode(question); err != nil {
		tb.Fatal(err)
	}
	if err := c.answer.Decode(answer); err != nil {
		tb.Fatal(err)
	}
}

// serveQuestions answers until the input ends.
func serveQuestions[Q, A any](ask *json.Decoder, answer *json.Encoder, reply func(Q) (A, error)) error {
	for {
		var q Q
		if err := ask.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := reply(q)
		if err != nil {
			return err
		}
		if err := answer.Encode(a); err != nil {
			return err
		}
	}
}

// generateLoad is the role of a client apart from the process under test.
func generateLoad(ask *json.Decoder, answer *json.Encoder) error {
	return serveQuestions(ask, answer, func(l Load) (Result, error) { return Run(background, l) })
}
