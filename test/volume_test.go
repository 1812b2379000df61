package test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// volume is a small file system of its own, with something else on it that
// takes up room.
type volume struct {
	t       *testing.T
	dir     string
	ballast *os.File
}

// newVolume mounts a file system in memory for the duration of the test, which
// only root can.
func newVolume(t *testing.T, size string) *volume {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no file system can be mounted for the test: %v", err)
		}
		t.Skipf("no file system can be mounted for the test, which needs root: %v", err)
	}
	v := &volume{t: t, dir: dir}
	t.Cleanup(func() {
		if v.ballast != nil {
			_ = v.ballast.Close()
		}
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	var err error
	if v.ballast, err = os.Create(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *volume) free() int64 {
	v.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(v.dir, &st); err != nil {
		v.t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// leave has the ballast grow or shrink until so many bytes are free.
func (v *volume) leave(free int64) {
	v.t.Helper()
	info, err := v.ballast.Stat()
	if err != nil {
		v.t.Fatal(err)
	}
	size, more := info.Size(), v.free()-free
	if more > 0 {
		err = syscall.Fallocate(int(v.ballast.Fd()), 0, size, more)
	} else {
		err = v.ballast.Truncate(max(0, size+more))
	}
	if err != nil {
		v.t.Fatalf("ballast of %d bytes and %d more: %v", size, more, err)
	}
}
