// Package inspurfpga is the driver of Inspur's FPGA cards.
package inspurfpga

import (
	"context"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "inspur_fpga_driver"

const vendor = 0x1bd4

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	names *pciids.Names
}

// New makes the driver of one host.
func New(b base.Driver, names *pciids.Names) *Driver { return &Driver{b, names} }

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports Inspur's accelerators, and not its disks.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	return d.Cards(ctx, isFPGA, d.card)
}

func isFPGA(f *sysfs.Function) bool {
	return f.Vendor == vendor && f.Subclass() == sysfs.ClassAccelerator
}

func (d *Driver) card(f *sysfs.Function) record.Card {
	return record.Card{
		Type: "FPGA", Vendor: f.VendorText(), Model: d.names.Model(f.Vendor, f.Device),
		Standard:     base.Board(f, d.names),
		VendorsBoard: record.Object(record.Text("vendor_info", "fpga_vb_info")),
		Driver:       "INSPUR",
		Class:        "FPGA",
		Traits:       []string{"CUSTOM_FPGA_INSPUR", "CUSTOM_FPGA_PRODUCT_ID_" + f.DeviceText()},
	}
}
