package http

import (
	"cmp"
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
)

func noDevice(id string) error {
	return refuse(fasthttp.StatusNotFound, "device %.80s not found", id)
}

var deviceSortKeys = sortKeys[*actors.Device]{
	"id":         func(a, b *actors.Device) int { return cmp.Compare(a.ID, b.ID) },
	"uuid":       func(a, b *actors.Device) int { return compareUUIDs(a.UUID, b.UUID) },
	"type":       func(a, b *actors.Device) int { return strings.Compare(a.Type, b.Type) },
	"vendor":     func(a, b *actors.Device) int { return strings.Compare(a.Vendor, b.Vendor) },
	"model":      func(a, b *actors.Device) int { return strings.Compare(a.Model, b.Model) },
	"hostname":   func(a, b *actors.Device) int { return strings.Compare(a.Hostname, b.Hostname) },
	"created_at": func(a, b *actors.Device) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) },
	"updated_at": func(a, b *actors.Device) int { return cmp.Compare(a.UpdatedAt, b.UpdatedAt) },
}

func listDevices(c *call) error {
	args, err := c.query(withPaging("type", "vendor", "hostname", filterField, filterValue)...)
	if err != nil {
		return err
	}
	args, filtered, err := args.applyFilter("type", "vendor", "hostname", "host")
	if err != nil {
		return err
	}
	page, err := args.paging()
	if err != nil {
		return err
	}
	filter := args.deviceFilter()
	var devices []*actors.Device
	for _, d := range c.srv.backend.Devices() {
		if filter.matches(d) {
			devices = append(devices, d)
		}
	}
	page = page.newestFirst(filtered || !filter.empty(), args)
	devices, err = deviceSortKeys.apply(devices, page, func(d *actors.Device) uuid.UUID { return d.UUID })
	if err != nil {
		return err
	}
	base, minor := c.base(), c.minor
	c.json(fasthttp.StatusOK, appendList(c.scratch(), "devices", devices,
		func(dst []byte, d *actors.Device) []byte { return appendDevice(dst, d, base, minor) }))
	return nil
}

func showDevice(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	device, err := c.device()
	if err != nil {
		return err
	}
	c.json(fasthttp.StatusOK, appendDevice(c.scratch(), device, c.base(), c.minor))
	return nil
}

// device is the one that the path names. The reference looks a device up by
// whatever text it is given, so that a malformed uuid is 404 here.
func (c *call) device() (*actors.Device, error) {
	text := c.pathID()
	if id, ok := parseUUID(text); ok {
		if device, ok := c.srv.backend.Device(id); ok {
			return device, nil
		}
	}
	return nil, noDevice(text)
}

func enableDevice(c *call) error  { return c.setDevice(true) }
func disableDevice(c *call) error { return c.setDevice(false) }

// setDevice takes no notice of a body.
func (c *call) setDevice(enabled bool) error {
	if _, err := c.query(); err != nil {
		return err
	}
	device, err := c.device()
	if err != nil {
		return err
	}
	ctx := c.lifetime()
	if err := c.srv.backend.SetDeviceEnabled(ctx, device.UUID, enabled); err != nil {
		return err
	}
	c.empty(fasthttp.StatusNoContent)
	return nil
}

func deviceMissing(*call) error {
	return invalid("uuid: the path must name a device: /v2/devices/{uuid}/enable or /disable.")
}
