package nvidia

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// errType is why a function is not offered as vGPUs.
var errType = errors.New("the function does not have the vGPU type that it is configured for")

// vgpus offers what a function has of one type. The handles are numbered; the
// mediated devices behind them are made when they are bound.
func (d *Driver) vgpus(f *sysfs.Function, vgpu string) (devices.Device, error) {
	name, n, err := readType(f, vgpu)
	if err != nil {
		return devices.Device{}, err
	}
	c := d.card(f, "VGPU", f.DeviceText()+"_"+lastWord(name))
	device := c.At(d.Host, f.Address)
	dep := &device.Deployables[0]
	dep.NumAccelerators = n
	dep.AttachHandles = make([]devices.AttachHandle, n)
	for i := range n {
		dep.AttachHandles[i] = devices.AttachHandle{Type: "MDEV", Info: mdevInfo(f.Address, vgpu, i)}
	}
	return device, nil
}

// readType gives the name of a type, and how many mediated devices of it the
// function has and could still have. A number that is too small would take
// vGPUs away that guests use, so all that makes it up must be readable.
func readType(f *sysfs.Function, vgpu string) (name string, n int, err error) {
	types, err := f.Names(mdevTypes)
	if err != nil {
		return "", 0, err
	}
	if !slices.Contains(types, vgpu) {
		if _, err := f.Read("vendor"); err != nil {
			return "", 0, err // the whole function is gone
		}
		return "", 0, fmt.Errorf("%w: %s", errType, vgpu)
	}
	if name, err = f.Read(mdevTypes, vgpu, "name"); err != nil {
		return "", 0, err
	}
	text, err := f.Read(mdevTypes, vgpu, "available_instances")
	if err != nil {
		return "", 0, err
	}
	available, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("available instances of %s: %w", vgpu, err)
	}
	made, err := f.Names(mdevTypes, vgpu, "devices")
	return name, int(available) + len(made), err
}

// lastWord of "GRID T4-1B" is T4-1B, of "NVIDIA RTX Pro 6000 Blackwell DC-48C"
// it is DC-48C.
func lastWord(name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

func mdevInfo(a sysfs.Address, vgpu string, n int) string {
	return record.Object(
		record.Text("asked_type", vgpu),
		record.Text("bus", a.BusText()), record.Text("device", a.SlotText()),
		record.Text("domain", a.DomainText()), record.Text("function", a.FunctionText()),
		record.Text("vgpu_mark", vgpu+"_"+strconv.Itoa(n)),
	)
}
