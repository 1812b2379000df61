package nvme

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/sysfs"
)

// disk is a driver, and a disk of its host whose node, if it has one, is the
// null device: asking that does nothing.
func disk(t *testing.T, node bool) (*Driver, devices.ControlPathID) {
	t.Helper()
	host := fixture.Load(t, "nvme-inspur")
	root := host.Build(t)
	d := New(base.Driver{Bus: sysfs.New(root), Host: "h"}, &pciids.Names{})
	found, err := d.Discover(t.Context())
	if err != nil || len(found.Devices) == 0 {
		t.Fatal(err)
	}
	at, _ := sysfs.ParseAddress(host.Functions[0].Addresses[0])
	name := filepath.Join(d.Bus.FunctionDir(at), "nvme", "nvme0")
	if err := errors.Join(os.MkdirAll(name, 0o755), os.MkdirAll(root+"/dev", 0o755)); err != nil {
		t.Fatal(err)
	}
	if node {
		err = os.Symlink("/dev/null", root+"/dev/nvme0")
	} else {
		err = os.WriteFile(root+"/dev/nvme0", nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, found.Devices[0].ControlPath
}

func TestWhatADiskWarnsOf(t *testing.T) {
	d, path := disk(t, true)
	for log, want := range map[logSMART]struct {
		state   devices.HealthState
		reasons []string
	}{
		0:        {devices.HealthOK, nil},
		1 << 0:   {devices.HealthFailed, warnings[:1]},
		1<<2 | 8: {devices.HealthFailed, warnings[2:4]},
		0xff:     {devices.HealthFailed, warnings[:]},
	} {
		d.smart = func(string) (logSMART, error) { return log, nil }
		h, err := d.Health(t.Context(), path)
		if err != nil || h.State != want.state || !slices.Equal(h.Reasons, want.reasons) {
			t.Errorf("%#x: %+v, %v", log, h, err)
		}
	}
}

// That a disk cannot be asked is no fault of it.
func TestADiskThatCannotBeAsked(t *testing.T) {
	d, path := disk(t, true) // the null device knows no such command
	if h, err := d.Health(t.Context(), path); err != nil || h.State != devices.HealthOK {
		t.Errorf("%+v, %v", h, err)
	}
	d, path = disk(t, false)
	d.smart = func(node string) (logSMART, error) {
		t.Errorf("%s is asked and is no device", node)
		return 0, nil
	}
	if h, err := d.Health(t.Context(), path); err != nil || h.State != devices.HealthOK {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestADiskThatDoesNotAnswer(t *testing.T) {
	d, path := disk(t, true)
	synctest.Test(t, func(t *testing.T) {
		var questions atomic.Int32
		letGo := make(chan struct{})
		d.smart = func(string) (logSMART, error) {
			questions.Add(1)
			<-letGo
			return 0, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if h, err := d.Health(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first time: %+v, %v", h, err)
		}
		h, err := d.Health(t.Context(), path)
		if err != nil || h.State != devices.HealthFailed || questions.Load() != 1 {
			t.Errorf("with %d questions open: %+v, %v", questions.Load(), h, err)
		}
		close(letGo)
		synctest.Wait()
		if h, err := d.Health(t.Context(), path); err != nil || h.State != devices.HealthOK || questions.Load() != 2 {
			t.Errorf("after it has answered: %+v, %v", h, err)
		}
	})
}

func TestTheCommandIsLaidOutAsTheKernelHasIt(t *testing.T) {
	var c adminCommand
	if unsafe.Sizeof(c) != 72 || unsafe.Offsetof(c.address) != 24 || unsafe.Offsetof(c.length) != 36 ||
		unsafe.Offsetof(c.dword10) != 40 || unsafe.Offsetof(c.timeoutMillis) != 64 {
		t.Errorf("%d bytes", unsafe.Sizeof(c))
	}
}
