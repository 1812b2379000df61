package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBackupWhereAFileHasOneName: some file systems, those of memory sticks and of
// Windows shares among them, know no links.
func TestBackupWhereAFileHasOneName(t *testing.T) {
	needs(t, "strace")
	n := newNode(t, nil)
	n.prefill(200)
	target := t.TempDir()
	saved := filepath.Join(target, "saved")
	backup := func() (string, error) {
		cmd := exec.Command("strace", "-f", "-o", "/dev/null", "-e", "inject=linkat:error=EPERM",
			binary(t), "store", "backup", "--config-file", n.conf, saved)
		cmd.SysProcAttr = dieWithParent()
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
	if said, err := backup(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	n.store("verify", "--backup", saved)
	before, err := os.Stat(saved)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := backup(); err == nil || !strings.Contains(said, "is there already") {
		t.Errorf("a second one of the same name: %v, %s", err, said)
	}
	if after, err := os.Stat(saved); err != nil || !os.SameFile(before, after) || after.Mode().Perm() != 0o600 {
		t.Errorf("the first one after that: %v, %v", after, err)
	}
	if left, _ := filepath.Glob(filepath.Join(target, "*")); len(left) != 1 {
		t.Errorf("there are %q", left)
	}
}
