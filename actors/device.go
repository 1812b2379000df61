package actors

import (
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// Device is a registered device: a published, immutable view.
type Device struct {
	ID              int // small, in order of registration, never reused
	UUID            uuid.UUID
	Generation      uint64
	Hostname        string
	Type            string
	Vendor          string
	Model           string
	StdBoardInfo    string
	VendorBoardInfo string
	ControlPath     devices.ControlPathID
	Disabled        bool // by an operator
	// Missing is a device that its host does not have any more, and that somebody
	// has something of or that is remembered.
	Missing bool `json:",omitempty"`
	// Anew is one that was missing, or whose host was started again: what was made for its
	// guests is to be made anew.
	Anew   bool   `json:",omitempty"`
	Driver string `json:",omitempty"` // that reports it, as [agent]enabled_drivers names it
	Serial string `json:",omitempty"` // "": the hardware does not say
	// Health is what is known of it; nil: nobody has examined it.
	Health *DeviceHealth `json:",omitempty"`
	// Boot is the last start of its host with which images were forgotten, or the one
	// that it was reported in first.
	Boot        string `json:",omitempty"`
	Deployables []*Deployable
	CreatedAt   int64 // Unix seconds
	UpdatedAt   int64
}

// Maintaining says whether the device takes no new bind: that is its status.
func (d *Device) Maintaining() bool { return d.Disabled || d.Missing || d.Quarantined() }

// Deployable is a part of a device with its own resource provider.
type Deployable struct {
	ID              int
	UUID            uuid.UUID
	DeviceID        int
	Name            string
	DriverName      string
	NumAccelerators int
	ProviderUUID    uuid.UUID
	BitstreamID     uuid.UUID // zero: none known
	// Function is what that image does, as the image service says; "": not known.
	Function string `json:",omitempty"`
	// Loading is true from before an image may be loaded until it is on record what
	// has become of that.
	Loading bool      `json:",omitempty"`
	Loader  uuid.UUID `json:",omitzero"` // the command that may load it
	// Outdated is a load that may have been done before the deployable lost what was
	// loaded: its success tells nothing.
	Outdated bool `json:",omitempty"`
	// Uncertain is a deployable of which nobody knows what is loaded: a programming
	// has ended nobody knows how, and none has succeeded since.
	Uncertain bool `json:",omitempty"`
	// Lost is an image that guests had and that is gone; nil: they have theirs.
	Lost *LostImage `json:",omitempty"`
	// Overwritten are function traits that the host has reported, and that may not
	// be true any more: an image was loaded since.
	Overwritten []string `json:",omitempty"`
	Attributes  []*Attribute
	CreatedAt   int64
	UpdatedAt   int64
}

// Attribute is a key and value of a deployable.
type Attribute struct {
	ID           int
	UUID         uuid.UUID
	DeployableID int
	Key          string
	Value        string
	Reported     bool // by the host; most others were added through the API
	Own          bool `json:",omitempty"` // shows what we know: the health
	CreatedAt    int64
}

// NewAttribute asks for an attribute; the zero UUID leaves the choice to us.
type NewAttribute struct {
	UUID         uuid.UUID
	DeployableID int
	Key          string
	Value        string
}
