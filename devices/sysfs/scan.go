package sysfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/arqd/arqd/devices"
)

// Scan is one look at all PCI functions of a host.
type Scan struct {
	// Functions are those that could be read, by address.
	Functions []Function
	// Problems are the others.
	Problems []devices.Problem
}

// Scan reads every function. It fails only where there is no telling what the
// host has: a host without PCI has an empty scan.
func (b *Bus) Scan(ctx context.Context) (*Scan, error) {
	entries, err := os.ReadDir(b.devicesDir())
	if errors.Is(err, fs.ErrNotExist) {
		// A container may hide the bus; a root without sys is a mistake.
		if _, err := os.Stat(b.Path("sys")); err != nil {
			return nil, fmt.Errorf("there is no sysfs: %w", err)
		}
		return &Scan{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the PCI functions: %w", err)
	}
	s := &Scan{Functions: make([]Function, 0, len(entries))}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		address, err := ParseAddress(entry.Name())
		if err != nil {
			continue // not a function
		}
		f, err := b.function(address)
		if err != nil {
			s.Problems = append(s.Problems, problem(address, err))
			continue
		}
		s.Functions = append(s.Functions, f)
	}
	slices.SortFunc(s.Functions, func(f, g Function) int { return f.Address.Compare(g.Address) })
	return s, nil
}

// Find gives the function at an address, nil if the scan has none.
func (s *Scan) Find(a Address) *Function {
	i, found := slices.BinarySearchFunc(s.Functions, a, func(f Function, a Address) int { return f.Address.Compare(a) })
	if !found {
		return nil
	}
	return &s.Functions[i]
}

// problem says what an error means for a function.
func problem(a Address, err error) devices.Problem {
	kind := devices.ProblemUnreadable
	if isGone(err) {
		kind = devices.ProblemGone
	}
	return devices.Problem{Where: a.String(), Kind: kind, Detail: err.Error()}
}

// function reads what every driver needs to know.
func (b *Bus) function(a Address) (Function, error) {
	f := Function{Address: a, bus: b}
	dir := b.FunctionDir(a)
	vendor, err := b.readHex(filepath.Join(dir, "vendor"), 16)
	if err != nil {
		return f, err
	}
	device, err := b.readHex(filepath.Join(dir, "device"), 16)
	if err != nil {
		return f, err
	}
	class, err := b.readHex(filepath.Join(dir, "class"), 24)
	f.Vendor, f.Device, f.Class = uint16(vendor), uint16(device), uint32(class)
	return f, err
}

// errVFs is why a function whose virtual ones cannot be read is left alone: to
// offer it as a whole might take them from their guests.
var errVFs = errors.New("none of its virtual functions can be read")

// VFs gives those virtual functions of f that the scan has, by their number. A
// function without any, or whose virtual ones have just gone, has none.
func (s *Scan) VFs(f *Function) ([]*Function, error) {
	addresses, err := f.VFs()
	if err != nil {
		return nil, err
	}
	var vfs []*Function
	unreadable := false
	for _, a := range addresses {
		if vf := s.Find(a); vf != nil {
			vfs = append(vfs, vf)
			continue
		}
		unreadable = unreadable || slices.ContainsFunc(s.Problems, func(p devices.Problem) bool {
			return p.Where == a.String() && p.Kind == devices.ProblemUnreadable
		})
	}
	if len(vfs) == 0 && unreadable {
		return nil, errVFs
	}
	return vfs, nil
}
