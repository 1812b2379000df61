package test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// What agents of wild hosts say that they have.

var wildDrivers = []string{fake.Name, "nvidia_gpu_driver", "sriov_driver", "xilinx_fpga_driver"}

// wildBuses are where their devices sit.
var wildBuses = []uint8{0x0c, 0x0d, 0x3b, 0x3c, 0xd8}

// wildDevice makes one of the devices that a host may have.
func wildDevice(host string, rng *rand.Rand) protocol.Device {
	at := sysfs.Address{Bus: wildBuses[rng.IntN(len(wildBuses))]}
	card := record.Card{
		Type: "FPGA", Vendor: "10ee", Model: "a card", Standard: `{"product_id": "5000"}`,
		Driver: "xilinx", Class: "FPGA", Traits: []string{"CUSTOM_FPGA_XILINX"},
	}
	d := protocol.Device{Driver: "xilinx_fpga_driver"}
	switch rng.IntN(3) {
	case 0: // a GPU, whole, in mediated devices, or in functions of a type
		card.Type, card.Vendor, card.Driver, card.Class = "GPU", "10de", "nvidia", "PGPU"
		d.Driver, d.Device = "nvidia_gpu_driver", card.At(host, at)
		dep := &d.Deployables[0]
		if rng.IntN(2) == 0 {
			dep.Attributes = record.Attributes("VGPU", "CUSTOM_VGPU")
			dep.NumAccelerators, dep.AttachHandles = 4, nil
			for n := range 4 {
				dep.AttachHandles = append(dep.AttachHandles, devices.AttachHandle{
					Type: "MDEV", Info: record.PCI(at, record.Text("asked_type", "nvidia-35"), record.Text("vgpu_mark", fmt.Sprint(n))),
				})
			}
		}
		if rng.IntN(4) == 0 {
			dep.Attributes = append(dep.Attributes, devices.Attribute{Key: "vgpu_type", Value: "nvidia-557"})
		}
	case 1: // a network card with functions
		card.Type, card.Vendor, card.Driver, card.Class = "NIC", "8086", "x710", "CUSTOM_NIC"
		d.Driver = "sriov_driver"
		var parts []devices.Deployable
		for f := range 1 + rng.IntN(3) {
			fn := at
			fn.Function = uint8(f)
			part := record.Deployable(host, fn, "x710", record.Attributes("CUSTOM_NIC", "CUSTOM_NIC_X710"))
			part.AttachHandles = []devices.AttachHandle{record.Handle(fn, record.Text("physical_network", pickOne(rng, "one", "two")))}
			parts = append(parts, part)
		}
		d.Device = card.Device(at, parts...)
	default:
		d.Device = card.At(host, at)
	}
	if rng.IntN(3) == 0 {
		d.Serial = pickOne(rng, "serial-1", "serial-2", oddText(rng))
	}
	return d
}

// wildContent makes an inventory, of which as often as not something is odd.
func wildContent(host string, rng *rand.Rand) protocol.Content {
	c := protocol.Content{Complete: map[string]bool{}}
	for _, driver := range wildDrivers {
		if rng.IntN(6) > 0 {
			c.Complete[driver] = rng.IntN(6) > 0
		}
	}
	for range rng.IntN(5) {
		c.Devices = append(c.Devices, wildDevice(host, rng))
	}
	if rng.IntN(4) == 0 {
		c.Problems = append(c.Problems, protocol.Problem{Driver: pickOne(rng, wildDrivers...), Detail: "odd", Problem: devices.Problem{
			Where: sysfs.Address{Bus: wildBuses[rng.IntN(len(wildBuses))]}.String(),
			Kind:  devices.ProblemKind(pickOne(rng, "gone", "unreadable", "vgpu_type_unsupported", "no_netdev", "odd")),
		}})
	}
	for rng.IntN(3) == 0 {
		c.Removed = append(c.Removed, pickOne(rng, wildDevice(host, rng).ControlPath.Info, calmPath, oddText(rng)))
	}
	for range rng.IntN(3) {
		if len(c.Devices) > 0 {
			makeOdd(&c, host, rng)
		}
	}
	return c
}

// calmPath is the control path of the first device of the host that behaves.
const calmPath = `{"domain":"0000","bus":"0c","device":"00","function":"0"}`

// makeOdd has one device say what it should not, or might better not.
func makeOdd(c *protocol.Content, host string, rng *rand.Rand) {
	d, other := &c.Devices[rng.IntN(len(c.Devices))], &c.Devices[rng.IntN(len(c.Devices))]
	dep := &devices.Deployable{}
	if len(d.Deployables) > 0 {
		dep = &d.Deployables[rng.IntN(len(d.Deployables))]
	}
	switch rng.IntN(16) {
	case 0: // they change places
		d.ControlPath, other.ControlPath = other.ControlPath, d.ControlPath
	case 1:
		c.Devices = append(c.Devices, *other)
	case 2:
		dep.Name = pickOne(rng, calmHost, host, "wild", "wild_2") + pickOne(rng, "_FakeDevice", "_FakeDevice_1", "_0000:3b:00.0", "_0000:3b:00.8", "_", "", "_"+oddText(rng))
	case 3:
		d.ControlPath.Info = pickOne(rng, calmPath, "{}", `{"n": 1}`, "{", `{"n": "`+oddText(rng)+`"}`)
	case 4:
		d.ControlPath.Info = fmt.Sprintf(`{"slot": %d}`, rng.IntN(24))
	case 5:
		dep.Attributes = append(dep.Attributes, devices.Attribute{Key: pickOne(rng, "rc", "trait", "trait0", "traits", "vgpu_type", oddText(rng)), Value: oddText(rng)})
	case 6:
		for i := range dep.Attributes {
			dep.Attributes[i].Value = pickOne(rng, "CUSTOM_"+strings.Repeat("X", rng.IntN(260)), "custom_x", "CUSTOM_é", "VCPU", "COMPUTE_STATUS_DISABLED", "OWNER_NOVA", "FPGA", "VGPU")
		}
	case 7:
		dep.NumAccelerators = []int{-1, 0, 1, 2, 16384, 16385, 1 << 40}[rng.IntN(7)]
	case 8:
		dep.AttachHandles = append(dep.AttachHandles, devices.AttachHandle{Type: pickOne(rng, "PCI", "MDEV", "TEST_PCI", oddText(rng)), Info: `{"n": "` + oddText(rng) + `"}`})
	case 9:
		dep.AttachHandles = nil
	case 10:
		for n := range rng.IntN(64) {
			dep.AttachHandles = append(dep.AttachHandles, devices.AttachHandle{Type: "PCI", Info: fmt.Sprintf(`{"n": "%d"}`, n)})
		}
		dep.NumAccelerators = len(dep.AttachHandles)
	case 11:
		d.Type = pickOne(rng, "GPU", "FPGA", "AICHIP", "QAT", "NIC", "SSD", "TOASTER")
	case 12:
		d.Vendor, d.Model = oddText(rng), oddText(rng)
	case 13:
		d.StdBoardInfo = pickOne(rng, "", "{", "null", `{"product_id": 1}`, `{"product_id": "`+oddText(rng)+`"}`)
	case 14:
		d.Deployables = append(d.Deployables, other.Deployables...)
	case 15:
		d.Driver = pickOne(rng, "", "brewing_driver", oddText(rng))
	}
}

// oddText is a name as no host should have it.
func oddText(rng *rand.Rand) string {
	return pickOne(rng, "", " ", "a\x00b", "a\nb", "\u202ename", "é", "\xff\xfe", "../..", "%s%n", `"`, "\\", "<script>", "a,b", calmHost, "null",
		strings.Repeat("x", 255), strings.Repeat("x", 256), strings.Repeat("x", 16<<10), strings.Repeat("é", 127), strings.Repeat("{", 40), "\ud7ff\uffff")
}
