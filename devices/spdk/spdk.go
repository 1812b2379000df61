// Package spdk stands for the reference's driver of SPDK targets, which
// cannot find devices: enabling it breaks the reference's whole report. The
// name is accepted, so that a configuration which has it can be used.
package spdk

import (
	"context"
	"fmt"

	"github.com/arqd/arqd/devices"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "nvmf_spdk_driver"

// Driver is a devices.Driver without devices.
type Driver struct{}

// Name gives the driver's name.
func (Driver) Name() string { return Name }

// Discover says why there is nothing.
func (Driver) Discover(context.Context) (devices.Found, error) {
	return devices.Found{Notes: []string{
		"not supported: the reference's driver of this name never reported a device; nothing is looked for, and its options are ignored",
	}}, nil
}

// Commands gives none.
func (Driver) Commands() []devices.CommandKind { return nil }

// Do refuses.
func (Driver) Do(_ context.Context, c devices.Command) error {
	return fmt.Errorf("%s: %w", c.Kind, devices.ErrUnsupported)
}

// Health fails: there is no device to describe.
func (Driver) Health(_ context.Context, device devices.ControlPathID) (devices.Health, error) {
	return devices.Health{}, fmt.Errorf("health of %s: %s has no devices", device.Info, Name)
}
