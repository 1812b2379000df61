package nvidia

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

const creatableList = "ID    : vGPU Name\n1413  : NVIDIA H200X-1-18CME\n1414  : NVIDIA H200X-1-18C"

// vfioHost is an H200 with a virtual function for each state of a type.
func vfioHost(t *testing.T) (*Driver, string) {
	t.Helper()
	pf := fixture.Functions{Addresses: []string{"0000:3b:00.0"}, Vendor: "0x10de", Device: "0x2335", Class: "0x030200", TotalVFs: 16}
	host := fixture.Definition{Functions: []fixture.Functions{pf}}
	types := map[sysfs.Address]string{}
	for address, files := range map[string]map[string]string{
		"0000:3b:00.1": {currentType: "0", creatableTypes: creatableList},
		"0000:3b:00.2": {currentType: "1414", creatableTypes: ""},
		"0000:3b:00.3": {currentType: "0", creatableTypes: "ID : vGPU Name"},
		"0000:3b:00.4": {currentType: "1413", creatableTypes: ""},
		"0000:3b:00.5": {},
	} {
		host.Functions = append(host.Functions, fixture.Functions{
			Addresses: []string{address}, Vendor: "0x10de", Device: "0x2335", Class: "0x030200", VFOf: "0000:3b:00.0", Files: files,
		})
		a, _ := sysfs.ParseAddress(address)
		types[a] = "1414"
	}
	slices.SortFunc(host.Functions[1:], func(f, g fixture.Functions) int { return strings.Compare(f.Addresses[0], g.Addresses[0]) })
	root := host.Build(t)
	return New(base.Driver{Bus: sysfs.New(root), Host: "h"}, &pciids.Names{}, Options{VGPUTypes: types}), root
}

func TestVirtualFunctionsThatBecomeVGPUs(t *testing.T) {
	d, _ := vfioHost(t)
	found, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, device := range found.Devices[1:] {
		dep := device.Deployables[0]
		got[dep.Name] = dep.NumAccelerators
		want := append(record.Attributes("VGPU", "OWNER_CYBORG", "CUSTOM_NVIDIA_2335_1414"), devices.Attribute{Key: "vgpu_type", Value: "1414"})
		if !slices.Equal(dep.Attributes, want) {
			t.Errorf("%s: %v", dep.Name, dep.Attributes)
		}
		if a, _ := sysfs.ParseAddress(strings.TrimPrefix(dep.Name, "h_")); len(dep.AttachHandles) > 0 && dep.AttachHandles[0] != record.Handle(a) {
			t.Errorf("%s: %v", dep.Name, dep.AttachHandles)
		}
	}
	if len(got) != 3 || got["h_0000:3b:00.1"] != 1 || got["h_0000:3b:00.2"] != 1 || got["h_0000:3b:00.3"] != 0 || len(found.Notes) != 1 {
		t.Errorf("offered %v, notes %q", got, found.Notes)
	}
	var where []string
	for _, p := range found.Problems {
		if p.Kind == devices.ProblemVGPUType {
			where = append(where, p.Where)
		}
	}
	if !slices.Equal(where, []string{"0000:3b:00.4", "0000:3b:00.5"}) {
		t.Errorf("unsupported: %v", where)
	}
}

func TestSettingATypeOfVGPU(t *testing.T) {
	d, root := vfioHost(t)
	at := func(address string) (sysfs.Address, string) {
		a, err := sysfs.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		return a, d.Bus.FunctionDir(a) + "/" + currentType
	}
	set := func(ctx context.Context, address, vgpu string) error {
		a, _ := at(address)
		return d.Do(ctx, devices.Command{Kind: devices.SetVGPUType, HandleInfo: record.Handle(a).Info, VGPUType: vgpu})
	}
	has := func(address, want string) {
		t.Helper()
		_, file := at(address)
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text))[:len(want)] != want {
			t.Errorf("%s has %q (%v), want %s", address, text, err, want)
		}
	}
	for range 2 {
		if err := set(t.Context(), "0000:3b:00.1", "1414"); err != nil {
			t.Fatal(err)
		}
		has("0000:3b:00.1", "1414")
	}
	if err := set(t.Context(), "0000:3b:00.2", "0"); err != nil {
		t.Fatal(err)
	}
	has("0000:3b:00.2", "0")
	for _, wrong := range []string{"", "00", "1413", "nvidia-222", "../x"} {
		if err := set(t.Context(), "0000:3b:00.3", wrong); err == nil {
			t.Errorf("type %q is set", wrong)
		}
	}
	has("0000:3b:00.3", "0")
	if err := set(t.Context(), "0000:3b:00.5", "1414"); err == nil {
		t.Error("a type is set where there is none")
	}
	if err := set(t.Context(), "0000:3b:00.5", "0"); err != nil {
		t.Errorf("where there is no type, none can be taken: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := set(ctx, "0000:3b:00.3", "1414"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(root); err != nil {
		t.Error(err)
	}
}
