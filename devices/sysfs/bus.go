package sysfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Bus is the PCI bus of one host.
type Bus struct {
	root string
	// opened is told of each attribute before it is read. Tests use it to
	// change the hardware in the middle of a scan.
	opened func(path string)
}

// New gives the bus below root; "" and "/" are this machine's own.
func New(root string) *Bus {
	if root == "" {
		root = "/"
	}
	return &Bus{root: root, opened: func(string) {}}
}

// Root is where the bus is read.
func (b *Bus) Root() string { return b.root }

// Path is a path below the root.
func (b *Bus) Path(parts ...string) string {
	return filepath.Join(append([]string{b.root}, parts...)...)
}

func (b *Bus) devicesDir() string { return b.Path("sys", "bus", "pci", "devices") }

// FunctionDir is where a function's attributes are.
func (b *Bus) FunctionDir(a Address) string { return filepath.Join(b.devicesDir(), a.String()) }

// maxAttribute is what sysfs gives at most of one attribute.
const maxAttribute = 4096

// read gives the text of an attribute without the blanks around it.
func (b *Bus) read(path string) (string, error) {
	b.opened(path)
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text := make([]byte, 0, 64) // most are a few bytes
	for {
		n, err := f.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case errors.Is(err, io.EOF):
			return strings.TrimSpace(string(text)), nil
		case err != nil:
			return "", err
		case len(text) > maxAttribute:
			return "", fmt.Errorf("%s is longer than %d bytes", path, maxAttribute)
		}
		text = slices.Grow(text, 1)
	}
}

// ReadFile gives the text of an attribute by its path, as Function.Read does.
func (b *Bus) ReadFile(path string) (string, error) { return b.read(path) }

// readHex reads an attribute such as 0x10de of at most so many bits.
func (b *Bus) readHex(path string, bits int) (uint64, error) {
	text, err := b.read(path)
	if err != nil {
		return 0, err
	}
	n, err := parseHex(text, bits)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// parseHex reads the kernel's way of writing an id: 0x and digits.
func parseHex(text string, bits int) (uint64, error) {
	digits, found := strings.CutPrefix(text, "0x")
	n, err := strconv.ParseUint(digits, 16, bits)
	if err != nil || !found {
		return 0, fmt.Errorf("%.40q is not a number of %d bits in hexadecimal digits", text, bits)
	}
	return n, nil
}

// isGone holds of the errors by which sysfs says that a device has left.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}

// readSome gives the first n bytes of a binary attribute as they are.
func (b *Bus) readSome(path string, n int) (string, error) {
	b.opened(path)
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, n)
	if _, err := io.ReadFull(f, buf); err != nil {
		return "", err
	}
	return string(buf), nil
}
