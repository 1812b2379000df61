package agent

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/arqd/arqd/devices"
)

// errLooking is why a driver is not asked again.
var errLooking = errors.New("has not answered since an earlier look")

// Guarded gives drivers that are not asked to look while they still do: one that
// hangs would otherwise be asked at each look, and each would wait for it.
func Guarded(drivers []devices.Driver) []devices.Driver {
	all := make([]devices.Driver, len(drivers))
	for i, d := range drivers {
		all[i] = &guarded{Driver: d}
	}
	return all
}

type guarded struct {
	devices.Driver
	looking atomic.Bool
}

// Discover looks, unless it does.
func (g *guarded) Discover(ctx context.Context) (devices.Found, error) {
	if !g.looking.CompareAndSwap(false, true) {
		return devices.Found{}, errLooking
	}
	defer g.looking.Store(false)
	return g.Driver.Discover(ctx)
}
