// Package fake is a driver for devices that do not exist. It looks like the
// reference's fake_driver, so that a cloud can be tried without hardware, and
// its operations can be slowed down and made to fail.
package fake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "fake_driver"

// ErrImage is wrapped by the failure of an image that Options.FailImages names.
var ErrImage = errors.New("the fake device refuses this image")

// Options say what there is. The first device of a host is, byte for byte,
// the reference's.
type Options struct {
	Host             string
	DevicesPerHost   int
	HandlesPerDevice int
	// OperationDelay is how long each command takes.
	OperationDelay time.Duration
	// FailImages are bitstreams whose programming fails.
	FailImages []uuid.UUID
	// Images is where bitstreams come from that an image service has described;
	// others are taken unread, and so are all if it is nil.
	Images devices.ImageSource
}

// Driver is a devices.Driver.
type Driver struct{ opts Options }

// New makes the driver of one host.
func New(opts Options) *Driver { return &Driver{opts} }

// Name gives the driver's name.
func (d *Driver) Name() string { return Name }

// Discover makes up the devices; the answer is always the same.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	found := make([]devices.Device, 0, d.opts.DevicesPerHost)
	for n := range d.opts.DevicesPerHost {
		found = append(found, d.device(n))
	}
	return devices.Found{Devices: found}, ctx.Err()
}

// firstBus is where the reference's fake device sits.
const firstBus = 0x0c

func (d *Driver) device(n int) devices.Device {
	slot := firstBus + n
	domain, bus := fmt.Sprintf("%04x", slot>>8), fmt.Sprintf("%02x", slot&0xff)
	return devices.Device{
		Type:            "FPGA",
		Vendor:          "0xABCD",
		Model:           "miss model info",
		StdBoardInfo:    `{"device_id": "0xabcd", "class": "Fake class"}`,
		VendorBoardInfo: "fake_vendor_info",
		ControlPath: devices.ControlPathID{
			Type: "PCI",
			Info: `{"domain":"` + domain + `","bus":"` + bus + `","device":"00","function":"0"}`,
		},
		Deployables: []devices.Deployable{{
			Name:            deployableName(d.opts.Host, n),
			DriverName:      "fake",
			NumAccelerators: d.opts.HandlesPerDevice,
			Attributes: []devices.Attribute{
				{Key: "traits1", Value: "CUSTOM_FAKE_DEVICE"},
				{Key: "rc", Value: "FPGA"},
			},
			AttachHandles: handles(d.opts.HandlesPerDevice, domain, bus),
		}},
	}
}

// deployableName is the host's name and FakeDevice, with every character that
// Placement might not like replaced.
func deployableName(host string, n int) string {
	name := host + "_FakeDevice"
	if n > 0 {
		name = fmt.Sprintf("%s_%d", name, n)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, name)
}

func handles(n int, domain, bus string) []devices.AttachHandle {
	all := make([]devices.AttachHandle, 0, n)
	text := fmt.Appendf(nil, `{"domain": %q, "bus": %q, "device": "`, domain, bus)
	common := len(text)
	for i := 1; i <= n; i++ { // there may be many
		text = strconv.AppendInt(text[:common], int64(i/8), 10)
		text = append(text, `", "function": "`...)
		text = strconv.AppendInt(text, int64(i%8), 10)
		text = append(text, `"}`...)
		all = append(all, devices.AttachHandle{Type: "TEST_PCI", Info: string(text)})
	}
	return all
}

// Commands gives what Do carries out.
func (d *Driver) Commands() []devices.CommandKind {
	return []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev}
}

// Do takes its time and succeeds, unless the image is one that fails.
func (d *Driver) Do(ctx context.Context, c devices.Command) error {
	switch c.Kind {
	case devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev:
	default:
		return fmt.Errorf("%s: %w", c.Kind, devices.ErrUnsupported)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.opts.OperationDelay > 0 {
		timer := time.NewTimer(d.opts.OperationDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if c.Kind == devices.ProgramFPGA && slices.Contains(d.opts.FailImages, c.Image) {
		return fmt.Errorf("image %s: %w", c.Image, ErrImage)
	}
	if c.Kind == devices.ProgramFPGA && d.opts.Images != nil && c.Content != (devices.Image{}) {
		return d.read(ctx, c.Image)
	}
	return nil
}

// read is what there is of loading: all of the image has to come, and be right.
func (d *Driver) read(ctx context.Context, image uuid.UUID) error {
	content, _, err := d.opts.Images.Open(ctx, image)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(io.Discard, content)
	return err
}

// Health finds nothing wrong with a device that it has made up.
func (d *Driver) Health(ctx context.Context, device devices.ControlPathID) (devices.Health, error) {
	if err := ctx.Err(); err != nil {
		return devices.Health{}, err
	}
	for n := range d.opts.DevicesPerHost {
		if d.device(n).ControlPath == device {
			return devices.Health{State: devices.HealthOK}, nil
		}
	}
	return devices.Health{State: devices.HealthGone, Reasons: []string{"there is no such fake device"}}, nil
}
