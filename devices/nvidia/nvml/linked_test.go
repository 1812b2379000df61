//go:build nvml

package nvml

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	lib "github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh200"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"
)

// machine is eight H200; what the library's own double lacks is filled in.
func machine(t *testing.T) (*linked, []*server.Device) {
	t.Helper()
	s := dgxh200.New()
	set := &mock.EventSet{
		WaitFunc: func(uint32) (lib.EventData, lib.Return) { return lib.EventData{}, lib.ERROR_TIMEOUT },
		FreeFunc: func() lib.Return { return lib.SUCCESS },
	}
	s.EventSetCreateFunc = func() (lib.EventSet, lib.Return) { return set, lib.SUCCESS }
	var all []*server.Device
	for i := range 8 {
		d, ret := s.DeviceGetHandleByIndex(i)
		if ret != lib.SUCCESS {
			t.Fatal(ret)
		}
		device, ok := d.(*server.Device)
		if !ok {
			t.Fatalf("a device is a %T", d)
		}
		device.GetSupportedEventTypesFunc = func() (uint64, lib.Return) { return lib.EventTypeXidCriticalError, lib.SUCCESS }
		device.RegisterEventsFunc = func(wanted uint64, _ lib.EventSet) lib.Return {
			if wanted != lib.EventTypeXidCriticalError {
				t.Errorf("events %#x are wanted", wanted)
			}
			return lib.SUCCESS
		}
		device.GetTotalEccErrorsFunc = func(lib.MemoryErrorType, lib.EccCounterType) (uint64, lib.Return) { return 3, lib.SUCCESS }
		device.GetRemappedRowsFunc = func() (int, int, bool, bool, lib.Return) { return 0, 0, true, false, lib.SUCCESS }
		all = append(all, device)
	}
	s.DeviceGetHandleByPciBusIdFunc = func(id string) (lib.Device, lib.Return) {
		if id != busOne {
			return nil, lib.ERROR_NOT_FOUND
		}
		return all[0], lib.SUCCESS
	}
	l, err := open(s)
	if err != nil {
		t.Fatal(err)
	}
	return l, all
}

func TestTheLibrarysOwnDouble(t *testing.T) {
	l, all := machine(t)
	defer l.close()
	g, err := l.gpu(busOne)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.watch(); err != nil {
		t.Error(err)
	}
	if on, n, err := g.mig(); on || n != 0 || err != nil {
		t.Errorf("MIG: %v, %d, %v", on, n, err)
	}
	if _, ret := all[0].SetMigMode(lib.DEVICE_MIG_ENABLE); ret != lib.SUCCESS {
		t.Fatal(ret)
	}
	info, ret := all[0].GetGpuInstanceProfileInfo(lib.GPU_INSTANCE_PROFILE_1_SLICE)
	if ret != lib.SUCCESS {
		t.Fatal(ret)
	}
	for range 2 {
		if _, ret := all[0].CreateGpuInstance(&info); ret != lib.SUCCESS {
			t.Fatal(ret)
		}
	}
	if on, n, err := g.mig(); !on || n != 2 || err != nil {
		t.Errorf("MIG: %v, %d, %v", on, n, err)
	}
	if n, err := g.uncorrectable(); n != 3 || err != nil {
		t.Errorf("ECC: %d, %v", n, err)
	}
	if pending, failed, err := g.rows(); !pending || failed || err != nil {
		t.Errorf("rows: %v, %v, %v", pending, failed, err)
	}
	if _, err := l.gpu("00000000:FF:00.0"); !errors.Is(err, errUnknown) {
		t.Error(err)
	}
	if _, err := l.wait(time.Millisecond); !errors.Is(err, errQuiet) {
		t.Error(err)
	}
}

func TestAnEventOfTheLibrary(t *testing.T) {
	l, all := machine(t)
	defer l.close()
	all[0].GetPciInfoFunc = func() (lib.PciInfo, lib.Return) {
		var info lib.PciInfo
		for i := range busOne {
			info.BusId[i] = int8(busOne[i])
		}
		return info, lib.SUCCESS
	}
	for kind, want := range map[uint64]uint64{lib.EventTypeXidCriticalError: 79, lib.EventTypeDoubleBitEccError: xidDoubleBit} {
		l.events = &mock.EventSet{
			WaitFunc: func(uint32) (lib.EventData, lib.Return) {
				return lib.EventData{Device: all[0], EventType: kind, EventData: 79}, lib.SUCCESS
			},
			FreeFunc: func() lib.Return { return lib.SUCCESS },
		}
		if e, err := l.wait(time.Second); err != nil || e != (event{busOne, want}) {
			t.Errorf("%+v, %v", e, err)
		}
	}
}

// Where there is no driver, there is an error and nothing else.
func TestWithoutADriver(t *testing.T) {
	m, err := Open(nil, slog.New(slog.DiscardHandler))
	if err == nil {
		m.Close() // there is one
	}
}
