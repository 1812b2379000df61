package test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"time"
)

// storeLimit is for one run of `arqd store`.
const storeLimit = time.Minute

// ran is the end of a command.
type ran struct {
	code           int
	stdout, stderr string
}

// storeCommand runs `arqd store` with the node's configuration and further
// arguments.
func (n *node) storeCommand(command string, args ...string) ran {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(n.t), append([]string{"store", command, "--config-file", n.conf}, args...)...)
	cmd.Dir = n.dir
	cmd.SysProcAttr = dieWithParent()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		n.t.Fatalf("arqd store %s: %v", command, err)
	}
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// store runs `arqd store`, which has to succeed, and gives what it prints.
func (n *node) store(command string, args ...string) string {
	n.t.Helper()
	r := n.storeCommand(command, args...)
	if r.code != 0 {
		n.t.Fatalf("arqd store %s: exit code %d\n%s%s", command, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}
