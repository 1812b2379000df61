package sysfs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Topology is where a function sits in its machine. What the machine does not
// say is empty.
type Topology struct {
	NUMANode int    // -1: unknown
	Root     string // PCIe root complex: pci0000:3a
	Switch   string // address of the nearest switch's upstream port
	Link     Link
	MaxLink  Link
	// IOMMUGroup is the group's number. A guest gets a whole group or nothing.
	IOMMUGroup string
	// SharedWith are the other functions of the group, bridges left out. With
	// any, the function cannot be passed to a guest by itself.
	SharedWith []Address
}

// Link is how a function is connected.
type Link struct {
	Speed string // 32.0 GT/s
	Width int    // lanes; 0: unknown
}

// String gives "32.0 GT/s x16", or "" for a link of which nothing is known.
func (l Link) String() string {
	if l.Speed == "" || l.Width == 0 {
		return ""
	}
	return l.Speed + " x" + strconv.Itoa(l.Width)
}

// Topology reads where a function sits.
func (b *Bus) Topology(a Address) Topology {
	f := Function{Address: a, bus: b}
	t := Topology{
		NUMANode: f.number("numa_node", -1),
		Link:     f.link("current"),
		MaxLink:  f.link("max"),
	}
	t.Root, t.Switch = f.parents()
	if group, err := os.Readlink(f.Path("iommu_group")); err == nil {
		t.IOMMUGroup = filepath.Base(group)
		t.SharedWith = f.groupMates()
	}
	return t
}

// number reads a number that does no harm where it is missing.
func (f *Function) number(name string, otherwise int) int {
	text, err := f.Read(name)
	if err != nil {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

func (f *Function) link(which string) Link {
	speed, err := f.Read(which + "_link_speed")
	if err != nil || !strings.Contains(speed, "GT/s") {
		speed = "" // the kernel also writes "Unknown"
	}
	width := f.number(which+"_link_width", 0)
	if width > 64 { // 255: unknown
		width = 0
	}
	return Link{Speed: strings.TrimSuffix(speed, " PCIe"), Width: width}
}

// parents follows the way up: devices/pci0000:3a/0000:3a:01.0/0000:3b:00.0. A
// switch is two bridges below the root port, its upstream and a downstream one.
func (f *Function) parents() (root, upstream string) {
	target, err := os.Readlink(f.Path())
	if err != nil {
		return "", ""
	}
	way := strings.Split(target, "/")
	start := len(way) - 1 // the last root: Intel's volume management device is one below another
	for start >= 0 && !strings.HasPrefix(way[start], "pci") {
		start--
	}
	if start < 0 {
		return "", ""
	}
	bridges := way[start+1 : len(way)-1]
	if n := len(bridges); n >= 3 {
		upstream = bridges[n-2]
	}
	return way[start], upstream
}

// groupMates are the other functions of the IOMMU group that are no bridges.
func (f *Function) groupMates() []Address {
	var mates []Address
	names, _ := f.Names("iommu_group", "devices") // unreadable: unknown
	for _, name := range names {
		a, err := ParseAddress(name)
		if err != nil || a == f.Address {
			continue
		}
		if mate, err := f.bus.function(a); err == nil && mate.Class>>16 == baseBridge {
			continue
		}
		mates = append(mates, a)
	}
	slices.SortFunc(mates, Address.Compare)
	return mates
}
