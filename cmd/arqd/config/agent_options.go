package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/arqd/arqd/devices/ascend"
	"github.com/arqd/arqd/devices/nic"
	"github.com/arqd/arqd/devices/qat"
	"github.com/arqd/arqd/devices/sysfs"
)

// AgentOptions gives the table of the options that only an agent reads,
// besides those of the sections of vGPU types.
func AgentOptions() []Option {
	return []Option{
		opt("agent", "enabled_drivers", "fake_driver", list(word(), "names"), func(c *Config) *[]string { return &c.Agent.EnabledDrivers },
			"Drivers that look for devices: "+strings.Join(driverNames, ", ")+"."),
		opt("agent", "legacy_names", "false", boolean(), func(c *Config) *bool { return &c.Agent.LegacyNames },
			"Name the devices of Intel's drivers after the machine's host name, as the reference does, also where [DEFAULT] host is another."),
		opt("agent", "resource_provider_name", "", optional(word()), func(c *Config) *string { return &c.Agent.ResourceProviderName },
			"Name of the compute host's own resource provider in Placement, which is what Nova calls the node; its devices go below it, and binds may name it. The certificate, or the line of the token in the service's [agents] token_file, must have it as another name of the host. Empty: [DEFAULT] host."),
		opt("agent", "pci_ids", "", optional(path()), func(c *Config) *string { return &c.Agent.PCIIDs },
			"File with the names of PCI devices. Empty: the newer of the built-in one and the machine's own."),
		opt("agent", "topology_attributes", "false", boolean(), func(c *Config) *bool { return &c.Agent.TopologyAttributes },
			"Report where each device sits, as attributes: numa_node, pci_root, pcie_switch, link, link_max, iommu_group, and iommu_group_shared_with for one that cannot be passed to a guest by itself."),
		opt("agent", "topology_traits", "false", boolean(), func(c *Config) *bool { return &c.Agent.TopologyTraits },
			"Report NUMA node and PCIe switch as traits also, CUSTOM_NUMA_NODE_<n> and CUSTOM_PCIE_SWITCH_<address>; needs topology_attributes."),
		opt("agent", "qat_products", "", list(product(qat.Optional), "product ids"), func(c *Config) *[]uint16 { return &c.Agent.QATProducts },
			"QuickAssist products to report besides the C62x (37c8): "+productNames(qat.Optional)+"."),
		opt("agent", "ascend_products", "", list(product(ascend.Optional), "product ids"), func(c *Config) *[]uint16 { return &c.Agent.AscendProducts },
			"Ascend products to report besides the 310 (d100): "+productNames(ascend.Optional)+"."),

		opt("agent", "service_url", "", optional(link()), func(c *Config) *string { return &c.Agent.ServiceURL },
			"Where the service listens to agents ([agents] host_ip and port there), such as https://controller:6668. Needed to run. http only on a loopback address."),
		opt("agent", "ca_file", "", optional(path()), func(c *Config) *string { return &c.Agent.CAFile },
			"Certificate authorities of the service, PEM. Empty: those of the machine. This file and the next three are read anew with each session."),
		opt("agent", "cert_file", "", optional(path()), func(c *Config) *string { return &c.Agent.CertFile },
			"Certificate that says who the agent is, PEM: [DEFAULT] host is one of its DNS names or its common name. A certificate or a token is needed to run."),
		opt("agent", "key_file", "", optional(path()), func(c *Config) *string { return &c.Agent.KeyFile },
			"Private key of the certificate, PEM."),
		opt("agent", "token_file", "", optional(path()), func(c *Config) *string { return &c.Agent.TokenFile },
			"File with the token that says who the agent is, and nothing else: what the service has for this host in [agents] token_file."),
		opt("agent", "scan_interval", "300", seconds(1, 86400), func(c *Config) *time.Duration { return &c.Agent.ScanInterval },
			"Time between two looks at the hardware when neither the kernel nor the service gives reason for one."),
		opt("agent", "session_spread", "10", seconds(0, 600), func(c *Config) *time.Duration { return &c.Agent.SessionSpread },
			"Time over which agents come back by chance after the service was started anew. The service waits 15 seconds and the lease."),
		opt("agent", "shutdown_timeout", "60", seconds(0, 3600), func(c *Config) *time.Duration { return &c.Agent.ShutdownTimeout },
			"Time that commands under way get to finish when the agent stops. An FPGA that is programmed longer is in no known state."),
		opt("agent", "fpgaconf", "/usr/bin/fpgaconf", path(), func(c *Config) *string { return &c.Agent.Fpgaconf },
			"The tool that intel_fpga_driver loads images with."),
		opt("agent", "xbmgmt", "/opt/xilinx/xrt/bin/xbmgmt", path(), func(c *Config) *string { return &c.Agent.Xbmgmt },
			"The tool that xilinx_fpga_driver loads images with."),
		opt("agent", "program_timeout", "300", seconds(1, 540), func(c *Config) *time.Duration { return &c.Agent.ProgramTimeout },
			"Time that such a tool may take; then it is ended."),

		opt("gpu_devices", "enabled_vgpu_types", "", list(word(), "vGPU types"), func(c *Config) *[]string { return &c.GPUDevices.EnabledVGPUTypes },
			"Types of vGPU that are offered, as the kernel names them: nvidia-222 for mediated devices; a number for virtual functions that become vGPUs themselves (vendor-specific VFIO), whose guests need a Nova that does not manage them. Each needs a section [vgpu_<type>]."),
		opt("gpu_devices", "filter_sriov_vfs", "false", boolean(), func(c *Config) *bool { return &c.GPUDevices.FilterSRIOVVFs },
			"Leave virtual functions of GPUs out, also those with a vGPU type."),

		opt("gpu_devices", "critical_xids", "48,63,64,74,79,94,95", list(integer(1, 999), "numbers"), func(c *Config) *[]int { return &c.GPUDevices.CriticalXids },
			"Errors (Xid) of NVIDIA's driver for which a GPU is quarantined. Only in an arqd that was built with the tag nvml."),
		opt("pci", "passthrough_whitelist", "", checked("JSON objects"), func(c *Config) *string { return new(string) },
			`Functions that pci_driver reports: a JSON object, or a list of them, with the keys vendor_id, product_id, and address or devname. address is "domain:bus:slot.function" with * for anything, or an object of regular expressions for domain, bus, slot and function.`),
		opt("pci", "match_vfs_of_pf", "false", boolean(), func(c *Config) *bool { return &c.PCI.MatchVFsOfPF },
			"Let an address or devname in passthrough_whitelist stand for the virtual functions of that function, too."),

		opt("nic_devices", "enabled_nic_types", "", list(word(), "names"), func(c *Config) *[]string { return &c.NICDevices.EnabledNICTypes },
			"Sections with mappings of network cards; [x710_static] is the only one."),
		opt(x710Static, "physical_device_mappings", "", mappings("physnet1:eth2|eth3"), func(c *Config) *nic.Mappings { return &c.NICDevices.Networks },
			"Physical networks and the interfaces that are in them, such as physnet1:eth2|eth3, separated by commas."),
		opt(x710Static, "function_device_mappings", "", mappings("GTPv1:eth2|eth3"), func(c *Config) *nic.Mappings { return &c.NICDevices.Functions },
			"Functions of network cards and the interfaces that have them, such as GTPv1:eth2|eth3, separated by commas."),
	}
}

// vgpuOption is the option of a section [vgpu_TYPE].
func vgpuOption(vgpu string) Option {
	field := new([]sysfs.Address)
	o := opt(vgpuPrefix+vgpu, "device_addresses", "", list(pciAddress(), "PCI addresses"), func(*Config) *[]sysfs.Address { return field },
		"Functions that are offered as vGPUs of this type; each in one section alone.")
	parse := o.set
	o.set = func(c *Config, text string) bool {
		if !parse(c, text) {
			return false
		}
		if c.GPUDevices.Addresses == nil {
			c.GPUDevices.Addresses = make(map[string][]sysfs.Address)
		}
		c.GPUDevices.Addresses[vgpu] = *field
		return true
	}
	return o
}

// pciAddress is dddd:bb:ss.f.
func pciAddress() kind[sysfs.Address] {
	return kind[sysfs.Address]{name: "PCI address", want: "a PCI address such as 0000:3b:00.0", parse: func(s string) (sysfs.Address, bool) {
		a, err := sysfs.ParseAddress(s)
		return a, err == nil
	}}
}

// product is one of some ids of products, in hexadecimal digits.
func product(known []uint16) kind[uint16] {
	return kind[uint16]{name: "product id", want: "one of " + productNames(known), parse: func(s string) (uint16, bool) {
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 16)
		return uint16(n), err == nil && slices.Contains(known, uint16(n))
	}}
}

func productNames(ids []uint16) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = strconv.FormatUint(uint64(id), 16)
		names[i] = strings.Repeat("0", 4-len(names[i])) + names[i]
	}
	return strings.Join(names, ", ")
}

// mappings are names and interfaces.
func mappings(example string) kind[nic.Mappings] {
	return kind[nic.Mappings]{
		name: "list of mappings",
		want: "a list of mappings such as " + example + ", each name once",
		parse: func(s string) (nic.Mappings, bool) {
			if strings.TrimSpace(s) == "" {
				return nil, true
			}
			m, err := nic.ParseMappings(strings.Split(s, ","))
			return m, err == nil
		},
	}
}

// checked is an option that may stand in a file several times and whose values
// are read one by one afterwards.
func checked(plural string) kind[string] {
	return kind[string]{
		name: plural + ", repeatable", want: plural, multi: true,
		parse: func(s string) (string, bool) { return s, true },
	}
}
