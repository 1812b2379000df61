package test

import (
	"strings"
	"syscall"
	"testing"
)

// readOnly makes the file system take no more writes, or take them again.
func (v *volume) readOnly(is bool) {
	v.t.Helper()
	var flags uintptr = syscall.MS_REMOUNT
	if is {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("tmpfs", v.dir, "tmpfs", flags, ""); err != nil {
		v.t.Fatalf("remount: %v", err)
	}
}

// TestReadOnlyStatePath: a state directory that cannot be written to is refused,
// by the service and by commands, and is as it was when it can.
func TestReadOnlyStatePath(t *testing.T) {
	v := newVolume(t, "256m")
	n := newNodeOn(t, v, options{})
	p := n.start()
	p.client().createProfile("pair", 2)
	made := p.client().create("pair")
	p.stop()
	if err := v.ballast.Close(); err != nil {
		t.Fatal(err)
	}
	v.ballast = nil
	v.readOnly(true)
	n.refuse(t, v.dir, "is not writable", "read-only file system")
	for _, verb := range []string{"verify", "dump"} {
		if r := n.storeCommand(verb); r.code != 1 || !strings.Contains(r.stderr, "is not writable") || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s: %+v, want one sentence", verb, r)
		}
	}
	v.readOnly(false)
	n.store("verify")
	p = n.start()
	if got := p.client().arqs(""); len(got) != len(made) {
		t.Errorf("%d ARQs are left of %d", len(got), len(made))
	}
}
