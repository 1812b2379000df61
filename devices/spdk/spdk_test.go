package spdk

import (
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/drivertest"
)

func TestTheContract(t *testing.T) {
	drivertest.Run(t, drivertest.Subject{
		Name: Name,
		New:  func(*testing.T, string) devices.Driver { return Driver{} },
	})
}

func TestItSaysWhyThereIsNothing(t *testing.T) {
	if found, err := (Driver{}).Discover(t.Context()); err != nil || len(found.Notes) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
}
