package nic

import (
	"fmt"
	"slices"
	"strings"
)

// Mapping is a name and the interfaces it stands for.
type Mapping struct {
	Name       string
	Interfaces []string
}

// Mappings are several of them, in the order of the configuration.
type Mappings []Mapping

// ParseMappings reads entries such as physnet1:eth2|eth3.
func ParseMappings(entries []string) (Mappings, error) {
	var all Mappings
	for _, entry := range entries {
		name, interfaces, found := strings.Cut(entry, ":")
		m := Mapping{Name: strings.TrimSpace(name)}
		for i := range strings.SplitSeq(interfaces, "|") {
			if i = strings.TrimSpace(i); i != "" {
				m.Interfaces = append(m.Interfaces, i)
			}
		}
		switch {
		case !found, m.Name == "", len(m.Interfaces) == 0:
			return nil, fmt.Errorf("%q is not a name, a colon and interfaces, as in physnet1:eth2|eth3", entry)
		case slices.ContainsFunc(all, func(o Mapping) bool { return o.Name == m.Name }):
			return nil, fmt.Errorf("%q is there twice", m.Name)
		}
		all = append(all, m)
	}
	return all, nil
}

// of gives the first name that stands for an interface, or "".
func (m Mappings) of(netdev string) string {
	for _, mapping := range m {
		if slices.Contains(mapping.Interfaces, netdev) {
			return mapping.Name
		}
	}
	return ""
}
