// Package pci is the driver of whatever PCI functions an operator lists.
package pci

import (
	"context"
	"fmt"
	"slices"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "pci_driver"

// Options say which functions are meant.
type Options struct {
	Whitelist Whitelist
	// VFsOfPF lets an address or interface in the whitelist stand for the
	// virtual functions of the function that has it, too.
	VFsOfPF bool
}

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	opts Options
}

// New makes the driver of one host.
func New(b base.Driver, opts Options) *Driver { return &Driver{b, opts} }

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports every function that an entry of the whitelist matches. Its
// type is GPU, whatever it is: the API has no type for the rest.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	used := make([]bool, len(d.opts.Whitelist))
	found, err := d.Each(ctx, func(_ *sysfs.Scan, f *sysfs.Function) (devices.Device, bool, error) {
		at := []sysfs.Address{f.Address}
		if pf, ok := f.PF(); ok && d.opts.VFsOfPF {
			at = append(at, pf)
		}
		listed := false
		for i := range d.opts.Whitelist {
			entry := &d.opts.Whitelist[i]
			if slices.ContainsFunc(at, func(a sysfs.Address) bool { return entry.matches(d.Bus, f, a) }) {
				listed, used[i] = true, true
			}
		}
		c := card(f)
		return c.At(d.Host, f.Address), listed, nil
	})
	for i, entry := range d.opts.Whitelist {
		if err == nil && !used[i] {
			found.Notes = append(found.Notes, fmt.Sprintf("no function matches %s of passthrough_whitelist", entry.text))
		}
	}
	return found, err
}

// vendors are those that the reference knows by name.
var vendors = map[uint16]string{
	0x10de: "NVIDIA", 0x102b: "MATROX", 0x8086: "INTEL", 0x1bd4: "INSPUR", 0x10ee: "XILINX", 0x19e5: "HUAWEI",
}

func card(f *sysfs.Function) record.Card {
	traits := []string{"OWNER_CYBORG"}
	name, known := vendors[f.Vendor]
	if known {
		traits = append(traits, "CUSTOM_PCI_"+name)
	} else {
		name = fmt.Sprintf("%04X", f.Vendor)
	}
	return record.Card{
		Type: "GPU", Vendor: f.VendorText(), Model: f.DeviceText(),
		Standard:     record.Object(record.Text("product_id", f.DeviceText()), record.Null("controller")),
		VendorsBoard: "miss_vb_info",
		Driver:       name,
		Class:        "CUSTOM_PCI",
		Traits:       append(traits, "CUSTOM_PCI_PRODUCT_ID_"+f.DeviceText()),
	}
}
