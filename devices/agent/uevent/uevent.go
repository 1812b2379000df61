// Package uevent tells of what the kernel says about devices that come, go and
// change.
package uevent

import (
	"context"
	"errors"
	"strings"

	"github.com/arqd/arqd/devices/sysfs"
)

// Event is one message about one device.
type Event struct {
	Action    string // add, remove, change, bind ...
	Subsystem string
	Path      string // below /sys
	// Slot is the PCI function, of subsystem pci; false: it is none.
	Slot  sysfs.Address
	IsPCI bool
	// Lost stands for messages that were not received: anything may have happened.
	Lost bool
}

// Source is where events come from. Run hands over each until ctx ends, or nothing
// more can come, which is its error.
type Source interface {
	Run(ctx context.Context, events func(Event)) error
}

// subsystems are those in which accelerators show.
var subsystems = map[string]bool{
	"pci": true, "mdev": true, "net": true, "nvme": true, "fpga": true, "fpga_region": true, "mdev_bus": true,
}

// Matters says whether an inventory may be another one after it.
func (e *Event) Matters() bool { return e.Lost || subsystems[e.Subsystem] }

// errFormat is what is no message of the kernel.
var errFormat = errors.New("it is no uevent")

// Parse reads a message: ACTION@DEVPATH, then KEY=VALUE, each ended by a NUL.
func Parse(message []byte) (Event, error) {
	fields := strings.Split(strings.TrimSuffix(string(message), "\x00"), "\x00")
	action, path, ok := strings.Cut(fields[0], "@")
	if !ok {
		return Event{}, errFormat // libudev's own, for one
	}
	e := Event{Action: action, Path: path}
	for _, field := range fields[1:] {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "SUBSYSTEM":
			e.Subsystem = value
		case "PCI_SLOT_NAME":
			if a, err := sysfs.ParseAddress(value); err == nil {
				e.Slot, e.IsPCI = a, true
			}
		}
	}
	if e.Subsystem == "pci" && !e.IsPCI {
		if a, err := sysfs.ParseAddress(path[strings.LastIndexByte(path, '/')+1:]); err == nil {
			e.Slot, e.IsPCI = a, true
		}
	}
	return e, nil
}

// mostBytes is the longest message: the kernel's are at most 2 KiB and a header.
const mostBytes = 16 << 10
