// Package qat is the driver of Intel's QuickAssist devices.
package qat

import (
	"context"
	"slices"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "intel_qat_driver"

const (
	vendor = 0x8086
	c62x   = 0x37c8
)

// Optional are the products that are reported only when they are asked for.
var Optional = []uint16{0x4940, 0x4942, 0x4944, 0x19e2, 0x6f54, 0x0435}

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	products []uint16
}

// New makes the driver of one host, for the C62x and more products.
func New(b base.Driver, more []uint16) *Driver {
	return &Driver{b, append([]uint16{c62x}, more...)}
}

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports the devices: what each offers are its virtual functions,
// whatever they are bound to, or itself when it has none.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	return d.Each(ctx, func(scan *sysfs.Scan, pf *sysfs.Function) (devices.Device, bool, error) {
		if pf.Vendor != vendor || !slices.Contains(d.products, pf.Device) || pf.IsVF() {
			return devices.Device{}, false, nil
		}
		deployables, err := base.PerVF(scan, pf, func(f *sysfs.Function, _ bool) devices.Deployable {
			return record.Deployable(d.Host, f.Address, "intel", record.Attributes("CUSTOM_QAT"))
		})
		if err != nil {
			return devices.Device{}, false, err
		}
		card := record.Card{
			Type: "QAT", Vendor: "0x" + pf.VendorText(), Model: "miss_model_info",
			Standard:     record.Object(record.Text("product_id", "0x"+pf.DeviceText())),
			VendorsBoard: "miss_vb_info",
		}
		return card.Device(pf.Address, deployables...), true, nil
	})
}
