package nvidia

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

var t4 = sysfs.Address{Bus: 0xaf}

// driverOn gives a driver on a host, and the host's root.
func driverOn(t *testing.T, host *fixture.Definition, opts Options) (*Driver, string) {
	t.Helper()
	root := host.Build(t)
	return New(base.Driver{Bus: sysfs.New(root), Host: "h"}, &pciids.Names{}, opts), root
}

func t4Host(t *testing.T) *fixture.Definition {
	t.Helper()
	host := fixture.Load(t, "t4-vgpu-and-pgpu")
	return &host
}

// Each way in which a function cannot be offered as it is configured leaves
// the other GPU in the report.
func TestAFunctionThatCannotBeOfferedAsConfigured(t *testing.T) {
	const types = "sys/bus/pci/devices/0000:af:00.0/mdev_supported_types"
	for name, tt := range map[string]struct {
		vgpu  string
		spoil func(root string) error
		want  devices.ProblemKind
	}{
		"it has other types": {"nvidia-999", func(string) error { return nil }, devices.ProblemVGPUType},
		"it has no types at all": {"nvidia-222", func(root string) error {
			return os.RemoveAll(filepath.Join(root, types))
		}, devices.ProblemVGPUType},
		"the type's name is unreadable": {"nvidia-222", func(root string) error {
			return errors.Join(os.Remove(filepath.Join(root, types, "nvidia-222/name")), os.Mkdir(filepath.Join(root, types, "nvidia-222/name"), 0o755))
		}, devices.ProblemUnreadable},
		"the type has no name": {"nvidia-222", func(root string) error {
			return os.Remove(filepath.Join(root, types, "nvidia-222/name"))
		}, devices.ProblemUnreadable},
		"what was made of it is unreadable": {"nvidia-222", func(root string) error {
			made := filepath.Join(root, types, "nvidia-222/devices")
			return errors.Join(os.RemoveAll(made), os.WriteFile(made, nil, 0o600))
		}, devices.ProblemUnreadable},
		"its types are unreadable": {"nvidia-222", func(root string) error {
			return errors.Join(os.RemoveAll(filepath.Join(root, types)), os.WriteFile(filepath.Join(root, types), nil, 0o600))
		}, devices.ProblemUnreadable},
		"its count is no number": {"nvidia-222", func(root string) error {
			return os.WriteFile(filepath.Join(root, types, "nvidia-222/available_instances"), []byte("many\n"), 0o600)
		}, devices.ProblemUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			d, root := driverOn(t, t4Host(t), Options{VGPUTypes: map[sysfs.Address]string{t4: tt.vgpu}})
			if err := tt.spoil(root); err != nil {
				t.Fatal(err)
			}
			found, err := d.Discover(t.Context())
			if err != nil || len(found.Devices) != 1 {
				t.Fatalf("%d devices, %v", len(found.Devices), err)
			}
			if len(found.Problems) != 1 || found.Problems[0].Where != "0000:af:00.0" || found.Problems[0].Kind != tt.want {
				t.Errorf("problems %+v, want %s", found.Problems, tt.want)
			}
		})
	}
}

// All vGPUs being made elsewhere is no reason to forget the card.
func TestATypeWithNothingLeftIsReported(t *testing.T) {
	d, _ := driverOn(t, t4Host(t), Options{VGPUTypes: map[sysfs.Address]string{t4: "nvidia-230"}})
	found, err := d.Discover(t.Context())
	if err != nil || len(found.Devices) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	dep := found.Devices[0].Deployables[0]
	if dep.NumAccelerators != 0 || dep.AttachHandles == nil || len(dep.AttachHandles) != 0 {
		t.Errorf("%d accelerators, handles %v", dep.NumAccelerators, dep.AttachHandles)
	}
}

func TestAConfiguredFunctionThatIsNotThereIsNoted(t *testing.T) {
	d, _ := driverOn(t, t4Host(t), Options{VGPUTypes: map[sysfs.Address]string{{Bus: 1}: "nvidia-222"}})
	if found, err := d.Discover(t.Context()); err != nil || len(found.Notes) != 1 || len(found.Problems) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestNeighboursAreNoGPUs(t *testing.T) {
	host := t4Host(t)
	host.Functions = append(
		host.Functions,
		fixture.Functions{Addresses: []string{"0000:af:00.1"}, Vendor: "0x10de", Device: "0x10f8", Class: "0x040300"}, // its audio function
		fixture.Functions{Addresses: []string{"0000:07:00.0"}, Vendor: "0x10de", Device: "0x22a3", Class: "0x068000"}, // an NVSwitch
		fixture.Functions{Addresses: []string{"0000:08:00.0"}, Vendor: "0x1002", Device: "0x10de", Class: "0x030000"}, // a card of AMD's
	)
	d, _ := driverOn(t, host, Options{})
	if found, err := d.Discover(t.Context()); err != nil || len(found.Devices) != 2 {
		t.Errorf("%d devices, %v", len(found.Devices), err)
	}
}

func TestTheLastWordOfATypesName(t *testing.T) {
	for name, want := range map[string]string{
		"GRID T4-1B": "T4-1B", "NVIDIA A40-48Q": "A40-48Q", "NVIDIA RTX Pro 6000 Blackwell DC-48C": "DC-48C", "": "",
	} {
		if got := lastWord(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func mdevCommand(kind devices.CommandKind, vgpu string) devices.Command {
	return devices.Command{
		ID: uuid.New(), Kind: kind, Device: record.ControlPath(t4),
		Handle: uuid.MustParse("7d0f4c1e-8c5c-4d3a-9c2b-2f6f1b1f0a01"), HandleInfo: mdevInfo(t4, vgpu, 3),
	}
}

const t4Type = "sys/class/mdev_bus/0000:af:00.0/mdev_supported_types/nvidia-222"

func TestMediatedDevices(t *testing.T) {
	d, root := driverOn(t, t4Host(t), Options{})
	create := mdevCommand(devices.CreateMdev, "nvidia-222")
	if err := d.Do(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, t4Type, "create")
	if got, _ := os.ReadFile(file); string(got) != create.Handle.String() {
		t.Errorf("written: %q", got)
	}

	// What the kernel does of it.
	mdev := filepath.Join(root, t4Type, "devices", create.Handle.String())
	if err := os.MkdirAll(mdev, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mdev, "remove"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	// A repeated command is done, and writes nothing.
	if err := errors.Join(os.Remove(file), d.Do(t.Context(), create)); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := d.Do(t.Context(), mdevCommand(devices.RemoveMdev, "nvidia-222")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(mdev, "remove")); string(got) != "1" {
		t.Errorf("written: %q", got)
	}
	if err := errors.Join(os.RemoveAll(mdev), d.Do(t.Context(), mdevCommand(devices.RemoveMdev, "nvidia-222"))); err != nil {
		t.Errorf("an absent one: %v", err)
	}
}

func TestMediatedDevicesThatCannotBeMade(t *testing.T) {
	d, root := driverOn(t, t4Host(t), Options{})
	if err := d.Do(t.Context(), mdevCommand(devices.CreateMdev, "nvidia-999")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a type that is not there: %v", err)
	}
	for _, vgpu := range []string{"../nvidia-222", ".."} {
		if err := d.Do(t.Context(), mdevCommand(devices.CreateMdev, vgpu)); err == nil {
			t.Errorf("of type %s: made", vgpu)
		}
	}
	c := mdevCommand(devices.CreateMdev, "nvidia-222")
	c.HandleInfo = record.PCI(t4)
	if err := d.Do(t.Context(), c); err == nil {
		t.Error("of a handle that is a whole function: made")
	}
	// The kernel says no: here, that nobody can write to a folder.
	file := filepath.Join(root, t4Type, "create")
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := d.Do(t.Context(), mdevCommand(devices.CreateMdev, "nvidia-222")); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("refused by the kernel: %v", err)
	}
}

// The kernel takes its time: a pipe that nobody reads does not open.
func TestACommandEndsWithItsContext(t *testing.T) {
	d, root := driverOn(t, t4Host(t), Options{})
	file := filepath.Join(root, t4Type, "create")
	if err := errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := d.Do(ctx, mdevCommand(devices.CreateMdev, "nvidia-222")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	// Now the kernel answers after all, and nothing is left behind.
	got, err := os.ReadFile(file)
	if want := mdevCommand(devices.CreateMdev, "").Handle.String(); err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestVFsAreLeftOutOnDemand(t *testing.T) {
	host := fixture.Load(t, "h100x2-vfs")
	d, _ := driverOn(t, &host, Options{NoVFs: true, VGPUTypes: map[sysfs.Address]string{{Bus: 0x19, Function: 4}: "nvidia-1"}})
	found, err := d.Discover(t.Context())
	if err != nil || len(found.Devices) != 2 || len(found.Problems) > 0 {
		t.Errorf("%d devices, problems %+v, %v", len(found.Devices), found.Problems, err)
	}
}

// managed is a management library with one partitioned GPU.
type managed struct{ instances int }

func (m managed) MIG(a sysfs.Address) (on bool, instances int, known bool) {
	return a.Bus == 0x18, m.instances, a.Bus == 0x18 || a.Bus == 0x2a
}

func (managed) Examine(a sysfs.Address, h *devices.Health) {
	if a.Bus == 0x18 {
		h.Worsen(devices.HealthDegraded, "it says so")
	}
}

// A GPU is not configured for vGPUs any more, and guests still have some of it.
func TestAGPUWithMediatedDevicesIsOfferedToNobodyAsAWhole(t *testing.T) {
	d, root := driverOn(t, t4Host(t), Options{})
	wantOffered := func(want int) {
		t.Helper()
		found, err := d.Discover(t.Context())
		if err != nil || len(found.Devices) != 2 {
			t.Fatalf("%d devices, %v", len(found.Devices), err)
		}
		n := 0
		for _, device := range found.Devices {
			n += len(device.Deployables[0].AttachHandles)
		}
		if n != want {
			t.Errorf("%d GPUs are offered, want %d", n, want)
		}
	}
	wantOffered(1)
	made, err := filepath.Glob(filepath.Join(root, t4Type, "devices", "*"))
	if err != nil || len(made) == 0 {
		t.Fatalf("the host has no mediated device: %v", err)
	}
	for _, mdev := range made {
		if err := os.RemoveAll(mdev); err != nil {
			t.Fatal(err)
		}
	}
	wantOffered(2)
}

func TestAGPUInPartsIsOfferedToNobody(t *testing.T) {
	host := fixture.Definition{Functions: []fixture.Functions{
		{Addresses: []string{"0000:18:00.0", "0000:2a:00.0", "0000:3a:00.0"}, Vendor: "0x10de", Device: "0x2335", Class: "0x030200"},
	}}
	bus := sysfs.New(host.Build(t))
	for instances, want := range map[int]int{0: 1, 2: 0} {
		d := New(base.Driver{Bus: bus, Host: "h"}, &pciids.Names{}, Options{Management: managed{instances}})
		found, err := d.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		dep := found.Devices[0].Deployables[0]
		if dep.NumAccelerators != want || len(dep.AttachHandles) != want || dep.Attributes[len(dep.Attributes)-1].Key != "mig_instances" {
			t.Errorf("with %d instances: %+v", instances, dep)
		}
		for _, other := range found.Devices[1:] {
			if dep := other.Deployables[0]; dep.NumAccelerators != 1 || len(dep.Attributes) != 3 {
				t.Errorf("%+v", dep)
			}
		}
		if h, err := d.Health(t.Context(), found.Devices[0].ControlPath); err != nil || h.State != devices.HealthDegraded {
			t.Errorf("%+v, %v", h, err)
		}
	}
}
