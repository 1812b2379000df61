// Package nvidia is the driver of NVIDIA's GPUs: whole ones, their virtual
// functions, and mediated vGPUs.
package nvidia

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "nvidia_gpu_driver"

const vendor = 0x10de

// Options say what is offered of the GPUs.
type Options struct {
	// NoVFs leaves virtual functions out, also those with a vGPU type.
	NoVFs bool
	// VGPUTypes are the functions that are offered as vGPUs, and the type of each,
	// as the kernel names it: nvidia-222 of mediated ones, or the number of a type
	// that a virtual function is to become.
	VGPUTypes map[sysfs.Address]string
	// Management says more of GPUs that the host's driver has; nil: nobody does.
	Management Management
}

// Management is NVIDIA's management library: see devices/nvidia/nvml.
type Management interface {
	// MIG tells whether a GPU is partitioned, and into how many instances; known:
	// it can say so.
	MIG(a sysfs.Address) (on bool, instances int, known bool)
	// Examine adds what it says of a GPU's health.
	Examine(a sysfs.Address, h *devices.Health)
}

// Driver is a devices.Driver.
type Driver struct {
	base.Driver
	names *pciids.Names
	opts  Options
}

// New makes the driver of one host.
func New(b base.Driver, names *pciids.Names, opts Options) *Driver { return &Driver{b, names, opts} }

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover reports every GPU function as a device of its own: one PGPU, or as
// many VGPU as its type still allows or has made already.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	var unsupported []devices.Problem
	var full []string
	offered := make(map[sysfs.Address]bool)
	found, err := d.Each(ctx, func(_ *sysfs.Scan, f *sysfs.Function) (devices.Device, bool, error) {
		if !isGPU(f) || d.opts.NoVFs && f.IsVF() {
			return devices.Device{}, false, nil
		}
		offered[f.Address] = true
		vgpu := d.opts.VGPUTypes[f.Address]
		if vgpu == "" {
			return d.whole(f), true, nil
		}
		var device devices.Device
		var err error
		if isVFIO(vgpu) {
			var room bool
			if device, room, err = d.vfio(f, vgpu); err == nil && !room {
				full = append(full, fmt.Sprintf("%s is configured for vGPU type %s, which cannot be made there at present", f.Address, vgpu))
			}
		} else {
			device, err = d.vgpus(f, vgpu)
		}
		if errors.Is(err, errType) {
			unsupported = append(unsupported, devices.Problem{
				Where: f.Address.String(), Kind: devices.ProblemVGPUType, Detail: err.Error(),
			})
			return devices.Device{}, false, nil
		}
		return device, err == nil, err
	})
	if err != nil {
		return found, err
	}
	found.Problems = append(found.Problems, unsupported...)
	found.Notes = append(found.Notes, full...)
	for _, a := range slices.SortedFunc(maps.Keys(d.opts.VGPUTypes), sysfs.Address.Compare) {
		if !offered[a] {
			found.Notes = append(found.Notes, fmt.Sprintf("%s is configured for %s, and there is no GPU that could be offered", a, d.opts.VGPUTypes[a]))
		}
	}
	return found, nil
}

func isGPU(f *sysfs.Function) bool {
	return f.Vendor == vendor && (f.Subclass() == sysfs.ClassVGA || f.Subclass() == sysfs.Class3D)
}

// card is what all GPUs have in common; trait says which this is.
func (d *Driver) card(f *sysfs.Function, class, trait string) record.Card {
	return record.Card{
		Type: "GPU", Vendor: f.VendorText(), Model: d.names.Model(f.Vendor, f.Device),
		Standard:     base.Board(f, d.names),
		VendorsBoard: record.Object(record.Text("vendor_info", "gpu_vb_info")),
		Driver:       "NVIDIA",
		Class:        class,
		Traits:       []string{"OWNER_CYBORG", "CUSTOM_NVIDIA_" + trait},
	}
}

// whole offers a function as it is. A GPU that is partitioned belongs to those who
// have its instances, one that has mediated devices to those who have these, also when
// it is not configured for them any more. It is offered to nobody.
func (d *Driver) whole(f *sysfs.Function) devices.Device {
	c := d.card(f, "PGPU", f.DeviceText())
	device := c.At(d.Host, f.Address)
	if len(f.Glob(mdevTypes+"/*/devices/*")) > 0 {
		giveNothing(&device)
	}
	if d.opts.Management == nil || f.IsVF() {
		return device
	}
	on, instances, known := d.opts.Management.MIG(f.Address)
	if !known || !on {
		return device
	}
	dep := &device.Deployables[0]
	dep.Attributes = append(
		dep.Attributes,
		devices.Attribute{Key: "mig_mode", Value: "enabled"}, devices.Attribute{Key: "mig_instances", Value: strconv.Itoa(instances)},
	)
	if instances > 0 {
		giveNothing(&device)
	}
	return device
}

// giveNothing leaves a device in the report, with nothing to give.
func giveNothing(device *devices.Device) {
	device.Deployables[0].NumAccelerators, device.Deployables[0].AttachHandles = 0, []devices.AttachHandle{}
}

// Health describes a GPU's function, and what its management says of it.
func (d *Driver) Health(ctx context.Context, device devices.ControlPathID) (devices.Health, error) {
	h, err := d.Driver.Health(ctx, device)
	if err != nil || h.State == devices.HealthGone || d.opts.Management == nil {
		return h, err
	}
	if a, err := record.ParsePCI(device.Info); err == nil {
		d.opts.Management.Examine(a, &h)
	}
	return h, nil
}
