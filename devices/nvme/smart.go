package nvme

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/record"
)

// A disk says of itself how it is in the log page SMART / Health Information
// (NVM Express Base Specification, Get Log Page). It is read only while the
// kernel's nvme driver has the disk: a guest's own disk has no node here.

// logSMART is the page's first byte: what the disk warns of.
type logSMART byte

// warnings are the bits of Critical Warning, from the lowest.
var warnings = [8]string{
	"the disk has little spare capacity left",
	"the disk is too hot or too cold",
	"the disk has become unreliable",
	"the disk can only be read any more",
	"the disk's cache has lost its backup power",
	"the disk's persistent memory can only be read or is unreliable",
	"the disk warns of something unknown (bit 6)",
	"the disk warns of something unknown (bit 7)",
}

// worsen adds what the disk warns of.
func (l logSMART) worsen(h *devices.Health) {
	for bit, warning := range warnings {
		if l>>bit&1 == 1 {
			h.Worsen(devices.HealthFailed, warning)
		}
	}
}

// Health describes the function, and asks the disk if there is a way to.
func (d *Driver) Health(ctx context.Context, device devices.ControlPathID) (devices.Health, error) {
	h, err := d.Driver.Health(ctx, device)
	if err != nil || h.State == devices.HealthGone {
		return h, err
	}
	node, found := d.node(device)
	if !found {
		return h, nil
	}
	log, err := d.ask(ctx, node)
	switch {
	case err == nil:
		log.worsen(&h)
	case errors.Is(err, errBusy):
		h.Worsen(devices.HealthFailed, "the disk does not answer")
	case ctx.Err() != nil:
		return devices.Health{}, fmt.Errorf("%s has not answered: %w", node, err)
	}
	return h, nil // that it may not, or cannot, be asked says nothing about it
}

// node gives the disk's character device.
func (d *Driver) node(device devices.ControlPathID) (string, bool) {
	address, err := record.ParsePCI(device.Info)
	if err != nil {
		return "", false
	}
	entries, err := os.ReadDir(d.Bus.FunctionDir(address) + "/nvme")
	if err != nil || len(entries) == 0 {
		return "", false
	}
	node := d.Bus.Path("dev", entries[0].Name())
	info, err := os.Stat(node)
	return node, err == nil && info.Mode()&fs.ModeCharDevice != 0
}

// errBusy is a disk that has not answered an earlier question yet. The kernel
// cannot be interrupted in it, so there is never a second one.
var errBusy = errors.New("the disk has not answered the last question yet")

// ask reads the log, and leaves the question to itself when ctx ends first.
func (d *Driver) ask(ctx context.Context, node string) (logSMART, error) {
	if _, busy := d.asked.LoadOrStore(node, true); busy {
		return 0, errBusy
	}
	type answer struct {
		log logSMART
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		log, err := d.smart(node)
		d.asked.Delete(node)
		answered <- answer{log, err}
	}()
	select {
	case a := <-answered:
		return a.log, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// adminCommand is struct nvme_admin_cmd of linux/nvme_ioctl.h.
type adminCommand struct {
	opcode        uint8
	_             [3]uint8
	namespace     uint32
	_             [4]uint32 // two double words of no use here, and the metadata's address
	address       uint64
	_             uint32 // length of the metadata
	length        uint32
	dword10       uint32
	_             [5]uint32 // double words 11 to 15
	timeoutMillis uint32
	_             uint32 // the result
}

const (
	ioctlAdmin    = 0xc0484e41 // _IOWR('N', 0x41, struct nvme_admin_cmd)
	opGetLogPage  = 0x02
	pageSMART     = 0x02
	allNamespaces = 0xffffffff
	pageSize      = 512
	smartTimeout  = 5000 // milliseconds
)

// readSMART asks a disk; the question changes nothing.
func readSMART(node string) (logSMART, error) {
	f, err := os.OpenFile(node, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var pinner runtime.Pinner // the kernel writes to an address that Go does not see
	defer pinner.Unpin()
	page := new([pageSize]byte)
	pinner.Pin(page)
	c := adminCommand{
		opcode: opGetLogPage, namespace: allNamespaces,
		address: uint64(uintptr(unsafe.Pointer(page))), length: pageSize,
		dword10:       pageSMART | (pageSize/4-1)<<16, // the length in double words, less one
		timeoutMillis: smartTimeout,
	}
	status, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), ioctlAdmin, uintptr(unsafe.Pointer(&c)))
	if errno != 0 {
		return 0, fmt.Errorf("%s: get the SMART log: %w", node, errno)
	}
	if status != 0 {
		return 0, fmt.Errorf("%s: get the SMART log: status %#x", node, status)
	}
	return logSMART(page[0]), nil
}
