package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Mount is a disk in use: its file system is mounted.
type Mount struct {
	*Disk
	Dir string // where the file system is

	parent string
	end    func() error // of the serving
}

// makers are how each kind of file system is made, without handing back blocks, which
// the disk cannot take.
var makers = map[string][]string{
	"ext4":  {"mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"},
	"xfs":   {"mkfs.xfs", "-q", "-f", "-K"},
	"btrfs": {"mkfs.btrfs", "-q", "-f", "-K"},
}

// kind is that of the file systems: ARQD_FS, or ext4.
func kind() string { return cmp.Or(os.Getenv("ARQD_FS"), "ext4") }

// Make puts a file system on an empty disk.
func (d *Disk) Make(parent string) error {
	maker := makers[kind()]
	if maker == nil {
		return fmt.Errorf("no file system %q is known", kind())
	}
	m := &Mount{Disk: d, parent: parent}
	if err := m.serve(); err != nil {
		return err
	}
	return errors.Join(run(maker[0], slices.Concat(maker[1:], []string{m.file()})...), m.endServing())
}

// Mount mounts the file system of a disk below parent, which needs root. It is to be
// ended with Unmount, or after a cut with Abandon.
func (d *Disk) Mount(parent string) (*Mount, error) {
	m := &Mount{Disk: d, parent: parent, Dir: filepath.Join(parent, "mounted")}
	if err := m.serve(); err != nil {
		return nil, err
	}
	err := os.MkdirAll(m.Dir, 0o700)
	if err == nil {
		err = run("mount", "-t", kind(), "-o", "loop,noatime", m.file(), m.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, m.endServing())
	}
	return m, nil
}

// Unmount writes everything back.
func (m *Mount) Unmount() error {
	return errors.Join(run("umount", m.Dir), m.endServing())
}

// Abandon takes away what is left of the file system after a cut: nothing that is
// written now has any effect. Nobody may use it any more.
func (m *Mount) Abandon() error {
	m.Release()
	return m.Unmount()
}

func (m *Mount) served() string { return filepath.Join(m.parent, "served") }

func (m *Mount) file() string { return filepath.Join(m.served(), fileName) }

func (m *Mount) serve() error {
	err := os.MkdirAll(m.served(), 0o700)
	if err == nil {
		m.end, err = m.Disk.serve(m.served())
	}
	return err
}

// endServing waits for the kernel to let go of the loop device, which it does
// a moment after the file system is gone.
func (m *Mount) endServing() error {
	var err error
	for range 100 {
		if err = m.end(); err == nil || !errors.Is(err, syscall.EBUSY) {
			return err
		}
		pause()
	}
	return err
}

func pause() { <-time.After(20 * time.Millisecond) }

func run(name string, args ...string) error {
	if out, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
