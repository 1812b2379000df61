// Package intelfpga is the driver of Intel's FPGA cards under OPAE, the kernel
// modules intel-fpga-pci.
package intelfpga

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/bitstream"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "intel_fpga_driver"

const (
	vendor    = 0x8086
	pacArria  = 0x09c4 // known also without its kernel module
	imageName = ".gbs"
)

// Options say how images are loaded.
type Options struct {
	Fpgaconf string // path of the tool; "": /usr/bin/fpgaconf
	Loader   bitstream.Loader
}

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	opts Options
}

// New makes the driver of one host.
func New(b base.Driver, opts Options) *Driver {
	if opts.Fpgaconf == "" {
		opts.Fpgaconf = "/usr/bin/fpgaconf"
	}
	return &Driver{b, opts}
}

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports the cards. A card's virtual functions are handles of one
// deployable, which has the name of the first; without any, the card itself is
// the handle.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	bound := d.boundFunctions()
	return d.Each(ctx, func(scan *sysfs.Scan, f *sysfs.Function) (devices.Device, bool, error) {
		known := f.Vendor == vendor && f.Device == pacArria
		if !known && !slices.Contains(bound, f.Address) || f.IsVF() {
			return devices.Device{}, false, nil
		}
		device, err := d.device(scan, f)
		return device, err == nil, err
	})
}

// boundFunctions are those that the kernel shows as FPGAs.
func (d *Driver) boundFunctions() []sysfs.Address {
	entries, _ := os.ReadDir(d.Bus.Path("sys", "class", "fpga")) // absent without the module
	var bound []sysfs.Address
	for _, entry := range entries {
		// devices/.../0000:5e:00.0/fpga/intel-fpga-dev.0
		target, err := os.Readlink(d.Bus.Path("sys", "class", "fpga", entry.Name()))
		if err != nil {
			continue
		}
		if a, err := sysfs.ParseAddress(filepath.Base(filepath.Dir(filepath.Dir(target)))); err == nil {
			bound = append(bound, a)
		}
	}
	return bound
}

func (d *Driver) device(scan *sysfs.Scan, pf *sysfs.Function) (devices.Device, error) {
	vfs, err := scan.VFs(pf)
	if err != nil {
		return devices.Device{}, err
	}
	modules, err := pf.Names("fpga")
	if err != nil {
		return devices.Device{}, err
	}
	stub := len(modules) == 0
	var traits []string
	if !stub {
		traits = cardTraits(pf)
	}
	parts := []*sysfs.Function{pf}
	if len(vfs) > 0 {
		parts = vfs
		for _, vf := range vfs {
			traits = append(traits, imageTraits(vf)...)
		}
	}
	dep := devices.Deployable{
		Name: record.Name(d.Host, parts[0].Address), DriverName: "intel", NumAccelerators: len(parts),
		Attributes: record.Attributes("FPGA", traits...),
	}
	for _, part := range parts {
		dep.AttachHandles = append(dep.AttachHandles, record.Handle(part.Address))
	}
	card := record.Card{
		Type: "FPGA", Vendor: "0x" + pf.VendorText(), Model: "miss_model_info",
		Standard:     record.Object(record.Text("product_id", "0x"+pf.DeviceText())),
		VendorsBoard: "miss_vb_info",
	}
	device := card.Device(pf.Address, dep)
	device.Stub = stub
	return device, nil
}

func cardTraits(pf *sysfs.Function) []string {
	traits := []string{"CUSTOM_FPGA_INTEL"}
	if pf.Device == pacArria {
		traits = append(traits, "CUSTOM_FPGA_INTEL_PAC_ARRIA10")
	}
	return append(traits, imageTraits(pf)...)
}

// imageTraits say what is loaded into a function, and what region it has.
func imageTraits(f *sysfs.Function) []string {
	functions := idTraits(f, "CUSTOM_FPGA_FUNCTION_ID_INTEL_", "fpga/*/intel-fpga-port.*/afu_id")
	return append(functions, idTraits(f, "CUSTOM_FPGA_REGION_INTEL_", "fpga/*/intel-fpga-fme.*/pr/interface_id")...)
}

// idTraits makes a trait of each id in the files of a pattern. A port that is
// being programmed does not tell what is loaded.
func idTraits(f *sysfs.Function, prefix, pattern string) []string {
	var traits []string
	for _, file := range f.Glob(pattern) {
		if id, err := f.Read(file); err == nil && id != "" {
			traits = append(traits, prefix+id)
		}
	}
	return traits
}

// Commands gives what Do carries out.
func (d *Driver) Commands() []devices.CommandKind {
	return []devices.CommandKind{devices.ProgramFPGA}
}

// Do programs a card with fpgaconf.
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
	return d.opts.Loader.Load(ctx, c, d.Bus.FunctionDir(at), imageName, d.opts.Fpgaconf, func(file string) []string {
		return []string{"--bus", "0x" + at.BusText(), "--device", "0x" + at.SlotText(), "--function", "0x" + at.FunctionText(), file}
	})
}
