package xilinx

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/bitstream"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

func TestProgramming(t *testing.T) {
	tool, arguments := fixture.Tool(t)
	d := New(base.Driver{Bus: sysfs.New(t.TempDir()), Host: "h"}, &pciids.Names{}, Options{
		Xbmgmt: tool, Loader: bitstream.Loader{Images: fixture.Images("bits"), Dir: t.TempDir()},
	})
	c := devices.Command{Kind: devices.ProgramFPGA, Device: record.ControlPath(sysfs.Address{Bus: 0xd8}), Image: uuid.New()}
	if err := d.Do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got := arguments()
	if want := []string{"program", "--device", "0000:d8:00.0", "--base", "--image"}; len(got) != 6 || !slices.Equal(got[:5], want) {
		t.Errorf("called with %q", got)
	}
	c.Device.Type = "USB"
	if err := d.Do(t.Context(), c); err == nil {
		t.Error("a device that is not on the bus was programmed")
	}
}

// A card is known by its first function: by another name it would be offered
// twice.
func TestACardWhoseFirstFunctionIsBad(t *testing.T) {
	for name, tt := range map[string]struct {
		first   fixture.Functions
		devices int
	}{
		"unreadable": {fixture.Functions{Unreadable: []string{"device"}}, 1},
		"gone":       {fixture.Functions{Dangling: true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			host := fixture.Load(t, "xilinx-u250")
			tt.first.Addresses, tt.first.Vendor, tt.first.Class = []string{"0000:3b:00.0"}, "0x10ee", "0x120000"
			host.Functions[0] = tt.first
			found, err := New(base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"}, &pciids.Names{}, Options{}).Discover(t.Context())
			if err != nil || len(found.Devices) != tt.devices {
				t.Errorf("%d devices, want %d; %v", len(found.Devices), tt.devices, err)
			}
		})
	}
}
