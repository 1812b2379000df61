package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/ascend"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/bitstream"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/inspurfpga"
	"github.com/arqd/arqd/devices/intelfpga"
	"github.com/arqd/arqd/devices/nic"
	"github.com/arqd/arqd/devices/nvidia"
	"github.com/arqd/arqd/devices/nvme"
	"github.com/arqd/arqd/devices/pci"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/qat"
	"github.com/arqd/arqd/devices/spdk"
	"github.com/arqd/arqd/devices/sysfs"
	"github.com/arqd/arqd/devices/xilinx"
)

// newDrivers makes the enabled drivers, for the bus of this host. Images are loaded
// by way of the loader; gpus, unless nil, say more of NVIDIA's.
func newDrivers(cfg *config.Config, bus *sysfs.Bus, loader bitstream.Loader, gpus nvidia.Management) ([]devices.Driver, error) {
	names, err := pciNames(cfg.Agent.PCIIDs, bus)
	if err != nil {
		return nil, err
	}
	intelHost, err := hostName(cfg)
	if err != nil {
		return nil, fmt.Errorf("[agent]legacy_names: %w", err)
	}
	common := base.Driver{Bus: bus, Host: cfg.Default.Host}
	intel := base.Driver{Bus: bus, Host: intelHost}
	drivers := make([]devices.Driver, len(cfg.Agent.EnabledDrivers))
	for i, name := range cfg.Agent.EnabledDrivers {
		switch name {
		case fake.Name:
			drivers[i] = fake.New(fakeOptions(&cfg.Fake, cfg.Default.Host, loader.Images))
		case pci.Name:
			drivers[i] = pci.New(common, pci.Options{Whitelist: cfg.PCI.PassthroughWhitelist, VFsOfPF: cfg.PCI.MatchVFsOfPF})
		case nvidia.Name:
			drivers[i] = nvidia.New(common, names, nvidia.Options{
				NoVFs: cfg.GPUDevices.FilterSRIOVVFs, VGPUTypes: cfg.GPUDevices.VGPUTypes(), Management: gpus,
			})
		case intelfpga.Name:
			drivers[i] = intelfpga.New(intel, intelfpga.Options{Fpgaconf: cfg.Agent.Fpgaconf, Loader: loader})
		case inspurfpga.Name:
			drivers[i] = inspurfpga.New(common, names)
		case xilinx.Name:
			drivers[i] = xilinx.New(common, names, xilinx.Options{Xbmgmt: cfg.Agent.Xbmgmt, Loader: loader})
		case qat.Name:
			drivers[i] = qat.New(intel, cfg.Agent.QATProducts)
		case nic.Name:
			drivers[i] = nic.New(intel, nic.Options{Networks: cfg.NICDevices.Networks, Functions: cfg.NICDevices.Functions})
		case nvme.Name:
			drivers[i] = nvme.New(common, names)
		case ascend.Name:
			drivers[i] = ascend.New(common, cfg.Agent.AscendProducts)
		case spdk.Name:
			drivers[i] = spdk.Driver{}
		default:
			return nil, fmt.Errorf("[agent]enabled_drivers: there is no driver %q", name)
		}
	}
	return drivers, nil
}

// retiredDrivers are those that are not enabled and that may have made something for
// guests, as long as they were.
func retiredDrivers(cfg *config.Config, bus *sysfs.Bus) []devices.Driver {
	if slices.Contains(cfg.Agent.EnabledDrivers, nvidia.Name) {
		return nil
	}
	return []devices.Driver{nvidia.New(base.Driver{Bus: bus, Host: cfg.Default.Host}, nil, nvidia.Options{})}
}

// pciNames reads the names of PCI devices: those of the file if there is one.
func pciNames(file string, bus *sysfs.Bus) (*pciids.Names, error) {
	if file != "" {
		names, err := pciids.File(file)
		if err != nil {
			return nil, fmt.Errorf("names of PCI devices: %w", err)
		}
		return names, nil
	}
	return pciids.ForHost(bus.Root())
}

// hostName is the name that the reference's Intel drivers use.
func hostName(cfg *config.Config) (string, error) {
	if !cfg.Agent.LegacyNames {
		return cfg.Default.Host, nil
	}
	return os.Hostname()
}
