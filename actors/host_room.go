package actors

import (
	"fmt"
	"sync/atomic"

	"github.com/arqd/arqd/devices/protocol"
)

// What a host does not report stays on record until it is proven gone, and the proof is
// the host's word. So that no host fills the store of all, one that has more on record
// than an inventory may hold gets nothing more taken until some of it has gone. That
// leaves room for one inventory of other devices beside what was there before.

// roomFor refuses the devices of a host that has too much on record; nil: it has not.
func (s *System) roomFor(host string) error {
	var has, deployables, handles, bytes int
	for _, d := range s.devicesOf(host) {
		has++
		deployables += len(d.Deployables)
		bytes += d.texts()
		if at, ok := s.devices.find(d.UUID); ok {
			handles += int(at.handles.count.Load())
			bytes += int(at.handles.bytes.Load())
		}
	}
	for _, of := range []struct {
		what       string
		have, most int
	}{
		{"devices", has, protocol.MaxDevices},
		{"deployables", deployables, protocol.MaxDeployables},
		{"attach handles", handles, protocol.MaxHandles},
		{"bytes", bytes, protocol.MaxBody},
	} {
		if of.have > of.most {
			return fmt.Errorf("the host has %d %s on record, %d at most: what it has not any more has to go first", of.have, of.what, of.most)
		}
	}
	return nil
}

// addsNothing says whether a device is reported with nothing but what is on record, or
// less: that is how parts and attach handles go of one that stays where it is. A part
// that is not reported counts: it goes when a second scan lacks it, too.
func (s *System) addsNothing(r *report, d *protocol.Device) bool {
	known := s.dir.deviceAt(r.host, d.ControlPath.Info)
	if known == nil || !known.is(d) || !s.seesWhole(r, d) {
		return false
	}
	at, ok := s.devices.find(known.UUID)
	if !ok {
		return false
	}
	for i := range d.Deployables {
		if of, ok := s.dir.provider(d.Deployables[i].ProviderUUID()); !ok || of.device.UUID != known.UUID {
			return false
		}
	}
	handles, bytes := reportedSize(d)
	for _, dep := range known.partsBeside(d) {
		bytes += dep.texts()
	}
	return bytes <= known.texts()+int(at.handles.bytes.Load()) && handles <= int(at.handles.count.Load())
}

// reportedSize is what a device as it is reported takes: attach handles, and bytes of
// texts, theirs included.
func reportedSize(d *protocol.Device) (handles, bytes int) {
	bytes = lengths(d.Type, d.Vendor, d.Model, d.StdBoardInfo, d.VendorBoardInfo, d.ControlPath.Type, d.ControlPath.Info, d.Driver, d.Serial)
	for i := range d.Deployables {
		dep := &d.Deployables[i]
		bytes += lengths(dep.Name, dep.DriverName)
		for _, a := range dep.Attributes {
			bytes += lengths(a.Key, a.Value)
		}
		for _, h := range dep.AttachHandles {
			bytes += lengths(h.Type, h.Info)
		}
		handles += len(dep.AttachHandles)
	}
	return handles, bytes
}

// texts is how many bytes of what a host reports are on record with a device, without
// its attach handles.
func (d *Device) texts() int {
	n := lengths(d.Type, d.Vendor, d.Model, d.StdBoardInfo, d.VendorBoardInfo, d.ControlPath.Type, d.ControlPath.Info, d.Driver, d.Serial)
	for _, dep := range d.Deployables {
		n += dep.texts()
	}
	return n
}

func (d *Deployable) texts() int {
	n := lengths(d.Name, d.DriverName)
	for _, a := range d.Attributes {
		if a.Reported {
			n += lengths(a.Key, a.Value)
		}
	}
	return n
}

func lengths(texts ...string) (n int) {
	for _, t := range texts {
		n += len(t)
	}
	return n
}

// handleRoom is what the attach handles of a device take. Its actor alone changes it.
type handleRoom struct{ count, bytes atomic.Int64 }

// replace takes note of a change of one; nil: there was none, or is none any more.
func (r *handleRoom) replace(before, after *heldHandle) {
	for _, c := range []struct {
		h    *heldHandle
		sign int64
	}{{before, -1}, {after, 1}} {
		if c.h != nil {
			r.count.Add(c.sign)
			r.bytes.Add(c.sign * int64(lengths(c.h.Type, c.h.Info)))
		}
	}
}
