package inspurfpga

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/sysfs"
)

// Inspur's disks have its vendor id too.
func TestDisksAreNoFPGAs(t *testing.T) {
	host := fixture.Load(t, "nvme-inspur")
	host.Functions = append(host.Functions, fixture.Functions{
		Addresses: []string{"0000:3b:00.0"}, Vendor: "0x1bd4", Device: "0x10ab", Class: "0x120000",
	})
	file := filepath.Join(t.TempDir(), "pci.ids")
	if err := os.WriteFile(file, []byte("1bd4  Inspur\n\t10ab  F10A\nC 12  Processing accelerators\n\t00  Processing accelerators\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := pciids.File(file)
	if err != nil {
		t.Fatal(err)
	}
	found, err := New(base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"}, names).Discover(t.Context())
	if err != nil || len(found.Devices) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	d := found.Devices[0]
	dep := d.Deployables[0]
	got := []string{
		d.Type, d.Vendor, d.Model, d.StdBoardInfo, d.VendorBoardInfo, dep.Name, dep.DriverName,
		dep.Attributes[0].Value, dep.Attributes[1].Value, dep.Attributes[2].Value,
	}
	want := []string{
		"FPGA", "1bd4", "Inspur F10A", `{"product_id": "10ab", "controller": "Processing accelerators"}`, `{"vendor_info": "fpga_vb_info"}`,
		"h_0000:3b:00.0", "INSPUR", "FPGA", "CUSTOM_FPGA_INSPUR", "CUSTOM_FPGA_PRODUCT_ID_10AB",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
