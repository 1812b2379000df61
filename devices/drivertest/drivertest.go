// Package drivertest holds drivers against the contract of devices.Driver.
package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fixture"
)

// Subject is a driver to test.
type Subject struct {
	Name string // of the driver
	// Host is a definition on which it finds something; "" for a driver that
	// does not look at the bus.
	Host string
	// New makes the driver for the host whose files are below root.
	New func(t *testing.T, root string) devices.Driver
	// Finds says whether it finds anything there.
	Finds bool

	root string // of the host; no test changes it
}

// Run runs all tests.
func Run(t *testing.T, s Subject) {
	t.Helper()
	s.root = t.TempDir()
	if s.Host != "" {
		host := fixture.Load(t, s.Host)
		s.root = host.Build(t)
	}
	t.Run("it has its name", func(t *testing.T) {
		if got := s.New(t, s.root).Name(); got != s.Name {
			t.Errorf("it is called %q", got)
		}
	})
	t.Run("what it finds is well-formed", func(t *testing.T) {
		found := discover(t, s.New(t, s.root))
		if (len(found.Devices) > 0) != s.Finds {
			t.Fatalf("%d devices", len(found.Devices))
		}
		checkDevices(t, found.Devices)
	})
	t.Run("it says the same again", func(t *testing.T) {
		d := s.New(t, s.root)
		if first, second := discover(t, d), discover(t, d); !reflect.DeepEqual(first, second) {
			t.Errorf("first %+v\nthen  %+v", first, second)
		}
	})
	t.Run("it ends with its context", func(t *testing.T) { s.testCancelled(t) })
	t.Run("it refuses commands that it does not know", func(t *testing.T) {
		d := s.New(t, s.root)
		for _, kind := range []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev, devices.SetVGPUType, "make_coffee"} {
			err := d.Do(t.Context(), devices.Command{ID: uuid.New(), Kind: kind})
			if known := slices.Contains(d.Commands(), kind); known == errors.Is(err, devices.ErrUnsupported) {
				t.Errorf("%s, among its commands: %v: error %v", kind, known, err)
			}
		}
	})
	t.Run("its devices are healthy", func(t *testing.T) { s.testHealth(t) })
	if s.Host != "" {
		t.Run("an empty bus is an empty answer", func(t *testing.T) { s.testEmpty(t) })
		t.Run("no sysfs is an error", func(t *testing.T) {
			if found, err := s.New(t, t.TempDir()).Discover(t.Context()); err == nil {
				t.Errorf("found %+v", found)
			}
		})
		t.Run("its devices may sicken", func(t *testing.T) { s.testSick(t) })
		t.Run("bad functions cost no other its place", func(t *testing.T) { s.testBadNeighbours(t) })
	}
}

func discover(t *testing.T, d devices.Driver) devices.Found {
	t.Helper()
	found, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (s *Subject) testCancelled(t *testing.T) {
	t.Helper()
	d := s.New(t, s.root)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Finds {
		if _, err := d.Discover(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("it looked: %v", err)
		}
		for _, device := range discover(t, d).Devices {
			if _, err := d.Health(ctx, device.ControlPath); !errors.Is(err, context.Canceled) {
				t.Errorf("it examined: %v", err)
			}
		}
	}
	for _, kind := range []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev, devices.SetVGPUType} {
		if err := d.Do(ctx, devices.Command{ID: uuid.New(), Kind: kind, Image: uuid.New(), Handle: uuid.New()}); err == nil {
			t.Errorf("%s was carried out", kind)
		}
	}
}

func (s *Subject) testEmpty(t *testing.T) {
	t.Helper()
	host := fixture.Load(t, "empty-host")
	found := discover(t, s.New(t, host.Build(t)))
	if len(found.Devices)+len(found.Problems) > 0 {
		t.Errorf("found %+v", found)
	}
	hidden := t.TempDir()
	if err := os.MkdirAll(filepath.Join(hidden, "sys"), 0o755); err != nil {
		t.Fatal(err)
	}
	found = discover(t, s.New(t, hidden))
	if len(found.Devices)+len(found.Problems) > 0 {
		t.Errorf("with a hidden bus: %+v", found)
	}
}

// testBadNeighbours adds a function that has gone and one that is unreadable.
func (s *Subject) testBadNeighbours(t *testing.T) {
	t.Helper()
	alone := discover(t, s.New(t, s.root))
	host := fixture.Load(t, s.Host)
	host.Functions = append(
		host.Functions,
		fixture.Functions{Addresses: []string{"0000:00:1e.0"}, Dangling: true},
		fixture.Functions{Addresses: []string{"0000:00:1e.1"}, Vendor: "0x8086", Device: "0x1572", Class: "0x020000", Unreadable: []string{"device"}},
		fixture.Functions{Addresses: []string{"ff00:ff:1f.7"}, Vendor: "rubbish", Device: "0x1572", Class: "0x020000"},
	)
	found := discover(t, s.New(t, host.Build(t)))
	if !reflect.DeepEqual(found.Devices, alone.Devices) {
		t.Errorf("alone: %+v\nbeside bad ones: %+v", alone.Devices, found.Devices)
	}
	kinds := make(map[string]devices.ProblemKind)
	for _, p := range found.Problems {
		kinds[p.Where] = p.Kind
		if p.Detail == "" {
			t.Errorf("not a word about %s", p.Where)
		}
	}
	for where, kind := range map[string]devices.ProblemKind{
		"0000:00:1e.0": devices.ProblemGone, "0000:00:1e.1": devices.ProblemUnreadable, "ff00:ff:1f.7": devices.ProblemUnreadable,
	} {
		if kinds[where] != kind {
			t.Errorf("%s is %q, want %q", where, kinds[where], kind)
		}
	}
}

var (
	types = []string{"GPU", "FPGA", "AICHIP", "QAT", "NIC", "SSD"}
	trait = regexp.MustCompile(`^[A-Z0-9_]{1,255}$`)
)

// checkDevices looks for what would confuse the service: everything that
// identifies must be there and be unique, every text that is JSON must parse.
func checkDevices(t *testing.T, all []devices.Device) {
	t.Helper()
	seen := make(map[string]bool)
	once := func(what, id string) {
		if id == "" || seen[what+id] {
			t.Errorf("%s %q is empty or there twice", what, id)
		}
		seen[what+id] = true
	}
	for _, d := range all {
		once("control path", d.ControlPath.Info)
		if !slices.Contains(types, d.Type) || d.Vendor == "" || d.ControlPath.Type != "PCI" || !json.Valid([]byte(d.ControlPath.Info)) {
			t.Errorf("type %q, vendor %q, control path %+v", d.Type, d.Vendor, d.ControlPath)
		}
		if !json.Valid([]byte(d.StdBoardInfo)) {
			t.Errorf("std_board_info %s", d.StdBoardInfo)
		}
		for _, dep := range d.Deployables {
			once("deployable", dep.Name)
			checkDeployable(t, &dep, once)
		}
	}
}

func checkDeployable(t *testing.T, dep *devices.Deployable, once func(what, id string)) {
	t.Helper()
	if dep.DriverName == "" || dep.NumAccelerators < 0 || dep.NumAccelerators > len(dep.AttachHandles) {
		t.Errorf("%s: driver %q, %d accelerators, %d handles", dep.Name, dep.DriverName, dep.NumAccelerators, len(dep.AttachHandles))
	}
	classes := 0
	for _, a := range dep.Attributes {
		once("attribute of "+dep.Name+" ", a.Key)
		if a.Key == "rc" {
			classes++
		}
		if (a.Key == "rc" || strings.HasPrefix(a.Key, "trait")) && !trait.MatchString(a.Value) {
			t.Errorf("%s: Placement does not take %s", dep.Name, a.Value)
		}
	}
	if classes != 1 {
		t.Errorf("%s: %d resource classes", dep.Name, classes)
	}
	for _, h := range dep.AttachHandles {
		once("handle ", h.Info)
		if !slices.Contains([]string{"PCI", "MDEV", "TEST_PCI"}, h.Type) || !json.Valid([]byte(h.Info)) {
			t.Errorf("%s: handle %+v", dep.Name, h)
		}
	}
}
