package sysfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/sysfs"
)

// tree makes a host of some functions and gives its bus.
func tree(tb testing.TB, functions ...fixture.Functions) *sysfs.Bus {
	tb.Helper()
	host := fixture.Definition{Functions: functions}
	return sysfs.New(host.Build(tb))
}

func scan(t *testing.T, bus *sysfs.Bus) *sysfs.Scan {
	t.Helper()
	s, err := bus.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func address(tb testing.TB, text string) sysfs.Address {
	tb.Helper()
	a, err := sysfs.ParseAddress(text)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func gpu(addresses ...string) fixture.Functions {
	return fixture.Functions{Addresses: addresses, Vendor: "0x10de", Device: "0x2335", Class: "0x030200"}
}

func TestFunctionsComeInOrderOfNumber(t *testing.T) {
	bus := tree(t, gpu("10000:01:00.0", "0000:0a:00.0", "0000:02:00.0", "0001:00:00.0"))
	var got []string
	for _, f := range scan(t, bus).Functions {
		got = append(got, f.Address.String())
	}
	if want := []string{"0000:02:00.0", "0000:0a:00.0", "0001:00:00.0", "10000:01:00.0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A function is unplugged after its first attribute was read, its second, ...
func TestAFunctionVanishesDuringTheScan(t *testing.T) {
	for n := range 3 {
		bus := tree(t, gpu("0000:02:00.0", "0000:03:00.0", "0000:04:00.0"))
		leaving := bus.FunctionDir(address(t, "0000:03:00.0"))
		target, err := filepath.EvalSymlinks(leaving)
		if err != nil {
			t.Fatal(err)
		}
		reads := 0
		sysfs.OnRead(bus, func(path string) {
			if filepath.Dir(path) != leaving {
				return
			}
			if reads == n {
				if err := os.RemoveAll(target); err != nil {
					t.Error(err)
				}
			}
			reads++
		})
		s := scan(t, bus)
		if len(s.Functions) != 2 || s.Find(address(t, "0000:04:00.0")) == nil {
			t.Errorf("gone before read %d: %d functions", n, len(s.Functions))
		}
		if len(s.Problems) != 1 || s.Problems[0].Where != "0000:03:00.0" || s.Problems[0].Kind != devices.ProblemGone {
			t.Errorf("gone before read %d: problems %+v", n, s.Problems)
		}
	}
}

// What is missing of a function does not make the function gone.
func TestWhatAMissingAttributeMeans(t *testing.T) {
	bus := tree(t, gpu("0000:02:00.0"))
	f := scan(t, bus).Find(address(t, "0000:02:00.0"))
	_, err := f.Read("no_such_attribute")
	if p := f.Problem(err); err == nil || p.Kind != devices.ProblemUnreadable || p.Where != "0000:02:00.0" {
		t.Errorf("with the function there: %+v", p)
	}
	if err := os.Remove(bus.FunctionDir(f.Address)); err != nil {
		t.Fatal(err)
	}
	if p := f.Problem(err); p.Kind != devices.ProblemGone {
		t.Errorf("with the function gone: %+v", p)
	}
}

func TestVFsComeInOrderOfTheirNumbers(t *testing.T) {
	vf := gpu()
	vf.VFOf = "0000:02:00.0"
	for i := range 12 { // so that virtfn10 comes after virtfn9
		vf.Addresses = append(vf.Addresses, fmt.Sprintf("0000:02:%02x.0", 0x1f-i))
	}
	bus := tree(t, gpu("0000:02:00.0"), vf)
	s := scan(t, bus)
	vfs, err := s.VFs(s.Find(address(t, "0000:02:00.0")))
	if err != nil || len(vfs) != 12 {
		t.Fatalf("%d, %v", len(vfs), err)
	}
	for i, f := range vfs {
		if f.Address.String() != vf.Addresses[i] {
			t.Errorf("number %d is %s, want %s", i, f.Address, vf.Addresses[i])
		}
		if pf, ok := f.PF(); !ok || pf.String() != "0000:02:00.0" || !f.IsVF() {
			t.Errorf("%s belongs to %s", f.Address, pf)
		}
	}
}

// To offer a card whole while guests may have parts of it would be wrong.
func TestACardWhoseVFsAreUnreadableIsLeftAlone(t *testing.T) {
	good, bad := gpu("0000:02:00.4"), gpu("0000:02:00.5")
	good.VFOf, bad.VFOf = "0000:02:00.0", "0000:03:00.0"
	bad.Unreadable = []string{"vendor"}
	s := scan(t, tree(t, gpu("0000:02:00.0", "0000:03:00.0"), good, bad))
	if vfs, err := s.VFs(s.Find(address(t, "0000:02:00.0"))); err != nil || len(vfs) != 1 {
		t.Errorf("a card with a good one: %d, %v", len(vfs), err)
	}
	if vfs, err := s.VFs(s.Find(address(t, "0000:03:00.0"))); err == nil {
		t.Errorf("a card with a bad one has %d and no error", len(vfs))
	}
}

func TestTopology(t *testing.T) {
	const below = "pci0000:3a/0000:3a:00.0/0000:3b:00.0/0000:3c:04.0"
	f := gpu("0000:3d:00.0")
	f.Parent, f.NUMA, f.Group = below, []int{1}, "7"
	f.Files = map[string]string{"current_link_speed": "16.0 GT/s PCIe", "current_link_width": "8"}
	audio := fixture.Functions{Addresses: []string{"0000:3d:00.1"}, Vendor: "0x10de", Device: "0x1", Class: "0x040300", Parent: below, Group: "7"}
	bridge := fixture.Functions{Addresses: []string{"0000:3c:04.0"}, Vendor: "0x1000", Device: "0xc010", Class: "0x060400", Parent: "pci0000:3a", Group: "7"}
	alone := gpu("10000:01:00.0")
	alone.Parent = "pci0000:64/0000:64:05.5/pci10000:00/10000:00:02.0"
	alone.Files = map[string]string{"current_link_speed": "Unknown", "current_link_width": "255", "numa_node": "-1"}
	alone.Omit = []string{"max_link_width"}
	bus := tree(t, f, audio, bridge, alone)

	got := bus.Topology(address(t, "0000:3d:00.0"))
	if got.NUMANode != 1 || got.Root != "pci0000:3a" || got.Switch != "0000:3b:00.0" || got.IOMMUGroup != "7" {
		t.Errorf("%+v", got)
	}
	if got.Link.String() != "16.0 GT/s x8" || got.MaxLink.String() != "32.0 GT/s x16" {
		t.Errorf("link %s of %s", got.Link, got.MaxLink)
	}
	// The bridge goes along with nobody; the other function of the card would have to.
	if want := []sysfs.Address{address(t, "0000:3d:00.1")}; !slices.Equal(got.SharedWith, want) {
		t.Errorf("shared with %v, want %v", got.SharedWith, want)
	}

	got = bus.Topology(address(t, "10000:01:00.0"))
	if got.NUMANode != -1 || got.Root != "pci10000:00" || got.Switch != "" || got.Link.String() != "" || got.MaxLink.String() != "" || got.SharedWith != nil {
		t.Errorf("where little is known: %+v", got)
	}
}
