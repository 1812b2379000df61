package nvme

import (
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/drivertest"
	"github.com/arqd/arqd/devices/pciids"
	"github.com/arqd/arqd/devices/sysfs"
)

func TestTheContract(t *testing.T) {
	drivertest.Run(t, drivertest.Subject{
		Name: Name, Host: "nvme-inspur", Finds: true,
		New: func(t *testing.T, root string) devices.Driver {
			t.Helper()
			return New(base.Driver{Bus: sysfs.New(root), Host: "h"}, &pciids.Names{})
		},
	})
}
