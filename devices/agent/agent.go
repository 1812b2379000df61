// Package agent is what runs on a compute host: it looks at the hardware with
// all enabled drivers and puts together what the host reports.
package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/arqd/arqd/devices"
)

// Inventory is what all drivers of a host say, in their order.
type Inventory []Report

// Report is what one driver says.
type Report struct {
	Driver string
	devices.Found
	// Err is why the driver could not look, or why its report is not the
	// whole truth. Then nothing may be concluded from what it lacks.
	Err error
}

// Failed says whether any driver has an error.
func (inv Inventory) Failed() bool {
	return slices.ContainsFunc(inv, func(r Report) bool { return r.Err != nil })
}

// Discover lets every driver look, all at the same time. None can spoil the
// report of another: not by failing, not by a panic, and not by a read that
// hangs, which is left to itself when ctx ends.
func Discover(ctx context.Context, drivers []devices.Driver) Inventory {
	answers := make([]chan Report, len(drivers))
	for i, d := range drivers {
		answers[i] = make(chan Report, 1)
		go func() { answers[i] <- look(ctx, d) }()
	}
	inv := make(Inventory, len(drivers))
	for i, d := range drivers {
		select {
		case inv[i] = <-answers[i]:
		case <-ctx.Done():
			// An answer that is there counts all the same.
			select {
			case inv[i] = <-answers[i]:
			default:
				inv[i] = Report{Driver: d.Name(), Err: fmt.Errorf("has not answered: %w", ctx.Err())}
			}
		}
		sortProblems(inv[i].Problems)
	}
	inv.separate()
	return inv
}

// errPanic is a mistake in a driver.
var errPanic = errors.New("panic")

func look(ctx context.Context, d devices.Driver) (r Report) {
	r.Driver = d.Name()
	defer func() {
		if p := recover(); p != nil {
			r.Found, r.Err = devices.Found{}, fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	found, err := d.Discover(ctx)
	if err != nil {
		return Report{Driver: r.Driver, Err: err}
	}
	r.Found = found
	return r
}

func sortProblems(all []devices.Problem) {
	slices.SortStableFunc(all, func(p, q devices.Problem) int { return strings.Compare(p.Where, q.Where) })
}
