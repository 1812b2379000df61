// Package nic is the driver of Intel's X710 and XXV710 network cards.
package nic

import (
	"context"
	"errors"
	"slices"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the driver's name in [agent]enabled_drivers.
const Name = "intel_nic_driver"

const vendor = 0x8086

var products = []uint16{0x158b, 0x1572}

// Options say what the cards' interfaces are for.
type Options struct {
	// Networks and Functions map physical networks, and kinds of function, to
	// the interfaces of physical functions.
	Networks, Functions Mappings
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

// errNoNetdev is why nothing is known of a card's network.
var errNoNetdev = errors.New("it has no network interface, so its physical network and function are not known; is it bound to vfio-pci?")

// Discover reports the cards: what each offers are its virtual functions, or
// itself when it has none. Both take network and function from the interface
// of the physical one.
func (d *Driver) Discover(ctx context.Context) (devices.Found, error) {
	var silent []devices.Problem
	found, err := d.Each(ctx, func(scan *sysfs.Scan, pf *sysfs.Function) (devices.Device, bool, error) {
		if pf.Vendor != vendor || !slices.Contains(products, pf.Device) || pf.IsVF() {
			return devices.Device{}, false, nil
		}
		var network, function string
		interfaces, _ := pf.Names("net") // unreadable: none is known
		if n := len(interfaces); n > 0 {
			network = d.opts.Networks.of(interfaces[n-1])
			function = d.opts.Functions.of(interfaces[n-1])
		}
		deployables, err := base.PerVF(scan, pf, func(f *sysfs.Function, vf bool) devices.Deployable {
			return d.deployable(f.Address, vf, network, function)
		})
		if err != nil {
			return devices.Device{}, false, err
		}
		if len(interfaces) == 0 {
			silent = append(silent, devices.Problem{
				Where: pf.Address.String(), Kind: devices.ProblemNoNetdev, Detail: errNoNetdev.Error(),
			})
		}
		card := record.Card{
			Type: "NIC", Vendor: "0x" + pf.VendorText(), Model: "miss_model_info",
			Standard:     record.Object(record.Text("product_id", "0x"+pf.DeviceText())),
			VendorsBoard: "miss_vb_info",
		}
		return card.Device(pf.Address, deployables...), true, nil
	})
	found.Problems = append(found.Problems, silent...)
	return found, err
}

func (d *Driver) deployable(a sysfs.Address, vf bool, network, function string) devices.Deployable {
	traits := []string{"CUSTOM_PF"}
	if vf {
		traits[0] = "CUSTOM_VF"
	}
	if function != "" {
		traits = append(traits, "CUSTOM_"+function)
	}
	var more []record.Field
	if network != "" {
		traits = append(traits, "CUSTOM_"+network)
		more = append(more, record.Text("physical_network", network)) // for Nova and Neutron
	}
	dep := record.Deployable(d.Host, a, "intel", record.Attributes("CUSTOM_NIC", traits...))
	dep.AttachHandles[0] = record.Handle(a, more...)
	return dep
}
