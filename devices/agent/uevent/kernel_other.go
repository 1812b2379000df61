//go:build !linux

package uevent

import (
	"context"
	"errors"
)

// Kernel is the source on this machine. This system has none.
type Kernel struct{}

// Run implements Source.
func (Kernel) Run(context.Context, func(Event)) error {
	return errors.ErrUnsupported
}
