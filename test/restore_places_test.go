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
	saved, err := os.ReadFile(savedStore(t, 20000))
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t, nil)
	cmd := exec.Command(binary(t), "store", "restore", "--config-file", n.conf, "-")
	cmd.SysProcAttr = dieWithParent()
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	half := len(saved) / 2
	_, err = in.Write(saved[:half])
	eventually(t, time.Minute, "the restore has begun", func() bool {
		_, err := os.Stat(filepath.Join(n.state(), "store.restoring"))
		return err == nil
	})
	err = errors.Join(err, cmd.Process.Signal(syscall.SIGINT))
	pause(100 * time.Millisecond)
	_, _ = in.Write(saved[half:]) // where it goes on until it is through, or has heard of the signal
	_ = in.Close()
	if ended := cmd.Wait(); err != nil || ended == nil || cmd.ProcessState.ExitCode() != 1 || said.String() != "arqd: interrupted\n" {
		t.Errorf("%v, %v: %q", err, ended, said.String())
	}
	if left, _ := filepath.Glob(filepath.Join(n.state(), "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
