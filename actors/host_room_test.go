package actors

import (
	"fmt"
	"strings"
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
	const times, let = 4, 2
	for _, c := range []struct {
		what string
		of   func(a *scripted, n int) // has the agent report others, the n-th time
	}{
		{"devices", func(a *scripted, n int) {
			a.content.Devices = nil
			for i := range protocol.MaxDevices/2 + 1 {
				a.content.Devices = append(a.content.Devices, other(n, i, 0))
			}
		}},
		{"deployables", func(a *scripted, n int) {
			a.content.Devices = nil
			for i := range 4 {
				d := other(0, i, 0)
				d.Deployables = nil
				for part := range protocol.MaxDeployables/8 + 1 {
					d.Deployables = append(d.Deployables, devices.Deployable{Name: fmt.Sprintf("node1_FakeDevice_%d", n<<16+i<<12+part), DriverName: "fake"})
				}
				a.content.Devices = append(a.content.Devices, d)
			}
		}},
		{"attach handles", func(a *scripted, n int) {
			a.content.Devices = []protocol.Device{other(0, 0, 0)}
			a.content.Devices[0].Deployables = other(0, n, protocol.MaxHandles/2+1).Deployables
		}},
		{"bytes of devices", func(a *scripted, n int) {
			a.content.Devices = nil
			for i := range 3 {
				d := other(n, i, 0)
				for k := range 50 {
					d.Deployables[0].Attributes = append(d.Deployables[0].Attributes, devices.Attribute{Key: fmt.Sprint(k), Value: strings.Repeat("x", protocol.MaxText)})
				}
				a.content.Devices = append(a.content.Devices, d)
			}
		}},
		{"bytes of attach handles", func(a *scripted, n int) {
			d := other(0, n, 150)
			for i := range d.Deployables[0].AttachHandles {
				d.Deployables[0].AttachHandles[i].Info = fmt.Sprintf(`{"n": "%d %s"}`, i, strings.Repeat("x", protocol.MaxText-32))
			}
			a.content.Devices = []protocol.Device{other(0, 0, 0)}
			a.content.Devices[0].Deployables = d.Deployables
		}},
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
					if taken := len(r.Refused) == 0; taken != (n < let) {
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

// A host that has too much on record may report less of a device than there is, which
// is how the parts of one that stays in its place go, and the same of others.
func TestAHostThatHasTooMuchReportsLess(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("node1", 0)
		a.open()
		a.content.Complete = nil
		for n := range 2 {
			a.content.Devices = []protocol.Device{other(0, 0, 0), other(9, 9, 2)}
			a.content.Devices[0].Deployables = other(0, n+1, protocol.MaxHandles/2+1).Deployables
			a.wantRefused(a.report())
		}
		a.content.Complete = map[string]bool{fake.Name: true}
		more := other(0, 2, 2).Deployables[0]
		more.Name = "node1_FakeDevice_77"
		a.content.Devices[0].Deployables = append(other(0, 2, 2).Deployables, more)
		a.content.Devices = append(a.content.Devices, other(5, 5, 1))
		if r := a.report(); len(r.Refused) != 2 {
			t.Errorf("refused is %v, want the device with another part and the other device", r.Refused)
		}
		a.content.Devices = a.content.Devices[:2]
		a.content.Devices[0].Deployables = other(0, 2, 2).Deployables
		a.wantRefused(a.report())
		<-time.After(protocol.ScansApart)
		a.wantRefused(a.report())
		for _, d := range w.wantDevices("node1", 2) {
			if at, _ := w.sys.devices.find(d.UUID); len(d.Deployables) != 1 || at.handles.count.Load() != 2 {
				t.Errorf("%s: %d parts with %d attach handles are on record", d.ControlPath.Info, len(d.Deployables), at.handles.count.Load())
			}
		}
		a.content.Devices[0].Deployables = append(a.content.Devices[0].Deployables, more)
		a.wantRefused(a.report())
		w.wantConsistent()
	})
}

// Parts that a report lacks stay on record for a while, or as long as its driver does not see
// all. A device that no record takes with them is refused, and not all of its inventory.
func TestADeviceThatIsTooLargeWithTheParts(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("node1", 0)
		a.open()
		a.content.Complete = nil
		for n, reasons := range [][]string{nil, {"bytes of the device, with parts that it does not report: 9"}} {
			d := other(0, n, 1)
			d.ControlPath = other(0, 0, 0).ControlPath
			for k := range 30 {
				d.Deployables[0].Attributes = append(d.Deployables[0].Attributes, devices.Attribute{Key: fmt.Sprint(k), Value: strings.Repeat("x", protocol.MaxText)})
			}
			a.content.Devices = []protocol.Device{d, other(7, n, 1)}
			a.wantRefused(a.report(), reasons...)
		}
		w.wantDevices("node1", 3)
		w.wantConsistent()
	})
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
