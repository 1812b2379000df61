package devices

import (
	"errors"

	"github.com/google/uuid"
)

// ErrUnsupported is wrapped when a driver is given a command that its devices
// have no use for. Nothing was touched.
var ErrUnsupported = errors.New("the driver has no such command")

// ErrUnknownState is wrapped when a command was begun and nobody knows what it has
// done: the device is in no known state.
var ErrUnknownState = errors.New("the device is in no known state")

// CommandKind says what is to be done with a device.
type CommandKind string

const (
	// ProgramFPGA loads a bitstream.
	ProgramFPGA CommandKind = "fpga_program"
	// CreateMdev makes the mediated device of a handle.
	CreateMdev CommandKind = "mdev_create"
	// RemoveMdev removes it; an absent one is done.
	RemoveMdev CommandKind = "mdev_remove"
	// SetVGPUType has the virtual function of a handle be a vGPU of a type; of
	// the type NoVGPU it is none any more.
	SetVGPUType CommandKind = "vgpu_set_type"
)

// Command is one piece of work on one device of one host. ID is its
// idempotency key: the same ID is carried out once.
type Command struct {
	ID         uuid.UUID
	Kind       CommandKind
	Host       string
	Device     ControlPathID
	Deployable string
	DriverName string
	// Image is the bitstream of ProgramFPGA.
	Image uuid.UUID
	// Content is what the image service says of it; zero without such a service.
	Content Image
	// Handle and HandleInfo are the attach handle of the mdev and vGPU commands.
	Handle     uuid.UUID
	HandleInfo string
	// VGPUType is the type of SetVGPUType: the number that the kernel's driver
	// has for it.
	VGPUType string
	// Undoes is the command whose effect this one takes back; zero: that is not known.
	Undoes uuid.UUID `json:",omitzero"`
}

// NoVGPU is the type of a virtual function that is no vGPU.
const NoVGPU = "0"

// AttributeVGPUType is the attribute of a deployable whose handles are virtual
// functions that have to become vGPUs: the type.
const AttributeVGPUType = "vgpu_type"
