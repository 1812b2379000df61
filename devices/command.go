package devices

import (
	"errors"

	"github.com/google/uuid"
)

// ErrUnsupported is wrapped when a driver is given a command that its devices
// have no use for. Nothing was touched.
var ErrUnsupported = errors.New("the driver has no such command")

// CommandKind says what is to be done with a device.
type CommandKind string

const (
	// ProgramFPGA loads a bitstream.
	ProgramFPGA CommandKind = "fpga_program"
	// CreateMdev makes the mediated device of a handle.
	CreateMdev CommandKind = "mdev_create"
	// RemoveMdev removes it; an absent one is done.
	RemoveMdev CommandKind = "mdev_remove"
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
	// Handle and HandleInfo are the attach handle of the mdev commands.
	Handle     uuid.UUID
	HandleInfo string
}
