// Package pciids gives the names of PCI vendors, devices and classes, from the
// PCI ID database (https://pci-ids.ucw.cz).
//
// A copy is built in; LICENSE.pci.ids has its terms. Names are for people:
// they change from one edition to the next and identify nothing.
package pciids

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

//go:embed pci.ids.gz
var builtIn []byte

// Names is one edition of the database, without subsystems.
type Names struct {
	// Version is the edition's date, yyyy.mm.dd; "" if it does not say.
	Version string

	vendors    map[uint16]string
	devices    map[uint32]string // vendor, device
	classes    map[uint8]string
	subclasses map[uint16]string // class, subclass
}

// maxBytes is far beyond the database's size.
const maxBytes = 32 << 20

// File reads the database in one file.
func File(name string) (*Names, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// hostFiles are where distributions keep the database.
var hostFiles = []string{"usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids", "usr/share/pci.ids"}

// ForHost gives the newest of the built-in edition and those of the host
// whose files are below root. A file that cannot be read is passed over.
func ForHost(root string) (*Names, error) {
	z, err := gzip.NewReader(bytes.NewReader(builtIn))
	if err != nil {
		return nil, err
	}
	newest, err := Parse(z)
	if err != nil {
		return nil, fmt.Errorf("the built-in names: %w", err)
	}
	for _, name := range hostFiles {
		path := filepath.Join(root, name)
		if version, err := versionOf(path); err != nil || version <= newest.Version {
			continue
		}
		if n, err := File(path); err == nil {
			newest = n
		}
	}
	return newest, nil
}

var versionLine = regexp.MustCompile(`^#\s*Version:\s*(\d{4}\.\d{2}\.\d{2})\s*$`)

// versionOf reads no more than the head of a file.
func versionOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() && strings.HasPrefix(lines.Text(), "#") {
		if m := versionLine.FindStringSubmatch(lines.Text()); m != nil {
			return m[1], nil
		}
	}
	return "", errors.Join(lines.Err(), fs.ErrNotExist)
}

// Parse reads a database. Lines that it does not understand are passed over,
// as every reader of this format does; what is no text at all is refused.
func Parse(r io.Reader) (*Names, error) {
	n := &Names{
		vendors: make(map[uint16]string), devices: make(map[uint32]string),
		classes: make(map[uint8]string), subclasses: make(map[uint16]string),
	}
	p := parser{Names: n}
	lines := bufio.NewScanner(io.LimitReader(r, maxBytes))
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		p.take(lines.Text())
	}
	return n, lines.Err()
}

// parser remembers what the line above was about.
type parser struct {
	*Names
	vendor   uint16
	class    uint8
	inVendor bool
	inClass  bool
}

func (p *parser) take(line string) {
	switch {
	case line == "", line[0] == '#':
		if m := versionLine.FindStringSubmatch(line); m != nil && p.Version == "" {
			p.Version = m[1]
		}
	case strings.HasPrefix(line, "\t\t"): // subsystems and interfaces
	case line[0] == '\t':
		p.child(line[1:])
	case strings.HasPrefix(line, "C "):
		id, name, ok := entry(line[2:], 2)
		p.inVendor, p.inClass, p.class = false, ok, uint8(id)
		if ok {
			p.classes[p.class] = name
		}
	default:
		id, name, ok := entry(line, 4)
		p.inVendor, p.inClass, p.vendor = ok, false, id
		if ok {
			p.vendors[id] = name
		}
	}
}

func (p *parser) child(line string) {
	if p.inVendor {
		if id, name, ok := entry(line, 4); ok {
			p.devices[uint32(p.vendor)<<16|uint32(id)] = name
		}
	}
	if p.inClass {
		if id, name, ok := entry(line, 2); ok {
			p.subclasses[uint16(p.class)<<8|id] = name
		}
	}
}

// entry reads digits, blanks, name.
func entry(line string, digits int) (id uint16, name string, ok bool) {
	if len(line) < digits+2 || line[digits] != ' ' {
		return 0, "", false
	}
	n, err := strconv.ParseUint(line[:digits], 16, 16)
	name = strings.TrimSpace(line[digits:])
	return uint16(n), name, err == nil && name != ""
}

// Model is what lspci shows of a device: its vendor's name and its own, or
// "Device" in place of a name that nobody knows.
func (n *Names) Model(vendor, device uint16) string {
	v, known := n.vendors[vendor]
	if !known {
		return "Device"
	}
	if d, known := n.devices[uint32(vendor)<<16|uint32(device)]; known {
		return v + " " + d
	}
	return v + " Device"
}

// Subclass is the name of a base class and subclass, 0x0302 say; of an unknown
// one, that of its class.
func (n *Names) Subclass(code uint16) string {
	if name, known := n.subclasses[code]; known {
		return name
	}
	if name, known := n.classes[uint8(code>>8)]; known {
		return name
	}
	return "Class"
}
