package ascend

import (
	"testing"

	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/sysfs"
)

// The 910 is reported on demand, and only where Huawei made the function.
func TestProducts(t *testing.T) {
	host := fixture.Load(t, "ascend-d100")
	host.Functions = append(host.Functions, fixture.Functions{
		Addresses: []string{"0000:f0:00.0"}, Vendor: "0x1af4", Device: "0xd100", Class: "0x120000",
	})
	bus := sysfs.New(host.Build(t))
	common := base.Driver{Bus: bus, Host: "h"}
	usual, err := New(common, nil).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := New(common, []uint16{0xd801}).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Devices) != len(usual.Devices)+1 {
		t.Fatalf("%d devices with the 910, %d without", len(all.Devices), len(usual.Devices))
	}
	for _, d := range all.Devices {
		if d.Vendor != "19e5" {
			t.Errorf("%+v is none of Huawei's", d)
		}
	}
}
