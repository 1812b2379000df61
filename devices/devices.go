// Package devices says what accelerator hardware is: the inventory that a
// host reports, the Driver that finds and operates it, and the commands that
// a driver carries out. It knows nothing of who calls it.
package devices

import "github.com/google/uuid"

// Device is one physical device as a driver found it. The text fields are
// stored, compared and shown byte for byte; two devices of a host are the same
// when their ControlPath.Info is.
type Device struct {
	Type            string        `json:"type"` // GPU FPGA AICHIP QAT NIC SSD
	Vendor          string        `json:"vendor"`
	Model           string        `json:"model"`
	StdBoardInfo    string        `json:"std_board_info"`
	VendorBoardInfo string        `json:"vendor_board_info"`
	Stub            bool          `json:"stub"`
	ControlPath     ControlPathID `json:"controlpath_id"`
	Deployables     []Deployable  `json:"deployables"`
}

// ControlPathID is the address by which a device is controlled.
type ControlPathID struct {
	Type string `json:"cpid_type"` // PCI
	Info string `json:"cpid_info"` // JSON text
}

// Deployable is a part of a device that can be given out on its own: one
// resource provider of Placement.
type Deployable struct {
	Name            string         `json:"name"`
	DriverName      string         `json:"driver_name"`
	NumAccelerators int            `json:"num_accelerators"`
	Attributes      []Attribute    `json:"attributes"`
	AttachHandles   []AttachHandle `json:"attach_handles"`
}

// ProviderUUID is the uuid of the deployable's resource provider:
// uuid3(NAMESPACE_DNS, name), as the reference has always made it.
func (d *Deployable) ProviderUUID() uuid.UUID {
	return uuid.NewMD5(uuid.NameSpaceDNS, []byte(d.Name))
}

// Attribute is a property of a deployable: "rc" (resource class), "trait..."
// (a trait) or anything an administrator added.
type Attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// AttachHandle is what a guest gets: Type PCI, MDEV or TEST_PCI, and Info, a
// JSON object as text.
type AttachHandle struct {
	Type string `json:"attach_type"`
	Info string `json:"attach_info"`
}
