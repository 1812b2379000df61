package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
