package nic

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/sysfs"
)

// A card that is bound to vfio-pci has no interface. The reference then loses
// the whole host.
func TestACardWithoutInterface(t *testing.T) {
	host := fixture.Load(t, "x710-vfs")
	root := host.Build(t)
	if err := os.RemoveAll(filepath.Join(root, "sys/bus/pci/devices/0000:3b:00.1/net")); err != nil {
		t.Fatal(err)
	}
	networks, err := ParseMappings([]string{"physnet-1:enp59s0f0|enp59s0f1"})
	if err != nil {
		t.Fatal(err)
	}
	found, err := New(base.Driver{Bus: sysfs.New(root), Host: "h"}, Options{Networks: networks}).Discover(t.Context())
	if err != nil || len(found.Devices) != 3 {
		t.Fatalf("%d devices, %v", len(found.Devices), err)
	}
	if len(found.Problems) != 1 || found.Problems[0].Where != "0000:3b:00.1" || found.Problems[0].Kind != devices.ProblemNoNetdev {
		t.Errorf("problems %+v", found.Problems)
	}
	silent := found.Devices[1].Deployables[0]
	if len(silent.Attributes) != 2 || silent.AttachHandles[0].Info != `{"bus": "3b", "device": "00", "domain": "0000", "function": "1"}` {
		t.Errorf("reported as %+v", silent)
	}
	vf := found.Devices[0].Deployables[0]
	if got := vf.Attributes[2].Value; got != "CUSTOM_PHYSNET_1" {
		t.Errorf("trait %s", got)
	}
	if want := `{"bus": "3b", "device": "02", "domain": "0000", "function": "0", "physical_network": "physnet-1"}`; vf.AttachHandles[0].Info != want {
		t.Errorf("handle %s, want %s", vf.AttachHandles[0].Info, want)
	}
}

func TestMappings(t *testing.T) {
	m, err := ParseMappings([]string{"a:eth1| eth2 ", " b : eth3"})
	if err != nil || m.of("eth2") != "a" || m.of("eth3") != "b" || m.of("eth") != "" {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range [][]string{{"a"}, {""}, {":eth1"}, {"a:"}, {"a:|"}, {"a:eth1", "a:eth2"}} {
		if m, err := ParseMappings(bad); err == nil {
			t.Errorf("%q is taken for %+v", bad, m)
		}
	}
}
