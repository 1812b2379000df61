//go:build nvml

package nvml

import (
	"fmt"
	"log/slog"
	"time"

	lib "github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Built tells whether the library is part of this program.
const Built = true

// Open loads the library that came with the host's driver, and watches for
// critical errors. It fails where there is no such driver.
func Open(critical []int, log *slog.Logger) (*Manager, error) {
	l, err := open(lib.New())
	if err != nil {
		return nil, err
	}
	return newManager(l, critical, log), nil
}

// linked is the library.
type linked struct {
	lib.Interface
	events lib.EventSet
}

func open(l lib.Interface) (*linked, error) {
	if ret := l.Init(); ret != lib.SUCCESS {
		return nil, fmt.Errorf("load NVML: %w", ret)
	}
	set, ret := l.EventSetCreate()
	if ret != lib.SUCCESS {
		_ = l.Shutdown()
		return nil, fmt.Errorf("watch for events: %w", ret)
	}
	return &linked{l, set}, nil
}

func (l *linked) close() {
	_ = l.events.Free()
	_ = l.Shutdown()
}

// fault gives the errors of this package for those of the library.
func fault(ret lib.Return) error {
	switch ret {
	case lib.SUCCESS:
		return nil
	case lib.ERROR_NOT_FOUND, lib.ERROR_INVALID_ARGUMENT:
		return errUnknown
	case lib.ERROR_GPU_IS_LOST, lib.ERROR_RESET_REQUIRED:
		return errLost
	case lib.ERROR_TIMEOUT:
		return errQuiet
	}
	return ret
}

func (l *linked) gpu(busID string) (gpu, error) {
	d, ret := l.DeviceGetHandleByPciBusId(busID)
	if err := fault(ret); err != nil {
		return nil, err
	}
	return &card{d, l.events}, nil
}

func (l *linked) wait(limit time.Duration) (event, error) {
	data, ret := l.events.Wait(uint32(limit.Milliseconds()))
	if err := fault(ret); err != nil {
		return event{}, err
	}
	info, ret := data.Device.GetPciInfo()
	if err := fault(ret); err != nil {
		return event{}, err
	}
	xid := data.EventData
	if data.EventType == lib.EventTypeDoubleBitEccError {
		xid = xidDoubleBit
	}
	return event{text(info.BusId[:]), xid}, nil
}

// xidDoubleBit is the number under which drivers report an ECC error of two bits.
const xidDoubleBit = 48

func text(chars []int8) string {
	var b []byte
	for _, c := range chars {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// card is a GPU of the library.
type card struct {
	lib.Device
	events lib.EventSet
}

func (c *card) watch() error {
	wanted := uint64(lib.EventTypeXidCriticalError | lib.EventTypeDoubleBitEccError)
	if can, ret := c.GetSupportedEventTypes(); ret == lib.SUCCESS {
		wanted &= can
	}
	return fault(c.RegisterEvents(wanted, c.events))
}

func (c *card) mig() (on bool, instances int, err error) {
	mode, _, ret := c.GetMigMode()
	if ret == lib.ERROR_NOT_SUPPORTED {
		return false, 0, nil
	}
	if err := fault(ret); err != nil || mode != lib.DEVICE_MIG_ENABLE {
		return false, 0, err
	}
	for profile := range lib.GPU_INSTANCE_PROFILE_COUNT {
		info, ret := c.GetGpuInstanceProfileInfo(profile)
		if ret != lib.SUCCESS {
			continue // the GPU does not have that profile
		}
		made, ret := c.GetGpuInstances(&info)
		if err := fault(ret); err != nil {
			return true, 0, err
		}
		instances += len(made)
	}
	return true, instances, nil
}

func (c *card) uncorrectable() (uint64, error) {
	n, ret := c.GetTotalEccErrors(lib.MEMORY_ERROR_TYPE_UNCORRECTED, lib.VOLATILE_ECC)
	return n, fault(ret)
}

func (c *card) rows() (pending, failed bool, err error) {
	_, _, pending, failed, ret := c.GetRemappedRows()
	return pending, failed, fault(ret)
}
