package fake

import (
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/drivertest"
)

func TestTheContract(t *testing.T) {
	drivertest.Run(t, drivertest.Subject{
		Name: Name, Finds: true,
		New: func(*testing.T, string) devices.Driver {
			return New(Options{Host: "h", DevicesPerHost: 3, HandlesPerDevice: 4})
		},
	})
}
