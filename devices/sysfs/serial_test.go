package sysfs_test

import (
	"testing"

	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/sysfs"
)

func TestSerial(t *testing.T) {
	host := fixture.Definition{Functions: []fixture.Functions{
		{
			Addresses: []string{"0000:db:00.0"}, Vendor: "0x1bd4", Device: "0x1001", Class: "0x010802",
			Files: map[string]string{"nvme/nvme0/serial": "21W4A00\x01KT      "},
		},
		{Addresses: []string{"0000:dc:00.0"}, Vendor: "0x1bd4", Device: "0x1001", Class: "0x010802"},
	}}
	bus := sysfs.New(host.Build(t))
	for address, want := range map[string]string{"0000:db:00.0": "21W4A00KT", "0000:dc:00.0": "", "0000:dd:00.0": ""} {
		a, err := sysfs.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := bus.Serial(a); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}
