package bench

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// tmpfs is the magic number of a file system in memory.
const tmpfs = 0x01021994

// diskDir makes a directory that lives as long as the benchmark.
func diskDir(tb testing.TB) string {
	tb.Helper()
	dir, err := makeDiskDir()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

// makeDiskDir makes a directory on a real disk: a sync to memory costs
// nothing. /var/tmp is for systems with /tmp in memory.
func makeDiskDir() (string, error) {
	for _, parent := range []string{os.TempDir(), "/var/tmp"} {
		var fs syscall.Statfs_t
		if syscall.Statfs(parent, &fs) == nil && fs.Type != tmpfs {
			return os.MkdirTemp(parent, "arqd-bench-")
		}
	}
	return "", errors.New("no directory on a disk: set TMPDIR to one")
}
