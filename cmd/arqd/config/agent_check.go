package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/arqd/arqd/devices/ascend"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/inspurfpga"
	"github.com/arqd/arqd/devices/intelfpga"
	"github.com/arqd/arqd/devices/nic"
	"github.com/arqd/arqd/devices/nvidia"
	"github.com/arqd/arqd/devices/nvme"
	"github.com/arqd/arqd/devices/pci"
	"github.com/arqd/arqd/devices/qat"
	"github.com/arqd/arqd/devices/spdk"
	"github.com/arqd/arqd/devices/sysfs"
	"github.com/arqd/arqd/devices/xilinx"
)

// driverNames are what [agent] enabled_drivers may name.
var driverNames = []string{
	fake.Name, pci.Name, nvidia.Name, intelfpga.Name, inspurfpga.Name, xilinx.Name,
	qat.Name, nic.Name, nvme.Name, ascend.Name, spdk.Name,
}

// checkAgent says where an agent's values do not go together, and reads the
// whitelist.
func (c *Config) checkAgent() error {
	return errors.Join(c.checkDrivers(), c.checkVGPUs(), c.readWhitelist(), c.checkTopology())
}

func (c *Config) checkDrivers() error {
	var errs []error
	seen := make(map[string]bool)
	for _, name := range c.Agent.EnabledDrivers {
		switch {
		case !slices.Contains(driverNames, name):
			errs = append(errs, c.fault("agent", "enabled_drivers", "there is no driver %s%s", quoteShort(name), otherDriver(name)))
		case seen[name]:
			errs = append(errs, c.fault("agent", "enabled_drivers", "names %s twice", name))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

// otherDriver suggests the driver that was meant.
func otherDriver(name string) string {
	for _, known := range driverNames {
		if distance(known, name) <= 2 {
			return fmt.Sprintf(" (did you mean %s?)", known)
		}
	}
	return "; there are " + strings.Join(driverNames, ", ")
}

// checkVGPUs wants addresses for every type, and each under one type only.
func (c *Config) checkVGPUs() error {
	var errs []error
	seen := make(map[sysfs.Address]string)
	for i, vgpu := range c.GPUDevices.EnabledVGPUTypes {
		if slices.Contains(c.GPUDevices.EnabledVGPUTypes[:i], vgpu) {
			errs = append(errs, c.fault("gpu_devices", "enabled_vgpu_types", "names %s twice", vgpu))
			continue
		}
		group := groupName(vgpuPrefix + vgpu)
		addresses := c.GPUDevices.Addresses[strings.TrimPrefix(group, vgpuPrefix)]
		if len(addresses) == 0 {
			errs = append(errs, c.fault("gpu_devices", "enabled_vgpu_types", "%s has no device_addresses in a section [%s]", vgpu, group))
		}
		for _, a := range addresses {
			if other, twice := seen[a]; twice {
				errs = append(errs, c.fault(group, "device_addresses", "%s is listed under %s already", a, other))
			}
			seen[a] = vgpu
		}
	}
	return errors.Join(errs...)
}

// readWhitelist reads every value of the whitelist by itself, so that a fault
// has its own line.
func (c *Config) readWhitelist() error {
	k := key{"pci", "passthrough_whitelist"}
	var errs []error
	for _, value := range c.settings[k].each {
		entries, err := pci.ParseWhitelist(value.text)
		if err != nil {
			errs = append(errs, optionError(value.from, k, err))
		}
		c.PCI.PassthroughWhitelist = append(c.PCI.PassthroughWhitelist, entries...)
	}
	return errors.Join(errs...)
}

func (c *Config) checkTopology() error {
	if c.Agent.TopologyTraits && !c.Agent.TopologyAttributes {
		return c.fault("agent", "topology_traits", "needs topology_attributes")
	}
	return nil
}

// VGPUTypes gives the type of each function that is offered as vGPUs.
func (g *GPUDevices) VGPUTypes() map[sysfs.Address]string {
	types := make(map[sysfs.Address]string)
	for _, vgpu := range g.EnabledVGPUTypes {
		for _, a := range g.Addresses[strings.ToLower(vgpu)] {
			types[a] = vgpu
		}
	}
	return types
}

// unusedDevices warns of what is configured and has no effect.
func (c *Config) unusedDevices() []Warning {
	var all []Warning
	warn := func(group, name, text string, args ...any) {
		where := c.Source(group, name)
		all = append(all, Warning{Where: where, Text: key{group, name}.String() + ": " + fmt.Sprintf(text, args...)})
	}
	for vgpu := range c.GPUDevices.Addresses {
		if !slices.ContainsFunc(c.GPUDevices.EnabledVGPUTypes, func(t string) bool { return strings.EqualFold(t, vgpu) }) {
			warn(vgpuPrefix+vgpu, "device_addresses", "is not used: [gpu_devices] enabled_vgpu_types does not name %s", vgpu)
		}
	}
	for _, name := range c.NICDevices.EnabledNICTypes {
		if name != x710Static {
			warn("nic_devices", "enabled_nic_types", "%s is not used: %s is the only section with mappings", name, x710Static)
		}
	}
	if n := &c.NICDevices; !slices.Contains(n.EnabledNICTypes, x710Static) && len(n.Networks)+len(n.Functions) > 0 {
		warn("nic_devices", "enabled_nic_types", "does not name %s, so its mappings are not used", x710Static)
		n.Networks, n.Functions = nil, nil
	}
	return all
}
