package qat

import (
	"slices"
	"testing"

	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/sysfs"
)

// Other products are reported on demand. A virtual function is offered
// whatever driver it is bound to, also behind Intel's volume management device.
func TestWhatIsOffered(t *testing.T) {
	host := fixture.Definition{Functions: []fixture.Functions{
		{Addresses: []string{"10000:01:00.0"}, Vendor: "0x8086", Device: "0x4940", Class: "0x0b4000"},
		{Addresses: []string{"10000:01:00.1", "10000:01:00.2"}, Vendor: "0x8086", Device: "0x4941", Class: "0x0b4000", VFOf: "10000:01:00.0", Driver: "vfio-pci"},
		{Addresses: []string{"0000:70:00.0"}, Vendor: "0x8086", Device: "0x37c8", Class: "0x0b4000"},
		{Addresses: []string{"0000:70:00.1"}, Vendor: "0x8086", Device: "0x37c8", Class: "0x0b4000", VFOf: "0000:70:00.0"}, // no card of its own
		{Addresses: []string{"0000:71:00.0"}, Vendor: "0x10de", Device: "0x37c8", Class: "0x030200"},
	}}
	bus := sysfs.New(host.Build(t))
	for name, tt := range map[string]struct {
		more []uint16
		want []string
	}{
		"by itself":  {nil, []string{"h_0000:70:00.1"}},
		"and others": {[]uint16{0x4940}, []string{"h_0000:70:00.1", "h_10000:01:00.1", "h_10000:01:00.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := New(base.Driver{Bus: bus, Host: "h"}, tt.more).Discover(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range found.Devices {
				for _, dep := range d.Deployables {
					got = append(got, dep.Name)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("offers %v, want %v", got, tt.want)
			}
		})
	}
}

// A card is not offered whole while nobody can say whether a guest has one of
// its virtual functions; with some of them readable, those are offered.
func TestUnreadableVFs(t *testing.T) {
	host := fixture.Definition{Functions: []fixture.Functions{
		{Addresses: []string{"0000:3d:00.0", "0000:3e:00.0"}, Vendor: "0x8086", Device: "0x37c8", Class: "0x0b4000"},
		{Addresses: []string{"0000:3d:01.0"}, Vendor: "0x8086", Device: "0x37c9", Class: "0x0b4000", VFOf: "0000:3d:00.0"},
		{Addresses: []string{"0000:3d:01.1"}, Vendor: "0x8086", Device: "0x37c9", Class: "0x0b4000", VFOf: "0000:3d:00.0", Unreadable: []string{"class"}},
		{Addresses: []string{"0000:3e:01.0"}, Vendor: "0x8086", Device: "0x37c9", Class: "0x0b4000", VFOf: "0000:3e:00.0", Unreadable: []string{"class"}},
	}}
	found, err := New(base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"}, nil).Discover(t.Context())
	if err != nil || len(found.Devices) != 1 || len(found.Devices[0].Deployables) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	if got := found.Devices[0].Deployables[0].Name; got != "h_0000:3d:01.0" {
		t.Errorf("offers %s", got)
	}
	var bad []string
	for _, p := range found.Problems {
		bad = append(bad, p.Where+" "+string(p.Kind))
	}
	slices.Sort(bad)
	if want := []string{"0000:3d:01.1 unreadable", "0000:3e:00.0 unreadable", "0000:3e:01.0 unreadable"}; !slices.Equal(bad, want) {
		t.Errorf("problems %v, want %v", bad, want)
	}
}
