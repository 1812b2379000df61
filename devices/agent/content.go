package agent

import (
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/devices/sysfs"
)

// content gives what the service is told of an inventory, with the serial numbers
// of what is on the bus.
func (inv Inventory) content(bus *sysfs.Bus) protocol.Content {
	c := protocol.Content{
		Complete: make(map[string]bool, len(inv)),
		Problems: []protocol.Problem{}, Devices: []protocol.Device{},
	}
	for _, r := range inv {
		c.Complete[r.Driver] = r.Err == nil
		for _, p := range r.Problems {
			c.Problems = append(c.Problems, protocol.Problem{Driver: r.Driver, Problem: p, Detail: clipped(p.Detail)})
		}
		for _, d := range r.Devices {
			serial := ""
			if functions := claims(&d); len(functions) > 0 { // that of its control path is the first
				serial = bus.Serial(functions[0])
			}
			c.Devices = append(c.Devices, protocol.Device{Driver: r.Driver, Serial: serial[:min(len(serial), protocol.MaxName)], Device: d})
		}
	}
	return c
}

// clipped keeps a text for people within the bounds of the protocol.
func clipped(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	return strings.ToValidUTF8(s[:min(len(s), protocol.MaxMessage)], "")
}

// owners gives the driver of each device, by control path.
func (inv Inventory) owners(drivers []devices.Driver) map[string]devices.Driver {
	byName := make(map[string]devices.Driver, len(drivers))
	for _, d := range drivers {
		byName[d.Name()] = d
	}
	all := make(map[string]devices.Driver)
	for _, r := range inv {
		for i := range r.Devices {
			all[r.Devices[i].ControlPath.Info] = byName[r.Driver]
		}
	}
	return all
}
