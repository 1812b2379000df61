package agent

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/nvidia"
	"github.com/arqd/arqd/devices/pci"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/qat"
	"github.com/arqd/arqd/devices/sysfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stranger is a driver whose Discover is a function.
type stranger struct {
	devices.Driver
	name     string
	discover func(context.Context) (devices.Found, error)
}

func (s stranger) Name() string { return s.name }

func (s stranger) Discover(ctx context.Context) (devices.Found, error) { return s.discover(ctx) }

func fakeDriver() devices.Driver {
	return fake.New(fake.Options{Host: "h", DevicesPerHost: 1, HandlesPerDevice: 2})
}

// A driver that fails, one that panics and one that hangs: the others report.
func TestDriversDoNotSpoilEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errBus := errors.New("the bus is on fire")
		release := make(chan struct{})
		defer close(release)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		inv := Discover(ctx, []devices.Driver{
			stranger{name: "hangs", discover: func(context.Context) (devices.Found, error) {
				<-release
				return devices.Found{}, nil
			}},
			stranger{name: "fails", discover: func(context.Context) (devices.Found, error) {
				return devices.Found{Devices: make([]devices.Device, 1)}, errBus
			}},
			stranger{name: "panics", discover: func(context.Context) (devices.Found, error) { panic("nil map") }},
			fakeDriver(),
		})
		if r := inv[0]; !errors.Is(r.Err, context.DeadlineExceeded) || r.Driver != "hangs" {
			t.Errorf("hangs: %+v", r)
		}
		if r := inv[1]; !errors.Is(r.Err, errBus) || r.Devices != nil {
			t.Errorf("fails: %+v", r)
		}
		if r := inv[2]; !errors.Is(r.Err, errPanic) || !strings.Contains(r.Err.Error(), "nil map") {
			t.Errorf("panics: %+v", r)
		}
		if r := inv[3]; r.Err != nil || len(r.Devices) != 1 {
			t.Errorf("beside them: %+v", r)
		}
		if !inv.Failed() {
			t.Error("not failed")
		}
	})
}

// Failure and emptiness can be told apart by whoever reads the document.
func TestTheDocument(t *testing.T) {
	inv := Inventory{
		{Driver: "empty"},
		{Driver: "failed", Err: errors.New("no")},
		{Driver: "partly", Found: devices.Found{Problems: []devices.Problem{{Where: "0000:00:00.0", Kind: devices.ProblemGone, Detail: "not for machines"}}}},
	}
	got, err := json.Marshal(inv)
	want := `{"drivers":{"empty":{"devices":[],"problems":[],"error":null},"failed":{"devices":[],"problems":[],"error":"no"},` +
		`"partly":{"devices":[],"problems":[{"where":"0000:00:00.0","kind":"gone"}],"error":null}}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s (%v)", got, want, err)
	}
}

// Two drivers with one function would have one resource provider between them.
func TestAFunctionThatTwoDriversClaim(t *testing.T) {
	host := fixture.Load(t, "qat-c62x")
	common := base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"}
	list, err := pci.ParseWhitelist(`[{"address": "3d:01.1"}, {"address": "86:00.0"}]`) // a VF of the first card, and one that qat leaves out
	if err != nil {
		t.Fatal(err)
	}
	inv := Discover(t.Context(), []devices.Driver{qat.New(common, nil), pci.New(common, pci.Options{Whitelist: list}), fakeDriver()})
	for _, r := range inv[:2] {
		if r.Err == nil || r.Err.Error() != "0000:3d:01.1 is claimed by intel_qat_driver and by pci_driver; neither reports it" {
			t.Errorf("%s: %v", r.Driver, r.Err)
		}
	}
	if len(inv[0].Devices) != 2 || len(inv[1].Devices) != 1 || len(inv[2].Devices) != 1 || inv[2].Err != nil {
		t.Errorf("%d, %d and %d devices; %v", len(inv[0].Devices), len(inv[1].Devices), len(inv[2].Devices), inv[2].Err)
	}
}

// A fake device's address is made up: a real one may sit there.
func TestAFakeDeviceClaimsNothing(t *testing.T) {
	host := fixture.Definition{Functions: []fixture.Functions{{Addresses: []string{"0000:0c:00.0"}, Vendor: "0x10de", Device: "0x2335", Class: "0x030200"}}}
	gpus := nvidia.New(base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"}, &pciids.Names{}, nvidia.Options{})
	if inv := Discover(t.Context(), []devices.Driver{fakeDriver(), gpus}); inv.Failed() {
		t.Errorf("%v, %v", inv[0].Err, inv[1].Err)
	}
}

func TestTopologyAsAttributes(t *testing.T) {
	function := func(address string, class string) fixture.Functions {
		return fixture.Functions{
			Addresses: []string{address}, Vendor: "0x10de", Device: "0x2335", Class: class, Group: "7", NUMA: []int{1},
			Parent: "pci0000:3a/0000:3a:00.0/0000:3b:00.0/0000:3c:04.0", Files: map[string]string{"current_link_width": "8"},
		}
	}
	host := fixture.Definition{Functions: []fixture.Functions{function("0000:3d:00.0", "0x030200"), function("0000:3d:00.1", "0x040300")}}
	bus := sysfs.New(host.Build(t))
	inv := Discover(t.Context(), []devices.Driver{nvidia.New(base.Driver{Bus: bus, Host: "h"}, &pciids.Names{}, nvidia.Options{}), fakeDriver()})
	before := len(inv[1].Devices[0].Deployables[0].Attributes)
	inv.AddTopology(bus, true)
	var got []string
	for _, a := range inv[0].Devices[0].Deployables[0].Attributes[3:] {
		got = append(got, a.Key+" "+a.Value)
	}
	want := []string{
		"numa_node 1", "pci_root pci0000:3a", "pcie_switch 0000:3b:00.0", "link 32.0 GT/s x8", "link_max 32.0 GT/s x16",
		"iommu_group 7", "iommu_group_shared_with 0000:3d:00.1",
		"trait_numa CUSTOM_NUMA_NODE_1", "trait_switch CUSTOM_PCIE_SWITCH_0000_3B_00_0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if after := len(inv[1].Devices[0].Deployables[0].Attributes); after != before {
		t.Errorf("a fake device has got %d attributes of place", after-before)
	}
}
