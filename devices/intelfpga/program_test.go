package intelfpga

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/bitstream"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

func TestProgramming(t *testing.T) {
	tool, arguments := fixture.Tool(t)
	d := New(base.Driver{Bus: sysfs.New(t.TempDir()), Host: "h"}, Options{
		Fpgaconf: tool, Loader: bitstream.Loader{Images: fixture.Images("bits"), Dir: t.TempDir()},
	})
	c := devices.Command{Kind: devices.ProgramFPGA, Device: record.ControlPath(sysfs.Address{Bus: 0x5e, Slot: 1}), Image: uuid.New()}
	if err := d.Do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got := arguments()
	if want := []string{"--bus", "0x5e", "--device", "0x01", "--function", "0x0"}; len(got) != 7 || !slices.Equal(got[:6], want) || !strings.HasSuffix(got[6], ".gbs") {
		t.Errorf("called with %q", got)
	}
	c.Device.Type = "USB"
	if err := d.Do(t.Context(), c); err == nil {
		t.Error("a device that is not on the bus was programmed")
	}
}

// Cards of other products are known by the kernel module, which some of them
// have bound to and others not.
func TestCardsByTheirModule(t *testing.T) {
	host := fixture.Definition{Functions: []fixture.Functions{
		{
			Addresses: []string{"0000:3b:00.0"}, Vendor: "0x8086", Device: "0x0b30", Class: "0x120000",
			FPGA: &fixture.FPGA{Name: "intel-fpga-dev.0", Ports: map[string]string{"intel-fpga-port.0": "aa", "intel-fpga-port.1": "bb", "intel-fpga-port.2": "aa"}},
		},
		{Addresses: []string{"0000:5e:00.0"}, Vendor: "0x8086", Device: "0x09c4", Class: "0x120000"},
		{Addresses: []string{"0000:5f:00.0"}, Vendor: "0x8086", Device: "0x0b30", Class: "0x120000"},
	}}
	found, err := New(base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"}, Options{}).Discover(t.Context())
	if err != nil || len(found.Devices) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	var traits []string
	for _, a := range found.Devices[0].Deployables[0].Attributes[1:] {
		traits = append(traits, a.Key+"="+a.Value)
	}
	want := []string{"trait0=CUSTOM_FPGA_INTEL", "trait1=CUSTOM_FPGA_FUNCTION_ID_INTEL_AA", "trait2=CUSTOM_FPGA_FUNCTION_ID_INTEL_BB"}
	if !slices.Equal(traits, want) {
		t.Errorf("traits %q, want %q", traits, want)
	}
	stub := found.Devices[1]
	if found.Devices[0].Stub || !stub.Stub || len(stub.Deployables[0].Attributes) != 1 {
		t.Errorf("stub %+v", stub)
	}
}

// Several virtual functions are handles of one deployable, which has the name
// of the first.
func TestVFsAreHandlesOfOneDeployable(t *testing.T) {
	host := fixture.Load(t, "pac-a10")
	host.Functions[1].Addresses = []string{"0000:5e:00.3", "0000:5e:00.1", "0000:5e:00.2"}
	host.Functions[1].FPGA = nil
	found, err := New(base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"}, Options{}).Discover(t.Context())
	if err != nil || len(found.Devices) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	dep := found.Devices[0].Deployables[0]
	if dep.Name != "h_0000:5e:00.3" || dep.NumAccelerators != 3 || len(dep.AttachHandles) != 3 ||
		dep.AttachHandles[2].Info != `{"bus": "5e", "device": "00", "domain": "0000", "function": "2"}` {
		t.Errorf("%+v", dep)
	}
}
