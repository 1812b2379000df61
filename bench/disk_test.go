package bench

import (
	"errors"
	"os"
	"path/filepath"
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

// disk is a file to which records are appended, one sync each: what is below
// everything durable.
type disk struct{ file *os.File }

func openDisk(tb testing.TB) *disk {
	tb.Helper()
	f, err := os.Create(filepath.Join(diskDir(tb), "log"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return &disk{f}
}

func (d *disk) syncs(tb testing.TB, n int) Sample {
	tb.Helper()
	record := make([]byte, 440)
	m := &meter{tb: tb, pid: os.Getpid()}
	m.during(func() {
		for range n {
			_, err := d.file.Write(record)
			if err := errors.Join(err, syscall.Fdatasync(int(d.file.Fd()))); err != nil {
				tb.Fatal(err)
			}
		}
	})
	sample := m.sample(n)
	sample.P50 = 1e3 / sample.Rate // the mean
	return sample
}
