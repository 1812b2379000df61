package protocol

import (
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Of says whether something is wrong with a device's own function.
func (p *Problem) Of(device devices.ControlPathID) bool {
	own, err := record.ParsePCI(device.Info)
	return err == nil && own.String() == p.Where
}

// Hides says whether a device may be there though the scan that has the problem
// does not show it. What is wrong with a function may hide its neighbours on the
// bus, which are often parts of the same card; of a place that is no address
// nobody knows what it is near to. A function that is gone hides nothing.
func (p *Problem) Hides(device devices.ControlPathID) bool {
	if p.Kind == devices.ProblemGone {
		return false
	}
	own, err := record.ParsePCI(device.Info)
	other, err2 := sysfs.ParseAddress(p.Where)
	return err != nil || err2 != nil || own.Domain == other.Domain && own.Bus == other.Bus
}
