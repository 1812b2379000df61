package sysfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/arqd/arqd/devices"
)

// Function is one PCI function as it was when it was scanned. Its methods read
// further attributes, which may be there no longer.
type Function struct {
	Address Address
	Vendor  uint16
	Device  uint16
	Class   uint32 // base class, subclass, interface: a byte each

	bus *Bus
}

// Base and subclass of a function, as in pci.ids.
const (
	ClassNVMe        = 0x0108
	ClassVGA         = 0x0300
	Class3D          = 0x0302
	ClassAccelerator = 0x1200

	baseBridge = 0x06
)

// Subclass is the class without the interface: 0x0302 is a 3D controller.
func (f *Function) Subclass() uint16 { return uint16(f.Class >> 8) }

// VendorText is the vendor in four bare digits: 10de.
func (f *Function) VendorText() string { return fmt.Sprintf("%04x", f.Vendor) }

// DeviceText is the device, which the API calls product, in four bare digits.
func (f *Function) DeviceText() string { return fmt.Sprintf("%04x", f.Device) }

// Path is a path below the function's folder.
func (f *Function) Path(parts ...string) string {
	return filepath.Join(append([]string{f.bus.FunctionDir(f.Address)}, parts...)...)
}

// Read gives the text of an attribute.
func (f *Function) Read(parts ...string) (string, error) { return f.bus.read(f.Path(parts...)) }

// Problem says what an error of one of its further attributes means for the
// function: it has gone since it was scanned, or it cannot be read. That one
// attribute is not there does not make the function gone.
func (f *Function) Problem(err error) devices.Problem {
	p := devices.Problem{Where: f.Address.String(), Kind: devices.ProblemUnreadable, Detail: err.Error()}
	if _, err := f.Read("vendor"); isGone(err) {
		p.Kind = devices.ProblemGone
	}
	return p
}

// IsVF says whether the function is a virtual one of another.
func (f *Function) IsVF() bool {
	_, err := os.Lstat(f.Path("physfn"))
	return err == nil
}

// PF gives the address of the function that a virtual one belongs to.
func (f *Function) PF() (Address, bool) { return linkedAddress(f.Path("physfn")) }

// linkedAddress gives the function that a link points to.
func linkedAddress(link string) (Address, bool) {
	target, err := os.Readlink(link)
	if err != nil {
		return Address{}, false
	}
	a, err := ParseAddress(filepath.Base(target))
	return a, err == nil
}

var virtfn = regexp.MustCompile(`^virtfn([0-9]{1,5})$`)

// VFs gives the addresses of a function's virtual ones, by their number.
func (f *Function) VFs() ([]Address, error) {
	entries, err := os.ReadDir(f.Path())
	if err != nil {
		return nil, err
	}
	numbers := make(map[Address]int)
	var vfs []Address
	for _, entry := range entries {
		m := virtfn.FindStringSubmatch(entry.Name())
		if m == nil {
			continue
		}
		a, ok := linkedAddress(f.Path(entry.Name()))
		if _, twice := numbers[a]; !ok || twice {
			continue
		}
		numbers[a], _ = strconv.Atoi(m[1])
		vfs = append(vfs, a)
	}
	slices.SortFunc(vfs, func(a, b Address) int { return numbers[a] - numbers[b] })
	return vfs, nil
}

// Names lists a folder of the function, sorted: the names below net, say. A
// folder that is not there is empty.
func (f *Function) Names(parts ...string) ([]string, error) {
	entries, err := os.ReadDir(f.Path(parts...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// Glob lists the attributes that match a pattern, sorted, as Read takes them.
func (f *Function) Glob(pattern string) []string {
	matches, _ := fs.Glob(os.DirFS(f.Path()), pattern) // it fails on a bad pattern alone
	return matches
}

// Netdev gives the function that a network interface belongs to.
func (b *Bus) Netdev(name string) (Address, bool) {
	return linkedAddress(b.Path("sys", "class", "net", name, "device"))
}
