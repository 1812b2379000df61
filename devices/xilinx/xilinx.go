// Package xilinx is the driver of Xilinx' FPGA cards.
package xilinx

import (
	"context"
	"fmt"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/bitstream"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "xilinx_fpga_driver"

const vendor = 0x10ee

// Options say how images are loaded.
type Options struct {
	Xbmgmt string // path of the tool; "": /opt/xilinx/xrt/bin/xbmgmt
	Loader bitstream.Loader
}

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	names *pciids.Names
	opts  Options
}

// New makes the driver of one host.
func New(b base.Driver, names *pciids.Names, opts Options) *Driver {
	if opts.Xbmgmt == "" {
		opts.Xbmgmt = "/opt/xilinx/xrt/bin/xbmgmt"
	}
	return &Driver{b, names, opts}
}

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports the cards. The functions of one slot, management and user,
// are one device with a handle each; but it is one accelerator, so a request
// gets the first handle alone.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	return d.Each(ctx, func(scan *sysfs.Scan, f *sysfs.Function) (devices.Device, bool, error) {
		if !isFPGA(f) {
			return devices.Device{}, false, nil
		}
		functions := slot(scan, f.Address)
		if functions[0].Address != f.Address {
			return devices.Device{}, false, nil // reported with the first
		}
		if p := unreadableBefore(scan, f.Address); p != "" {
			return devices.Device{}, false, fmt.Errorf("%s, which may be the first of the card, is unreadable", p)
		}
		c := d.card(f)
		device := c.At(d.Host, f.Address)
		for _, more := range functions[1:] {
			device.Deployables[0].AttachHandles = append(device.Deployables[0].AttachHandles, record.Handle(more.Address))
		}
		return device, true, nil
	})
}

func isFPGA(f *sysfs.Function) bool {
	return f.Vendor == vendor && f.Subclass() == sysfs.ClassAccelerator
}

// slot gives the FPGA functions that share a slot.
func slot(scan *sysfs.Scan, a sysfs.Address) []*sysfs.Function {
	var all []*sysfs.Function
	for i := range scan.Functions {
		if f := &scan.Functions[i]; isFPGA(f) && f.Address.SameSlot(a) {
			all = append(all, f)
		}
	}
	return all
}

// unreadableBefore gives the function that may be the one by which the card is
// known. Under another name the card would be offered a second time.
func unreadableBefore(scan *sysfs.Scan, first sysfs.Address) string {
	for _, p := range scan.Problems {
		a, err := sysfs.ParseAddress(p.Where)
		if err == nil && p.Kind == devices.ProblemUnreadable && a.SameSlot(first) && a.Compare(first) < 0 {
			return p.Where
		}
	}
	return ""
}

func (d *Driver) card(f *sysfs.Function) record.Card {
	return record.Card{
		Type: "FPGA", Vendor: f.VendorText(), Model: d.names.Model(f.Vendor, f.Device),
		Standard:     base.Board(f, d.names),
		VendorsBoard: record.Object(record.Text("vendor_info", "fpga_vb_info")),
		Driver:       "XILINX",
		Class:        "FPGA",
		Traits:       []string{"CUSTOM_FPGA_XILINX", "CUSTOM_FPGA_PRODUCT_ID_" + f.DeviceText()},
	}
}

// Commands gives what Do carries out.
func (d *Driver) Commands() []devices.CommandKind {
	return []devices.CommandKind{devices.ProgramFPGA}
}

// Do programs a card with xbmgmt.
func (d *Driver) Do(ctx context.Context, c devices.Command) error {
	if c.Kind != devices.ProgramFPGA {
		return d.Driver.Do(ctx, c)
	}
	if c.Device.Type != "PCI" {
		return fmt.Errorf("a control path of type %q cannot be programmed", c.Device.Type)
	}
	at, err := record.ParsePCI(c.Device.Info)
	if err != nil {
		return err
	}
	return d.opts.Loader.Load(ctx, c, d.Bus.FunctionDir(at), ".xsabin", d.opts.Xbmgmt, func(file string) []string {
		return []string{"program", "--device", at.String(), "--base", "--image", file}
	})
}
