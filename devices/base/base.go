// Package base holds what all drivers of PCI functions do alike.
package base

import (
	"context"
	"fmt"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Driver is the part of a devices.Driver that is the same for all: it has no
// commands, and the health of a device is that of its function.
type Driver struct {
	Bus  *sysfs.Bus
	Host string // the beginning of every name
}

// Commands gives none.
func (d *Driver) Commands() []devices.CommandKind { return nil }

// Do refuses.
func (d *Driver) Do(_ context.Context, c devices.Command) error {
	return fmt.Errorf("%s on %s: %w", c.Kind, c.Device.Info, devices.ErrUnsupported)
}

// Health describes the function of the control path.
func (d *Driver) Health(ctx context.Context, device devices.ControlPathID) (devices.Health, error) {
	address, err := record.ParsePCI(device.Info)
	if err != nil {
		return devices.Health{}, err
	}
	return d.Bus.Health(ctx, address)
}

// Each scans the bus and asks build for the device of each function, in order
// of address. build gives false for a function that is none of the driver's, and
// an error for one that turns out to be unreadable, or gone, only now.
func (d *Driver) Each(
	ctx context.Context, build func(*sysfs.Scan, *sysfs.Function) (devices.Device, bool, error),
) (devices.Found, error) {
	scan, err := d.Bus.Scan(ctx)
	if err != nil {
		return devices.Found{}, err
	}
	found := devices.Found{Problems: scan.Problems}
	for i := range scan.Functions {
		if err := ctx.Err(); err != nil {
			return devices.Found{}, err
		}
		f := &scan.Functions[i]
		device, mine, err := build(scan, f)
		switch {
		case err != nil:
			found.Problems = append(found.Problems, f.Problem(err))
		case mine:
			found.Devices = append(found.Devices, device)
		}
	}
	return found, nil
}

// Cards reports every function that match accepts as a card of its own.
func (d *Driver) Cards(
	ctx context.Context, match func(*sysfs.Function) bool, card func(*sysfs.Function) record.Card,
) (devices.Found, error) {
	return d.Each(ctx, func(_ *sysfs.Scan, f *sysfs.Function) (devices.Device, bool, error) {
		if !match(f) {
			return devices.Device{}, false, nil
		}
		c := card(f)
		return c.At(d.Host, f.Address), true, nil
	})
}

// PerVF gives a deployable for each virtual function of pf, or for pf itself
// when it has none.
func PerVF(
	scan *sysfs.Scan, pf *sysfs.Function, deployable func(f *sysfs.Function, vf bool) devices.Deployable,
) ([]devices.Deployable, error) {
	vfs, err := scan.VFs(pf)
	if err != nil {
		return nil, err
	}
	if len(vfs) == 0 {
		return []devices.Deployable{deployable(pf, false)}, nil
	}
	all := make([]devices.Deployable, len(vfs))
	for i, vf := range vfs {
		all[i] = deployable(vf, true)
	}
	return all, nil
}

// Board is the text of std_board_info for the cards that lspci would show:
// product and kind of controller.
func Board(f *sysfs.Function, names *pciids.Names) string {
	return record.Object(
		record.Text("product_id", f.DeviceText()),
		record.Text("controller", names.Subclass(f.Subclass())),
	)
}
