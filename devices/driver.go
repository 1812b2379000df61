package devices

import (
	"context"
	"slices"
)

// Driver finds and operates the devices of one family. It keeps no state
// between calls: what it says is what the hardware shows at that moment.
// devices/drivertest holds every driver against this contract.
//
// Discover says all that the driver is responsible for. Nothing found is an
// empty Found; an error means that the driver could not look, and its Found
// is then no inventory. A single device that cannot be read is neither: it
// becomes a Problem, and the rest is reported. The order of devices, and every
// text in them, is the same as long as the hardware is.
//
// Do carries out one command and returns when the device has finished.
// ProgramFPGA, CreateMdev and SetVGPUType prepare a device for a guest; RemoveMdev,
// and SetVGPUType with NoVGPU, take back what a guest had. The mdev and vGPU commands
// may be repeated: what is done already succeeds. A kind that the driver does not know is refused with
// ErrUnsupported; Commands gives the others. Where ProgramFPGA has ended before the
// device had, so that nobody knows what is loaded, the error wraps ErrUnknownState. Calls for different devices may run at the same time, calls
// for one device never do.
//
// Health describes one device that the driver has reported, as it is at that
// moment: since a driver remembers nothing, errors that are counted do not make
// a device worse, only their growth does, which whoever has a memory sees in
// Health.Errors. What cannot be read is no fault of the device.
//
// Discover, Do and Health return promptly when ctx ends.
type Driver interface {
	// Name is the driver's name in [agent]enabled_drivers.
	Name() string
	Discover(ctx context.Context) (Found, error)
	Commands() []CommandKind
	Do(ctx context.Context, c Command) error
	Health(ctx context.Context, device ControlPathID) (Health, error)
}

// Found is the outcome of one look at the hardware.
type Found struct {
	Devices []Device
	// Problems are what could not be read, or not be offered as asked.
	Problems []Problem
	// Notes are sentences for the operator about what is not reported and is
	// no fault of the hardware.
	Notes []string
}

// Problem is one function of the host about which something is wrong.
type Problem struct {
	Where string      `json:"where"` // address, dddd:bb:ss.f
	Kind  ProblemKind `json:"kind"`
	// Detail is for people; it may change from one version to the next.
	Detail string `json:"-"`
}

// ProblemKind says what is wrong. While a function has a problem other than
// ProblemGone, its absence from the inventory is no reason to forget it.
type ProblemKind string

const (
	// ProblemGone is a function that was listed and then was not there. It is
	// information only: such a function is absent.
	ProblemGone ProblemKind = "gone"
	// ProblemUnreadable is a function that is there and does not say what it is.
	ProblemUnreadable ProblemKind = "unreadable"
	// ProblemVGPUType is a function that is configured for a vGPU type which it
	// does not have.
	ProblemVGPUType ProblemKind = "vgpu_type_unsupported"
	// ProblemNoNetdev is a network card without an interface, so that nothing
	// is known of its physical network and function. It is reported without.
	ProblemNoNetdev ProblemKind = "no_netdev"
)

// HealthState sums up the health of a device.
type HealthState string

const (
	// HealthOK is a device with nothing to complain of.
	HealthOK HealthState = "ok"
	// HealthDegraded is a device that works, less well than it could.
	HealthDegraded HealthState = "degraded"
	// HealthFailed is a device that says itself that it cannot be relied on.
	HealthFailed HealthState = "failed"
	// HealthGone is a device that is not there any more.
	HealthGone HealthState = "gone"
)

// Health is how a device is, and why that is so, one sentence a reason. No
// reason has a number in it that changes by itself.
type Health struct {
	State   HealthState `json:"state"`
	Reasons []string    `json:"reasons"`
	// Errors are what the device has counted since it, or its host, was started.
	// A counter that is not there or cannot be read is missing. Growth tells of a
	// fault, the number itself does not.
	Errors map[ErrorCounter]uint64 `json:"errors,omitempty"`
}

// ErrorCounter is a kind of errors that devices count.
type ErrorCounter string

const (
	// ErrorsFatal are PCI Express errors after which a link cannot be relied on.
	ErrorsFatal ErrorCounter = "pcie_fatal"
	// ErrorsNonfatal are those that have lost a transaction.
	ErrorsNonfatal ErrorCounter = "pcie_nonfatal"
	// ErrorsECC are errors in a GPU's memory that could not be corrected.
	ErrorsECC ErrorCounter = "ecc_uncorrectable"
	// ErrorsXid are critical errors that a GPU's driver has reported.
	ErrorsXid ErrorCounter = "xid_critical"
)

// Worsen adds a reason for a state that is at least as bad.
func (h *Health) Worsen(state HealthState, reason string) {
	if state.badness() > h.State.badness() {
		h.State = state
	}
	h.Reasons = append(h.Reasons, reason)
}

// Worse tells whether s is worse than other.
func (s HealthState) Worse(other HealthState) bool { return s.badness() > other.badness() }

// Known tells whether there is such a state.
func (s HealthState) Known() bool { return s.badness() >= 0 }

func (s HealthState) badness() int {
	return slices.Index([]HealthState{HealthOK, HealthDegraded, HealthFailed, HealthGone}, s)
}
