package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/devices/nic"
	"github.com/arqd/arqd/devices/sysfs"
)

func loadAgent(t *testing.T, lines ...string) (*Config, []string, error) {
	t.Helper()
	file := write(t, lines...)
	c, warnings, err := LoadAgent([]string{file}, nil)
	var texts []string
	for _, w := range warnings {
		texts = append(texts, strings.ReplaceAll(w.String(), file, "FILE"))
	}
	return c, texts, err
}

func TestAgentDefaults(t *testing.T) {
	c, _, err := LoadAgent(nil, []string{"ARQD_DEFAULT__HOST=compute-1"})
	if err != nil {
		t.Fatal(err)
	}
	want := Agent{
		EnabledDrivers: []string{"fake_driver"},
		ScanInterval:   5 * time.Minute, SessionSpread: 10 * time.Second, ShutdownTimeout: time.Minute,
		Fpgaconf: "/usr/bin/fpgaconf", Xbmgmt: "/opt/xilinx/xrt/bin/xbmgmt", ProgramTimeout: 5 * time.Minute,
	}
	if !reflect.DeepEqual(c.Agent, want) || c.Default.Host != "compute-1" || len(c.PCI.PassthroughWhitelist) != 0 {
		t.Errorf("got %+v, want %+v", c.Agent, want)
	}
}

func TestAgentValues(t *testing.T) {
	c, warnings, err := loadAgent(
		t,
		"[agent]", "enabled_drivers = nvidia_gpu_driver, pci_driver", "qat_products = 4940,0x0435",
		"[gpu_devices]", "enabled_vgpu_types = nvidia-35,nvidia-36",
		"[vgpu_nvidia-35]", "device_addresses = 0000:84:00.0,0000:85:00.0",
		"[vgpu_nvidia-36]", "device_addresses = 10000:AF:00.0",
		"[pci]", `passthrough_whitelist = {"vendor_id": "10de"}`, `passthrough_whitelist = [{"address": "*:0a:00.*"},`, ` {"address": {"bus": "^0[ab]$"}}]`,
		"[nic_devices]", "enabled_nic_types = x710_static",
		"[x710_static]", "physical_device_mappings = physnet1:eth2|eth3,physnet2:eth4", "function_device_mappings = GTPv1:eth3",
		"[api]", "port = of no interest to an agent", "[nova]",
	)
	if err != nil || warnings != nil {
		t.Fatalf("%v, warnings %q", err, warnings)
	}
	types := map[string]string{}
	for a, vgpu := range c.GPUDevices.VGPUTypes() {
		types[a.String()] = vgpu
	}
	for _, check := range []struct{ got, want any }{
		{c.Agent.EnabledDrivers, []string{"nvidia_gpu_driver", "pci_driver"}},
		{c.Agent.QATProducts, []uint16{0x4940, 0x0435}},
		{types, map[string]string{"0000:84:00.0": "nvidia-35", "0000:85:00.0": "nvidia-35", "10000:af:00.0": "nvidia-36"}},
		{len(c.PCI.PassthroughWhitelist), 3},
		{c.NICDevices.Networks, nic.Mappings{{Name: "physnet1", Interfaces: []string{"eth2", "eth3"}}, {Name: "physnet2", Interfaces: []string{"eth4"}}}},
		{c.NICDevices.Functions, nic.Mappings{{Name: "GTPv1", Interfaces: []string{"eth3"}}}},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("got %v, want %v", check.got, check.want)
		}
	}
}

// What is wrong is refused with its place.
func TestAgentRefuses(t *testing.T) {
	vgpus := []string{"[gpu_devices]", "enabled_vgpu_types = nvidia-35,nvidia-36"}
	for name, tt := range map[string]struct {
		lines []string
		want  string
	}{
		"an unknown driver":     {[]string{"[agent]", "enabled_drivers = fake_driver,nvidia_gpu_drivr"}, `:2: [agent] enabled_drivers: there is no driver "nvidia_gpu_drivr" (did you mean nvidia_gpu_driver?)`},
		"a driver twice":        {[]string{"[agent]", "enabled_drivers = fake_driver,fake_driver"}, ":2: [agent] enabled_drivers: names fake_driver twice"},
		"a type without place":  {append(vgpus, "[vgpu_nvidia-35]", "device_addresses = 0000:84:00.0"), ":2: [gpu_devices] enabled_vgpu_types: nvidia-36 has no device_addresses in a section [vgpu_nvidia-36]"},
		"an address twice":      {append(vgpus, "[vgpu_nvidia-35]", "device_addresses = 0000:84:00.0", "[vgpu_nvidia-36]", "device_addresses = 0000:84:00.0"), ":6: [vgpu_nvidia-36] device_addresses: 0000:84:00.0 is listed under nvidia-35 already"},
		"a malformed address":   {append(vgpus, "[vgpu_nvidia-35]", "device_addresses = 84:00.0"), `:4: [vgpu_nvidia-35] device_addresses: "84:00.0" is not a list of PCI addresses`},
		"a bad expression":      {[]string{"[pci]", `passthrough_whitelist = {"vendor_id": "10de"}`, `passthrough_whitelist = {"address": {"bus": "(?=0)"}}`}, ":3: [pci] passthrough_whitelist: address: bus: error parsing regexp"},
		"no JSON":               {[]string{"[pci]", `passthrough_whitelist = vendor 10de`}, ":2: [pci] passthrough_whitelist: "},
		"too large a vendor":    {[]string{"[pci]", `passthrough_whitelist = {"vendor_id": "10de0"}`}, `:2: [pci] passthrough_whitelist: vendor_id "10de0" is not`},
		"a mapping without":     {[]string{"[x710_static]", "physical_device_mappings = physnet1"}, ":2: [x710_static] physical_device_mappings: "},
		"a network twice":       {[]string{"[x710_static]", "physical_device_mappings = a:eth1,a:eth2"}, ":2: [x710_static] physical_device_mappings: "},
		"an unheard-of product": {[]string{"[agent]", "qat_products = 1234"}, ":2: [agent] qat_products: "},
		"traits alone":          {[]string{"[agent]", "topology_traits = yes"}, ":2: [agent] topology_traits: needs topology_attributes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := loadAgent(t, tt.lines...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestAgentWarnsOfWhatHasNoEffect(t *testing.T) {
	c, got, err := loadAgent(
		t,
		"[agent]", "enabled_driver = x",
		"[vgpu_nvidia-35]", "device_addresses = 0000:84:00.0",
		"[nic_devices]", "enabled_nic_types = e810",
		"[x710_static]", "physical_device_mappings = a:eth1",
		"[agnet]",
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"FILE:9: section [agnet] is unknown and ignored (did you mean [agent]?)",
		"FILE:2: [agent] \"enabled_driver\": there is no such option; it is ignored (did you mean [agent] enabled_drivers?)",
		"FILE:4: [vgpu_nvidia-35] device_addresses: is not used: [gpu_devices] enabled_vgpu_types does not name nvidia-35",
		"FILE:6: [nic_devices] enabled_nic_types: e810 is not used: x710_static is the only section with mappings",
		"FILE:6: [nic_devices] enabled_nic_types: does not name x710_static, so its mappings are not used",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(c.NICDevices.Networks) > 0 {
		t.Error("mappings that are not named are used")
	}
}

func TestTheServiceLeavesTheAgentsOptionsAlone(t *testing.T) {
	file := write(t, "[agent]", "enabled_drivers = no driver at all", "[pci]", "passthrough_whitelist = x", "[vgpu_a]", "device_addresses = b")
	mustLoad(t, []string{file}, []string{"ARQD_AGENT__ENABLED_DRIVERS=x"})
}

func TestTheAgentsTableIsSound(t *testing.T) {
	seen := map[key]bool{}
	for _, o := range append(AgentOptions(), vgpuOption("x")) {
		if seen[o.key()] || o.Help == "" || !strings.HasSuffix(o.Help, ".") {
			t.Errorf("%s: twice, or its help is no sentence: %q", o.key(), o.Help)
		}
		seen[o.key()] = true
	}
	for _, o := range Options() {
		if seen[o.key()] {
			t.Errorf("%s is the service's and the agent's", o.key())
		}
	}
}

func TestVGPUTypesAreThoseThatAreEnabled(t *testing.T) {
	a, b := sysfs.Address{Bus: 1}, sysfs.Address{Bus: 2}
	g := GPUDevices{EnabledVGPUTypes: []string{"nvidia-1"}, Addresses: map[string][]sysfs.Address{"nvidia-1": {a}, "nvidia-2": {b}}}
	if got := slices.Collect(maps.Keys(g.VGPUTypes())); !reflect.DeepEqual(got, []sysfs.Address{a}) {
		t.Errorf("got %v", got)
	}
}
