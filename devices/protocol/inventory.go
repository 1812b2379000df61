package protocol

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// Inventory is all that a host has, always; never a part of it. It is sent
// after the session was opened, when something has changed, and when the
// service asks for it, then after a new scan even if nothing has changed.
//
// With the header If-Match it is taken only if the last one had that digest.
type Inventory struct {
	Session uuid.UUID `json:"session"`
	Seq     uint64    `json:"seq"` // above that of the last inventory of the session
	// Scan numbers the scans of a session from 1; a scan may be sent twice. What
	// two scans do not show, ScansApart, is gone.
	Scan   uint64 `json:"scan"`
	Digest string `json:"digest"` // see Digest
	Content
}

// Content is what the digest is made over.
type Content struct {
	// Complete tells of each driver whether it could look at everything. What a
	// driver lacks that is not complete may be there nevertheless.
	Complete map[string]bool `json:"complete"`
	Problems []Problem       `json:"problems"`
	Devices  []Device        `json:"devices"`
	// Removed are the control paths of devices that the kernel has reported as
	// removed: one scan is enough for them.
	Removed []string `json:"removed,omitempty"`
}

// Problem is a function with which something is wrong.
type Problem struct {
	Driver string `json:"driver"`
	devices.Problem
	Detail string `json:"detail,omitempty"` // for people, and not in the digest
}

// Device is a device and the driver that reports it.
type Device struct {
	Driver string `json:"driver"`
	// Serial tells two cards of one kind apart; "": the hardware does not say.
	Serial string `json:"serial,omitempty"`
	devices.Device
}

// InventoryReply says what became of an inventory. What was refused is as if
// it had not been reported, and stays as it was.
type InventoryReply struct {
	Digest  string    `json:"digest"`
	Refused []Refused `json:"refused"`
}

// Refused is a device that was not taken, and why.
type Refused struct {
	CPIDInfo string `json:"cpid_info"`
	Reason   string `json:"reason"`
}

// Validate says why none of it can be taken: it is not this protocol, or
// beyond the bounds. What a single device is refused for, Device.Validate says.
func (inv *Inventory) Validate() error {
	c := &check{}
	c.id("session", inv.Session)
	if inv.Seq == 0 || inv.Scan == 0 {
		c.fault("seq and scan begin with 1")
	}
	c.size("complete", len(inv.Complete), MaxDrivers)
	for driver := range inv.Complete {
		c.name("complete", driver)
	}
	c.size("problems", len(inv.Problems), MaxProblems)
	for i := range inv.Problems {
		p := &inv.Problems[i]
		c.name("problems: driver", p.Driver)
		c.name("problems: where", p.Where)
		c.name("problems: kind", string(p.Kind))
		c.text("problems: detail", p.Detail, MaxMessage)
	}
	c.size("removed", len(inv.Removed), MaxDevices)
	for _, path := range inv.Removed {
		c.text("removed", path, MaxText)
	}
	c.size("devices", len(inv.Devices), MaxDevices)
	var deployables, handles, attributes int
	for i := range inv.Devices {
		d := &inv.Devices[i]
		deployables += len(d.Deployables)
		for j := range d.Deployables {
			handles += len(d.Deployables[j].AttachHandles)
			attributes += len(d.Deployables[j].Attributes)
		}
	}
	c.size("deployables", deployables, MaxDeployables)
	c.size("attach_handles", handles, MaxHandles)
	c.size("attributes", attributes, MaxAttributes)
	if c.err() == nil && inv.Digest != inv.Content.Digest() {
		c.fault("the digest is not that of the content")
	}
	return c.err()
}

// Validate says why a device cannot be taken whoever reports it.
func (d *Device) Validate() error {
	c := &check{}
	c.name("driver", d.Driver)
	c.text("serial", d.Serial, MaxName)
	c.path("controlpath_id", d.ControlPath)
	switch d.Type {
	case "GPU", "FPGA", "AICHIP", "QAT", "NIC", "SSD":
	default:
		c.fault("there is no type %s", quote(d.Type))
	}
	c.name("vendor", d.Vendor)
	c.text("model", d.Model, MaxName)
	c.text("std_board_info", d.StdBoardInfo, MaxText)
	c.text("vendor_board_info", d.VendorBoardInfo, MaxText)
	for i := range d.Deployables {
		c.deployable(&d.Deployables[i])
	}
	c.size("bytes of the device", d.weight(), MaxDevice)
	return c.err()
}

// ValidateWith says why a device cannot be taken beside other parts of it that are on
// record yet, without attach handles.
func (d *Device) ValidateWith(others []devices.Deployable) error {
	c, all := &check{}, *d
	all.Deployables = slices.Concat(d.Deployables, others)
	c.size("bytes of the device, with parts that it does not report", all.weight(), MaxDevice)
	return c.err()
}

// What a part of a device and an attribute have on record beside what is reported.
const (
	partOverhead      = 384
	attributeOverhead = 168
)

// weight is about how much room the record of a device takes. It is one, and too large a
// one could not be written: better that it is refused than all of its inventory.
func (d *Device) weight() int {
	bare, overhead := *d, 0
	bare.Deployables = slices.Clone(d.Deployables)
	for i := range bare.Deployables {
		dep := &bare.Deployables[i]
		dep.AttachHandles = nil // have records of their own
		overhead += partOverhead + attributeOverhead*len(dep.Attributes)
	}
	text, err := json.Marshal(&bare)
	if err != nil {
		panic(fmt.Sprintf("protocol: a device that does not encode: %v", err))
	}
	return overhead + len(text)
}

func (c *check) deployable(dep *devices.Deployable) {
	c.name("deployable name", dep.Name)
	c.name("driver_name", dep.DriverName)
	if dep.NumAccelerators < 0 || dep.NumAccelerators > MaxHandles {
		c.fault("num_accelerators is %d", dep.NumAccelerators)
	}
	classes := 0
	for _, a := range dep.Attributes {
		c.name("attribute", a.Key)
		c.text("attribute "+a.Key, a.Value, MaxText)
		switch {
		case a.Key == "rc":
			classes++
			c.scheduled("resource class", a.Value, "FPGA", "PGPU", "VGPU")
		case strings.HasPrefix(a.Key, "trait"):
			c.scheduled("trait", a.Value, "OWNER_CYBORG")
		}
	}
	if classes > 1 {
		c.fault("the deployable %s has %d resource classes", quote(dep.Name), classes)
	}
	seen := make(map[string]bool, len(dep.AttachHandles))
	for _, h := range dep.AttachHandles {
		c.name("attach_type", h.Type)
		c.object("attach_info", h.Info)
		if seen[h.Info] {
			c.fault("the attach handle %s is reported twice", quote(h.Info))
		}
		seen[h.Info] = true
	}
}
