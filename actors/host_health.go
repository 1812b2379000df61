package actors

import (
	"fmt"
	"slices"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// examined passes on what a heartbeat says of devices. What is said of one that
// is not registered yet is kept for when it is.
func (h *hostActor) examined(all []protocol.DeviceHealth) {
	for _, e := range all {
		if !h.sys.examinedByAgent(h.name, h.session.bootID, &e) {
			if h.unheard == nil {
				h.unheard = map[string]protocol.DeviceHealth{}
			}
			if len(h.unheard) < protocol.MaxHealth {
				h.unheard[e.Device.Info] = e
			}
		}
	}
}

// examinedLate does so for devices that are new.
func (h *hostActor) examinedLate() {
	if h.session == nil {
		return
	}
	for path, e := range h.unheard {
		if h.sys.examinedByAgent(h.name, h.session.bootID, &e) {
			delete(h.unheard, path)
		}
	}
}

// examinedByAgent tells a device what its host's agent says of it; false: there
// is no such device. A healthy one is told that it is well, too: it may have been
// suspected of something.
func (s *System) examinedByAgent(host, boot string, e *protocol.DeviceHealth) bool {
	d := s.dir.deviceAt(host, e.Device.Info)
	if d == nil {
		return false
	}
	return s.devices.tell(d.UUID, &examined{source: sourceAgent, finding: newFinding(e.Health), errors: e.Errors, boot: boot})
}

// examinedByScan tells a device what an inventory says of it. A device that is
// not shown, because something is wrong with it, can be given to nobody. It says
// whether another scan is wanted to believe that.
func (s *System) examinedByScan(d *Device, r *report) (again bool) {
	var f Finding
	if !r.shows(d) {
		i := slices.IndexFunc(r.inv.Problems, func(p protocol.Problem) bool {
			return p.Kind != devices.ProblemGone && p.Of(d.ControlPath)
		})
		if i < 0 {
			return false // it may be gone, which others find out
		}
		f = newFinding(devices.Health{
			State:   devices.HealthFailed,
			Reasons: []string{fmt.Sprintf("the scan of its host cannot report it: %s", r.inv.Problems[i].Kind)},
		})
	}
	s.devices.tell(d.UUID, &examined{source: sourceScan, finding: f, at: r.at})
	return f.bad() && !d.Health.finding(sourceScan).bad()
}
