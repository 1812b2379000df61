// Package ascend is the driver of Huawei's Ascend processors.
//
// The reference's driver of this name never had a device stored: its records
// lack what its own service needs. So resource class, traits and names are
// arqd's.
package ascend

import (
	"context"
	"slices"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "huawei_ascend_driver"

const (
	vendor    = 0x19e5
	ascend310 = 0xd100
)

// Optional are the products that are reported only when they are asked for.
var Optional = []uint16{0xd801, 0xd802} // Ascend 910

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	products []uint16
}

// New makes the driver of one host, for the Ascend 310 and more products.
func New(b base.Driver, more []uint16) *Driver {
	return &Driver{b, append([]uint16{ascend310}, more...)}
}

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports the processors, of whatever revision.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	return d.Cards(ctx, d.isMine, card)
}

func (d *Driver) isMine(f *sysfs.Function) bool {
	return f.Vendor == vendor && slices.Contains(d.products, f.Device)
}

func card(f *sysfs.Function) record.Card {
	return record.Card{
		Type: "AICHIP", Vendor: f.VendorText(),
		Standard: record.Object(record.Text("device_id", f.DeviceText()), record.Text("class", "Processing accelerators")),
		Driver:   "huawei",
		Class:    "CUSTOM_AICHIP",
		Traits:   []string{"OWNER_CYBORG", "CUSTOM_AICHIP_HUAWEI", "CUSTOM_AICHIP_PRODUCT_ID_" + f.DeviceText()},
	}
}
