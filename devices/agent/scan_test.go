package agent

import (
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// A card that is being programmed is reported as it was, with the virtual functions
// that it does not show meanwhile.
func TestADeviceAtWorkIsReportedAsItWas(t *testing.T) {
	device := func(path string, deployables int) protocol.Device {
		return protocol.Device{Device: devices.Device{ControlPath: devices.ControlPathID{Info: path}, Deployables: make([]devices.Deployable, deployables)}}
	}
	driver := fakeDriver()
	scanOf := func(all ...protocol.Device) *scan {
		s := &scan{content: protocol.Content{Devices: all}, owners: map[string]devices.Driver{}}
		for i := range all {
			s.owners[all[i].ControlPath.Info] = driver
		}
		return s
	}
	s := &scanner{working: func() map[string]bool { return map[string]bool{"a": true, "b": true} }}
	next := scanOf(device("a", 1), device("c", 1), device("d", 1)) // the last was at work until just now
	s.keepWorking(scanOf(device("a", 3), device("b", 3), device("c", 3), device("d", 3)), next, map[string]bool{"d": true})
	got := map[string]int{}
	for _, d := range next.content.Devices {
		got[d.ControlPath.Info] = len(d.Deployables)
	}
	if len(got) != 4 || got["a"] != 3 || got["b"] != 3 || got["c"] != 1 || got["d"] != 3 || next.owners["b"] != driver {
		t.Errorf("reported with so many deployables: %v", got)
	}
}
