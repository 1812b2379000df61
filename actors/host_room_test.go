package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// What a host says that it cannot look at stays on record, so one that says so each
// time, and has other devices each time, could fill the store of all hosts. It has no
// more on record than what two inventories hold, and may report again when some of that
// has gone.
func TestAHostThatReportsMoreAndMore(t *testing.T) {
	const times = 4
	for _, c := range []struct {
		what string
		of   func(a *scripted, n int) // has the agent report others, the n-th time
		most int                      // times that it is let
	}{
		{"devices", func(a *scripted, n int) {
			a.content.Devices = nil
			for i := range protocol.MaxDevices/2 + 1 {
				a.content.Devices = append(a.content.Devices, other(n, i, 0))
			}
		}, 2},
		{"deployables", func(a *scripted, n int) {
			a.content.Devices = []protocol.Device{other(0, 0, 0)}
			dep := &a.content.Devices[0].Deployables
			*dep = nil
			for i := range protocol.MaxDeployables/2 + 1 {
				*dep = append(*dep, devices.Deployable{Name: fmt.Sprintf("node1_FakeDevice_%d", n<<16+i), DriverName: "fake"})
			}
		}, 2},
		{"attach handles", func(a *scripted, n int) {
			a.content.Devices = []protocol.Device{other(0, 0, 0)}
			a.content.Devices[0].Deployables = other(0, n, protocol.MaxHandles/2+1).Deployables
		}, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				b := w.joined("node2", 1)
				a := w.agent("node1", 0)
				a.open()
				a.content.Complete = nil
				for n := range times {
					c.of(a, n)
					r := a.report()
					if let := len(r.Refused) == 0; let != (n < c.most) {
						t.Errorf("report %d: %d devices are refused: %.300v", n, len(r.Refused), r.Refused)
					}
				}
				b.wantRefused(b.report())
				a.content.Devices, a.content.Complete = nil, map[string]bool{fake.Name: true}
				a.report()
				<-time.After(protocol.ScansApart)
				a.report()
				w.wantDevices("node1", 0)
				a.content.Devices = w.agent("node1", 1).content.Devices
				a.wantRefused(a.report())
				w.wantConsistent()
			})
		})
	}
}

// other makes a device that is like no other of the host node1, with so many handles.
func other(n, i, handles int) protocol.Device {
	place := n<<16 + i
	d := protocol.Device{Driver: fake.Name, Device: devices.Device{
		Type: "FPGA", Vendor: "0xABCD", ControlPath: devices.ControlPathID{Type: "PCI", Info: fmt.Sprintf(`{"place": %d}`, place)},
		Deployables: []devices.Deployable{{Name: fmt.Sprintf("node1_FakeDevice_%d", place), DriverName: "fake"}},
	}}
	for h := range handles {
		d.Deployables[0].AttachHandles = append(d.Deployables[0].AttachHandles, devices.AttachHandle{Type: "TEST_PCI", Info: fmt.Sprintf(`{"n": %d}`, h)})
	}
	return d
}
