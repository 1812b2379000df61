package test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// savedStore gives a backup of so many ARQs.
func savedStore(t *testing.T, arqs int) (file string) {
	t.Helper()
	n := newNode(t, nil)
	n.prefill(arqs)
	file = filepath.Join(n.dir, "saved")
	n.store("backup", file)
	return file
}

// TestRestoreWithoutRoom: it is said in one sentence that nothing was restored,
// and nothing is left of it.
func TestRestoreWithoutRoom(t *testing.T) {
	saved := savedStore(t, 10000)
	v := newVolume(t, "128m")
	n := newNodeOn(t, v, options{})
	v.leave(36 * mebibyte)
	r := n.storeCommand("restore", saved)
	if r.code != 1 || !strings.Contains(r.stderr, "too little space") || !strings.Contains(r.stderr, "nothing was restored") ||
		strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("with little room: %+v", r)
	}
	if left, _ := filepath.Glob(filepath.Join(v.dir, "state", "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	v.leave(100 * mebibyte)
	n.store("restore", saved)
}

// TestRestoreWhereAFileSystemIsMounted: a directory cannot take the place of one
// on which a file system is mounted. That is said before anything is read.
func TestRestoreWhereAFileSystemIsMounted(t *testing.T) {
	saved := savedStore(t, 200)
	v := newVolume(t, "128m")
	if err := os.Remove(v.ballast.Name()); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, nil)
	if err := os.MkdirAll(n.state(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(v.dir, filepath.Join(n.state(), "store")); err != nil {
		t.Fatal(err)
	}
	r := n.storeCommand("restore", saved)
	if r.code != 1 || !strings.Contains(r.stderr, v.dir+" is where a file system is mounted") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("%+v", r)
	}
}

// TestInterruptedRestore leaves nothing, and no store.
func TestInterruptedRestore(t *testing.T) {
	n := newNode(t, nil)
	code, said := n.endsRestore(savedStore(t, 20000), syscall.SIGINT)
	if code != 1 || said != "arqd: interrupted\n" {
		t.Errorf("exit code %d: %q", code, said)
	}
	if left, _ := filepath.Glob(filepath.Join(n.state(), "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestKilledRestore: no empty store takes the place of the one that was to be
// restored. It can be restored again.
func TestKilledRestore(t *testing.T) {
	saved := savedStore(t, 20000)
	n := newNode(t, nil)
	n.endsRestore(saved, syscall.SIGKILL)
	n.refuse(t, "a restore into it was begun and has not ended", "remove "+filepath.Join(n.state(), "store.restoring"))
	n.store("restore", saved)
	p := n.start()
	if got := len(p.client().arqs("")); got != 20000 {
		t.Errorf("%d ARQs, want 20000", got)
	}
	p.stop()
}

// endsRestore ends a restore half-way with a signal, and gives its exit code and what
// it said.
func (n *node) endsRestore(file string, with syscall.Signal) (code int, said string) {
	n.t.Helper()
	saved, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command(binary(n.t), "store", "restore", "--config-file", n.conf, "-")
	cmd.SysProcAttr = dieWithParent()
	var text bytes.Buffer
	cmd.Stderr = &text
	in, err := cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	half := len(saved) / 2
	_, err = in.Write(saved[:half])
	eventually(n.t, time.Minute, "the restore has begun", func() bool {
		_, err := os.Stat(filepath.Join(n.state(), "store.restoring"))
		return err == nil
	})
	err = errors.Join(err, cmd.Process.Signal(with))
	pause(100 * time.Millisecond)
	_, _ = in.Write(saved[half:]) // where it goes on until it is through, or has heard of the signal
	_ = in.Close()
	if ended := cmd.Wait(); err != nil || ended == nil {
		n.t.Errorf("%v, %v", err, ended)
	}
	return cmd.ProcessState.ExitCode(), text.String()
}
