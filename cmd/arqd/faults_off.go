//go:build !faults

package main

import (
	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/persistence"
)

// withFaults gives back what it got: only binaries built with the tag "faults"
// can be made to misbehave.
func (s *service) withFaults(store persistence.Store, hardware actors.Hardware) (persistence.Store, actors.Hardware, error) {
	return store, hardware, nil
}
