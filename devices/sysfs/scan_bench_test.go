package sysfs_test

import (
	"os"
	"testing"

	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/sysfs"
)

// The scan of 64 GPUs, beside nothing but the reading of the same files.
func BenchmarkScan64GPUs(b *testing.B) {
	host := fixture.Load(b, "gpu64")
	bus := sysfs.New(host.Build(b))
	b.Run("scan", func(b *testing.B) {
		for b.Loop() {
			s, err := bus.Scan(b.Context())
			if err != nil || len(s.Functions) != 64 {
				b.Fatalf("%d functions, %v", len(s.Functions), err)
			}
		}
	})
	b.Run("scan with topology", func(b *testing.B) {
		for b.Loop() {
			s, err := bus.Scan(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for i := range s.Functions {
				if bus.Topology(s.Functions[i].Address).IOMMUGroup == "" {
					b.Fatal("no group")
				}
			}
		}
	})
	b.Run("os.ReadFile", func(b *testing.B) {
		for b.Loop() {
			entries, err := os.ReadDir(bus.Path("sys/bus/pci/devices"))
			if err != nil {
				b.Fatal(err)
			}
			for _, entry := range entries {
				for _, name := range []string{"vendor", "device", "class"} {
					if _, err := os.ReadFile(bus.Path("sys/bus/pci/devices", entry.Name(), name)); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	})
}
