package config

import (
	"slices"
	"strings"
	"time"

	"github.com/arqd/arqd/devices/nic"
	"github.com/arqd/arqd/devices/pci"
	"github.com/arqd/arqd/devices/sysfs"
)

// Agent is the section [agent].
type Agent struct {
	EnabledDrivers []string
	LegacyNames    bool
	// ResourceProviderName is that of the compute host's own provider; "": [DEFAULT] host.
	ResourceProviderName string
	PCIIDs               string // "": the built-in names, or the host's if newer
	TopologyAttributes   bool
	TopologyTraits       bool
	QATProducts          []uint16
	AscendProducts       []uint16

	ServiceURL      string // without a slash at its end; "": it cannot run
	CAFile          string // "": the machine's authorities
	CertFile        string
	KeyFile         string
	TokenFile       string
	ScanInterval    time.Duration
	SessionSpread   time.Duration
	ShutdownTimeout time.Duration
	Fpgaconf        string // path of the tool
	Xbmgmt          string // path of the tool
	ProgramTimeout  time.Duration
}

// GPUDevices are the sections [gpu_devices] and [vgpu_TYPE].
type GPUDevices struct {
	EnabledVGPUTypes []string
	FilterSRIOVVFs   bool
	CriticalXids     []int
	Addresses        map[string][]sysfs.Address // by type
}

// PCI is the section [pci].
type PCI struct {
	PassthroughWhitelist pci.Whitelist
	MatchVFsOfPF         bool
}

// NICDevices are the sections [nic_devices] and [x710_static].
type NICDevices struct {
	EnabledNICTypes []string
	Networks        nic.Mappings
	Functions       nic.Mappings
}

const (
	vgpuPrefix = "vgpu_"
	x710Static = "x710_static"
)

// LoadAgent reads the configuration of an agent, as Load reads the service's.
// The two may be in one file.
func LoadAgent(files, environ []string) (*Config, []Warning, error) {
	return load(files, environ, roleAgent)
}

// role is which of the two programs in the binary reads the configuration.
type role int

const (
	roleService role = iota
	roleAgent
)

// optionsOf gives the options that a role reads, and those that are the other
// role's. groups are the sections of the files: those of vGPU types have the
// type in their name.
func optionsOf(r role, groups []string) (own, others []Option) {
	var shared, service []Option
	for _, o := range Options() {
		if o.Group == defaultGroup || o.Group == "fake" {
			shared = append(shared, o)
		} else {
			service = append(service, o)
		}
	}
	agent := AgentOptions()
	for _, group := range slices.Compact(slices.Sorted(slices.Values(groups))) {
		if vgpu, found := strings.CutPrefix(group, vgpuPrefix); found {
			agent = append(agent, vgpuOption(vgpu))
		}
	}
	if r == roleAgent {
		return append(shared, agent...), service
	}
	return Options(), agent
}
