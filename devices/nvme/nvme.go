// Package nvme is the driver of Inspur's NVMe disks.
package nvme

import (
	"context"
	"sync"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "inspur_nvme_ssd_driver"

const vendor = 0x1bd4

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	names *pciids.Names
	smart func(node string) (logSMART, error)
	asked sync.Map // nodes of disks that have not answered yet
}

// New makes the driver of one host.
func New(b base.Driver, names *pciids.Names) *Driver {
	return &Driver{Driver: b, names: names, smart: readSMART}
}

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports Inspur's NVMe disks.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	return d.Cards(ctx, isDisk, d.card)
}

func isDisk(f *sysfs.Function) bool {
	return f.Vendor == vendor && f.Subclass() == sysfs.ClassNVMe
}

func (d *Driver) card(f *sysfs.Function) record.Card {
	return record.Card{
		Type: "SSD", Vendor: f.VendorText(), Model: d.names.Model(f.Vendor, f.Device),
		Standard:     base.Board(f, d.names),
		VendorsBoard: record.Object(record.Text("vendor_info", "ssd_vb_info")),
		Driver:       "INSPUR",
		Class:        "CUSTOM_SSD",
		Traits:       []string{"CUSTOM_SSD_INSPUR", "CUSTOM_SSD_PRODUCT_ID_" + f.DeviceText()},
	}
}
