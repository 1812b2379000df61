package actors

import (
	"fmt"

	"github.com/arqd/arqd/devices/protocol"
)

// What a host does not report stays on record until it is proven gone, and the proof is
// the host's word. So that no host fills the store of all, one that has more on record
// than an inventory may hold gets nothing taken until some of it has gone. That leaves
// room for one inventory of other devices beside what was there before.

// roomFor refuses the devices of a host that has too much on record; nil: it has not.
func (s *System) roomFor(host string) error {
	var has, deployables, handles int
	for _, d := range s.devicesOf(host) {
		has++
		deployables += len(d.Deployables)
		handles += s.devices.handlesOf(d.UUID)
	}
	for _, of := range []struct {
		what       string
		have, most int
	}{
		{"devices", has, protocol.MaxDevices}, {"deployables", deployables, protocol.MaxDeployables}, {"attach handles", handles, protocol.MaxHandles},
	} {
		if of.have > of.most {
			return fmt.Errorf("the host has %d %s on record, %d at most: what it has not any more has to go first", of.have, of.what, of.most)
		}
	}
	return nil
}
