package agent

import (
	"strconv"
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Place is where the function of a deployable's first handle sits.
type Place struct {
	Address sysfs.Address
	sysfs.Topology
}

// PlaceOf finds it; a deployable that is not on the bus has none.
func PlaceOf(bus *sysfs.Bus, dep *devices.Deployable) (Place, bool) {
	if len(dep.AttachHandles) == 0 || dep.AttachHandles[0].Type == "TEST_PCI" {
		return Place{}, false
	}
	a, err := record.ParsePCI(dep.AttachHandles[0].Info)
	if err != nil {
		return Place{}, false
	}
	return Place{a, bus.Topology(a)}, true
}

// AddTopology adds to every deployable where it sits, as attributes for
// people, and as traits that a device profile can ask for if traits is set.
func (inv Inventory) AddTopology(bus *sysfs.Bus, traits bool) {
	for i := range inv {
		for j := range inv[i].Devices {
			for k := range inv[i].Devices[j].Deployables {
				dep := &inv[i].Devices[j].Deployables[k]
				if place, ok := PlaceOf(bus, dep); ok {
					dep.Attributes = append(dep.Attributes, place.Attributes()...)
					if traits {
						dep.Attributes = append(dep.Attributes, place.traits()...)
					}
				}
			}
		}
	}
}

// Attributes leave out what is not known. No key begins with rc or trait:
// those are Placement's.
func (p *Place) Attributes() []devices.Attribute {
	numa := ""
	if p.NUMANode >= 0 {
		numa = strconv.Itoa(p.NUMANode)
	}
	maxLink := p.MaxLink.String()
	if maxLink == p.Link.String() {
		maxLink = ""
	}
	mates := make([]string, len(p.SharedWith))
	for i, a := range p.SharedWith {
		mates[i] = a.String()
	}
	var known []devices.Attribute
	for _, a := range []devices.Attribute{
		{Key: "numa_node", Value: numa},
		{Key: "pci_root", Value: p.Root},
		{Key: "pcie_switch", Value: p.Switch},
		{Key: "link", Value: p.Link.String()},
		{Key: "link_max", Value: maxLink},
		{Key: "iommu_group", Value: p.IOMMUGroup},
		{Key: "iommu_group_shared_with", Value: strings.Join(mates, " ")},
	} {
		if a.Value != "" {
			known = append(known, a)
		}
	}
	return known
}

func (p *Place) traits() []devices.Attribute {
	var all []devices.Attribute
	if p.NUMANode >= 0 {
		all = append(all, devices.Attribute{Key: "trait_numa", Value: "CUSTOM_NUMA_NODE_" + strconv.Itoa(p.NUMANode)})
	}
	if p.Switch != "" {
		all = append(all, devices.Attribute{Key: "trait_switch", Value: record.Trait("CUSTOM_PCIE_SWITCH_" + p.Switch)})
	}
	return all
}
