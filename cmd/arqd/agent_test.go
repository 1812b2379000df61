package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fixture"
)

// discovery is what arqd agent discover --json prints.
type discovery struct {
	Drivers map[string]struct {
		Devices  []json.RawMessage `json:"devices"`
		Problems []devices.Problem `json:"problems"`
		Error    *string           `json:"error"`
	} `json:"drivers"`
}

// discoverIn runs the command on a tree and gives what it printed.
func discoverIn(t *testing.T, args ...string) (stdout string, code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"agent", "discover"}, args...), nil, strings.NewReader(""), &out, &errs)
	return out.String(), code, errs.String()
}

// Every host of which it is known what must be found there.
func TestDiscoverFindsWhatIsThere(t *testing.T) {
	pciIDs := fixture.PCIIDs(t)
	for _, name := range fixture.Names(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := fixture.Load(t, name)
			stdout, code, stderr := discoverIn(t, "--root", host.Build(t), "--pci-ids", pciIDs,
				"--config-file", host.ConfigFile(t), "--json")
			if code != 0 || stderr != "" {
				t.Fatalf("exit code %d; said %s", code, stderr)
			}
			var got discovery
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			want := fixture.Expected(t, name)
			if len(got.Drivers) != len(want) {
				t.Errorf("%d drivers, want %d", len(got.Drivers), len(want))
			}
			for driver, w := range want {
				g := got.Drivers[driver]
				if g.Error != nil {
					t.Errorf("%s: error %s", driver, *g.Error)
				}
				compareDevices(t, driver, g.Devices, w.Devices)
				if !sameProblems(g.Problems, w.Problems) {
					t.Errorf("%s: problems %v, want %v", driver, g.Problems, w.Problems)
				}
			}
		})
	}
}

// compareDevices ignores the order of keys and nothing else.
func compareDevices(t *testing.T, driver string, got, want []json.RawMessage) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d devices, want %d", driver, len(got), len(want))
		return
	}
	for i := range want {
		var g, w any
		if json.Unmarshal(got[i], &g) != nil || json.Unmarshal(want[i], &w) != nil {
			t.Fatal("not JSON")
		}
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s: device %d is\n%s\nwant\n%s", driver, i, got[i], want[i])
		}
	}
}

func sameProblems(got, want []devices.Problem) bool {
	if len(got) != len(want) {
		return false
	}
	left := make(map[devices.Problem]int)
	for _, p := range want {
		left[p]++
	}
	for _, p := range got {
		left[p]--
		if left[p] < 0 {
			return false
		}
	}
	return true
}

// What this machine has is not known, but it must be possible to look.
func TestDiscoverLooksAtThisMachine(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "arqd.conf")
	all := "pci_driver,nvidia_gpu_driver,intel_fpga_driver,inspur_fpga_driver,xilinx_fpga_driver,intel_qat_driver,intel_nic_driver,inspur_nvme_ssd_driver,huawei_ascend_driver,nvmf_spdk_driver"
	if err := os.WriteFile(conf, []byte("[agent]\nenabled_drivers = "+all+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, code, stderr := discoverIn(t, "--config-file", conf)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d; said %s%s", code, stdout, stderr)
	}
	for driver := range strings.SplitSeq(all, ",") {
		if !strings.Contains(stdout, driver+": ") {
			t.Errorf("%s says nothing:\n%s", driver, stdout)
		}
	}
	if !strings.Contains(stdout, "note: not supported") {
		t.Errorf("no word of why nvmf_spdk_driver finds nothing:\n%s", stdout)
	}
	_, _, stderr = discoverIn(t, "--config-file", conf, "--json")
	if !strings.Contains(stderr, "note: nvmf_spdk_driver: not supported") {
		t.Errorf("with --json nobody is told; said %q", stderr)
	}
}

// A read that the kernel does not answer costs the drivers that need it their
// report, and no other.
func TestDiscoverDoesNotWaitForEver(t *testing.T) {
	host := fixture.Definition{
		Functions: []fixture.Functions{{Addresses: []string{"0000:3b:00.0"}, Vendor: "0x10de", Device: "0x2335", Class: "0x030200"}},
		Config:    map[string]map[string]any{"agent": {"enabled_drivers": "nvidia_gpu_driver,fake_driver"}},
	}
	root := host.Build(t)
	// The kernel takes its time: a pipe that nobody writes to does not open.
	vendor := filepath.Join(root, "sys/bus/pci/devices/0000:3b:00.0/vendor")
	if err := errors.Join(os.Remove(vendor), syscall.Mkfifo(vendor, 0o600)); err != nil {
		t.Fatal(err)
	}
	stdout, code, stderr := discoverIn(t, "--root", root, "--config-file", host.ConfigFile(t), "--timeout", "50ms", "--json")
	var got discovery
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v; said %s", err, stderr)
	}
	if e := got.Drivers["nvidia_gpu_driver"].Error; code != 1 || e == nil || !strings.Contains(*e, "has not answered") {
		t.Errorf("exit code %d; nvidia_gpu_driver: %v", code, e)
	}
	if g := got.Drivers["fake_driver"]; g.Error != nil || len(g.Devices) != 1 {
		t.Errorf("fake_driver: %+v", g)
	}
	// Now it answers, and nothing is left behind.
	if err := os.WriteFile(vendor, []byte("0x10de\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// With another name for the host in arqd than the machine has, Intel's drivers
// can go on with the names that the reference gave.
func TestDiscoverWithLegacyNames(t *testing.T) {
	host := fixture.Load(t, "qat-c62x")
	root := host.Build(t)
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host.Config["DEFAULT"] = map[string]any{"host": "another-name"}
	for legacy, want := range map[bool]string{false: "another-name_0000:", true: machine + "_0000:"} {
		host.Config["agent"]["legacy_names"] = legacy
		stdout, code, stderr := discoverIn(t, "--root", root, "--config-file", host.ConfigFile(t))
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("legacy_names = %v: no %s in %s%s", legacy, want, stdout, stderr)
		}
	}
}

// People are told what is wrong with a device that is reported all the same.
func TestDiscoverShowsHealth(t *testing.T) {
	host := fixture.Definition{
		Functions: []fixture.Functions{{
			Addresses: []string{"0000:3b:00.0"}, Vendor: "0x10de", Device: "0x2335", Class: "0x030200",
			Files: map[string]string{"aer_dev_fatal": "TOTAL_ERR_FATAL 2"},
		}},
		Config: map[string]map[string]any{"agent": {"enabled_drivers": "nvidia_gpu_driver"}},
	}
	stdout, code, stderr := discoverIn(t, "--root", host.Build(t), "--config-file", host.ConfigFile(t))
	if want := "    pcie_fatal errors since it was started: 2\n"; code != 0 || !strings.Contains(stdout, want) {
		t.Errorf("exit code %d, no %q in %s%s", code, want, stdout, stderr)
	}
}

// A driver that could not look is told from one that found nothing, and by the
// exit code too; the others still report.
func TestDiscoverWithoutSysfs(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "arqd.conf")
	if err := os.WriteFile(conf, []byte("[agent]\nenabled_drivers = nvidia_gpu_driver, fake_driver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, code, stderr := discoverIn(t, "--config-file", conf, "--root", t.TempDir(), "--json")
	var got discovery
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if code != 1 || !strings.Contains(stderr, "not every driver could look") {
		t.Errorf("exit code %d; said %s", code, stderr)
	}
	if e := got.Drivers["nvidia_gpu_driver"].Error; e == nil || !strings.Contains(*e, "no sysfs") {
		t.Errorf("nvidia_gpu_driver: error %v", e)
	}
	if g := got.Drivers["fake_driver"]; g.Error != nil || len(g.Devices) != 1 {
		t.Errorf("fake_driver: %+v", g)
	}
}

// What is wrong in the configuration is refused with its line, before anything is
// looked at, by who runs and by who only looks.
func TestAgentsRefuseABadConfiguration(t *testing.T) {
	const vgpus = "[agent]\nenabled_drivers = nvidia_gpu_driver\n[gpu_devices]\nenabled_vgpu_types = nvidia-35, nvidia-36\n" +
		"[vgpu_nvidia-35]\ndevice_addresses = 0000:84:00.0\n"
	for text, want := range map[string]string{
		"[agent]\nenabled_drivers = pci_driver,\n  nvidia_gpu_drivers\n": `:2: [agent] enabled_drivers: there is no driver "nvidia_gpu_drivers"`,
		vgpus: ":4: [gpu_devices] enabled_vgpu_types: nvidia-36 has no device_addresses in a section [vgpu_nvidia-36]",
		vgpus + "[vgpu_nvidia-36]\ndevice_addresses = 0000:85:00.0, 0000:84:00.0\n": ":8: [vgpu_nvidia-36] device_addresses: 0000:84:00.0 is listed under nvidia-35 already",
		"[agent]\nenabled_drivers = pci_driver\n[pci]\npassthrough_whitelist = {\"vendor_id\": \"10de\"}\n" +
			"passthrough_whitelist = {\"address\": {\"bus\": \"(\"}}\n": ":5: [pci] passthrough_whitelist: address: bus: error parsing regexp",
	} {
		conf := filepath.Join(t.TempDir(), "arqd.conf")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range [][]string{{"agent"}, {"agent", "discover"}} {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append(command, "--config-file", conf), nil, strings.NewReader(""), &stdout, &stderr)
			if code != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), conf+want) {
				t.Errorf("%q: exit code %d, printed %q, said %s, want %s", command, code, &stdout, &stderr, want)
			}
		}
	}
}

// Where devices sit is shown to people always, and reported on demand.
func TestDiscoverShowsTopology(t *testing.T) {
	host := fixture.Load(t, "h200x8")
	root, conf := host.Build(t), host.ConfigFile(t)
	stdout, code, stderr := discoverIn(t, "--config-file", conf, "--root", root)
	if want := "numa node 1, pci root pci0000:de, link 32.0 GT/s x16, iommu group 18"; code != 0 || !strings.Contains(stdout, want) {
		t.Errorf("exit code %d, no %q in %s%s", code, want, stdout, stderr)
	}
	host.Config["agent"]["topology_attributes"] = true
	host.Config["agent"]["topology_traits"] = true
	stdout, _, stderr = discoverIn(t, "--config-file", host.ConfigFile(t), "--root", root, "--json")
	for _, want := range []string{`"pci_root"`, `"CUSTOM_NUMA_NODE_1"`} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %s in %s%s", want, stdout, stderr)
		}
	}
}
