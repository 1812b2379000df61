package nvidia

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Newer vGPUs are not mediated: a virtual function becomes one when the number of
// a type is written to it (NVIDIA's vendor-specific VFIO framework, vGPU 17 and
// later). The virtual functions are made by the operator, with sriov-manage. What
// the kernel shows below nvidia/ is known from public code, and was not seen here.
const (
	currentType    = "nvidia/current_vgpu_type"
	creatableTypes = "nvidia/creatable_vgpu_types"
)

// isVFIO tells a type of these from one of mediated devices, such as nvidia-222.
func isVFIO(vgpu string) bool {
	return vgpu != "" && strings.Trim(vgpu, "0123456789") == "" && strings.Trim(vgpu, "0") != ""
}

// vfio offers a virtual function as the vGPU that it is to become. The trait has
// the type's number and not its name, which the kernel shows only as long as the
// card has room for another of that type.
func (d *Driver) vfio(f *sysfs.Function, vgpu string) (device devices.Device, room bool, err error) {
	now, err := f.Read(currentType)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && now != devices.NoVGPU && now != vgpu:
		if _, err := f.Read("vendor"); err != nil {
			return device, false, err // the whole function is gone
		}
		return device, false, fmt.Errorf("%w: %s; it has %q", errType, vgpu, now)
	case err != nil:
		return device, false, err
	}
	if room = now == vgpu; !room {
		list, err := f.Read(creatableTypes)
		if err != nil {
			return device, false, err
		}
		room = creatable(list, vgpu)
	}
	c := d.card(f, "VGPU", f.DeviceText()+"_"+vgpu)
	device = c.At(d.Host, f.Address)
	dep := &device.Deployables[0]
	dep.Attributes = append(dep.Attributes, devices.Attribute{Key: devices.AttributeVGPUType, Value: vgpu})
	if !room {
		giveNothing(&device)
	}
	return device, room, nil
}

// creatable looks for a type in lines such as "1414 : NVIDIA H200X-1-18C".
func creatable(list, vgpu string) bool {
	for line := range strings.Lines(list) {
		if id, _, found := strings.Cut(line, ":"); found && strings.TrimSpace(id) == vgpu {
			return true
		}
	}
	return false
}

// setType has a virtual function become a vGPU, or stop being one. A type that it
// had before goes first: the kernel changes none to another.
func (d *Driver) setType(ctx context.Context, c devices.Command) error {
	at, err := record.ParsePCI(c.HandleInfo)
	if err != nil {
		return err
	}
	if c.VGPUType != devices.NoVGPU && !isVFIO(c.VGPUType) {
		return fmt.Errorf("%q is no type of vGPU", c.VGPUType)
	}
	if d.opts.VGPUTypes[at] != c.VGPUType && c.VGPUType != devices.NoVGPU {
		return fmt.Errorf("%s is not configured for the vGPU type %s", at, c.VGPUType)
	}
	file := d.Bus.FunctionDir(at) + "/" + currentType
	now, err := d.Bus.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && c.VGPUType == devices.NoVGPU {
		return nil // what is not there, or has no types, is no vGPU
	}
	if err != nil {
		return err
	}
	if now == c.VGPUType {
		return nil
	}
	if now != devices.NoVGPU {
		if err := writeAttribute(ctx, file, devices.NoVGPU); err != nil {
			return fmt.Errorf("take the vGPU type %s from %s: %w", now, at, err)
		}
	}
	if c.VGPUType == devices.NoVGPU {
		return nil
	}
	if err := writeAttribute(ctx, file, c.VGPUType); err != nil {
		return fmt.Errorf("give %s the vGPU type %s: %w", at, c.VGPUType, err)
	}
	return nil
}
