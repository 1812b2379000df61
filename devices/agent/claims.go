package agent

import (
	"errors"
	"fmt"
	"slices"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// separate takes devices out of the inventory that two drivers claim: they
// would have one resource provider between them. Both drivers get the error.
func (inv Inventory) separate() {
	owners := make(map[sysfs.Address][]int)
	for i := range inv {
		for j := range inv[i].Devices {
			for _, a := range claims(&inv[i].Devices[j]) {
				if !slices.Contains(owners[a], i) {
					owners[a] = append(owners[a], i)
				}
			}
		}
	}
	for i := range inv {
		r := &inv[i]
		r.Devices = slices.DeleteFunc(r.Devices, func(d devices.Device) bool {
			for _, a := range claims(&d) {
				for _, other := range owners[a] {
					if other != i {
						r.Err = errors.Join(r.Err, fmt.Errorf("%s is claimed by %s and by %s; neither reports it",
							a, inv[min(i, other)].Driver, inv[max(i, other)].Driver))
						return true
					}
				}
			}
			return false
		})
	}
}

// claims are the functions that a device consists of. Those of a fake device
// are made up.
func claims(d *devices.Device) []sysfs.Address {
	var all []sysfs.Address
	texts := []string{d.ControlPath.Info}
	for _, dep := range d.Deployables {
		for _, h := range dep.AttachHandles {
			if h.Type == "TEST_PCI" {
				return nil
			}
			texts = append(texts, h.Info)
		}
	}
	for _, text := range texts {
		if a, err := record.ParsePCI(text); err == nil && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}
