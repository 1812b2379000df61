package test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// vgpuKernel plays the kernel for one type of mediated device of a tree: what is
// written to "create" is there then, and what is written to "remove" takes it away.
// Who looks in between sees one of both sums wrong; the kernel says when it is done.
type vgpuKernel struct {
	t    *testing.T
	host *hypervisor
	dir  string // of the type
	was  []string

	creations atomic.Int64
	counting  sync.Mutex
}

func (c *hypervisor) vgpuKernel(address, vgpu string) *vgpuKernel {
	c.t.Helper()
	k := &vgpuKernel{t: c.t, host: c, dir: c.sys("class", "mdev_bus", address, "mdev_supported_types", vgpu)}
	k.was = k.made()
	k.serve(filepath.Join(k.dir, "create"), func(id string) bool {
		device := filepath.Join(k.dir, "devices", id)
		if err := os.Mkdir(device, 0o755); err != nil {
			k.t.Errorf("made twice: %v", err)
			return true
		}
		k.creations.Add(1)
		k.available(-1)
		_ = c.say("add", "mdev", "/devices/mdev/"+id)
		k.serve(filepath.Join(device, "remove"), func(string) bool {
			if err := os.RemoveAll(device); err != nil {
				k.t.Error(err)
			}
			k.available(+1)
			_ = c.say("remove", "mdev", "/devices/mdev/"+id)
			return false
		})
		return true
	})
	return k
}

// serve makes a pipe in place of an attribute, and hands over what is written to
// it, as long as that wants more.
func (k *vgpuKernel) serve(name string, written func(text string) bool) {
	_ = os.Remove(name)
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		k.t.Error(err)
		return
	}
	// Open for writing too, it never waits for the other side, and never ends.
	pipe, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		k.t.Error(err)
		return
	}
	k.t.Cleanup(func() { _ = pipe.Close() })
	go func() {
		buf := make([]byte, 64)
		for {
			n, err := pipe.Read(buf)
			if err != nil || !written(string(buf[:n])) {
				return
			}
		}
	}()
}

func (k *vgpuKernel) available(more int) {
	k.counting.Lock()
	defer k.counting.Unlock()
	file := filepath.Join(k.dir, "available_instances")
	text, err := os.ReadFile(file)
	n, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || bad != nil {
		k.t.Errorf("%v %v", err, bad)
		return
	}
	next := file + ".next" // nobody reads half of it
	if err := errors.Join(os.WriteFile(next, []byte(strconv.Itoa(n+more)+"\n"), 0o600), os.Rename(next, file)); err != nil {
		k.t.Error(err)
	}
}

// made gives the uuids of what there is beside what the tree had.
func (k *vgpuKernel) made() []string {
	k.t.Helper()
	entries, err := os.ReadDir(filepath.Join(k.dir, "devices"))
	if err != nil {
		k.t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !slices.Contains(k.was, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}

// reboot starts the machine anew: what was made is gone, and the kernel has another
// id of its start.
func (k *vgpuKernel) reboot() {
	k.t.Helper()
	for _, id := range k.made() {
		if err := os.RemoveAll(filepath.Join(k.dir, "devices", id)); err != nil {
			k.t.Fatal(err)
		}
		k.available(+1)
	}
	k.host.reboot()
}

// reboot has the tree be that of another start of the machine.
func (c *hypervisor) reboot() {
	c.t.Helper()
	file := filepath.Join(c.root, "proc", "sys", "kernel", "random", "boot_id")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		c.t.Fatal(err)
	}
	writeFile(c.t, file, []byte(newUUID()+"\n"))
}
