package actors

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// A host's inventory is always all that it has. What it lacks is gone only when
// that is proven: the driver could look at everything, nothing is wrong near
// where the device was, and a second scan says the same, or the kernel did.

// foundDevice is a device as a host reports it.
type foundDevice struct {
	devices.Device
	driver  string // its name in [agent]enabled_drivers; "": a built-in fake one
	serial  string
	whole   bool      // what it lacks is not there
	at      time.Time // of the scan; zero for a built-in fake one, of which one is proof
	session uuid.UUID // in which it is reported
	boot    string    // the start of its host that it is reported in; "": a built-in fake one
}

// absence is a device that an inventory lacks.
type absence struct {
	scan uint64
	at   time.Time
}

// Times after which an agent is asked for a new scan.
const (
	scanAgainForProof   = protocol.ScansApart
	scanAgainForRefused = time.Minute // what stands in the way may be gone by then
)

func (h *hostActor) inventory(m *reportInventory) {
	if err := h.admit(m.body.Session); err != nil {
		m.fail(err)
		return
	}
	inv, s := m.body, h.session
	switch {
	case inv.Seq <= s.seq || inv.Scan < s.scan:
		m.fail(&protocol.Error{Code: protocol.CodeStale, Message: "a later inventory was taken already"})
		return
	case m.ifMatch != nil && *m.ifMatch != h.rec.Digest:
		m.fail(&protocol.Error{Code: protocol.CodeDigestDiffers, Message: "the last inventory that was taken is another one"})
		return
	}
	if inv.Scan > s.scan {
		s.scannedAt = h.sys.now() // a scan that is sent again is as old as it was
	}
	s.seq, s.scan = inv.Seq, inv.Scan
	h.busy = true
	self, absent, at := h.self, h.absent, s.scannedAt
	h.sys.work(func(ctx context.Context) {
		done := &inventoryTaken{asked: m}
		done.err = contained(func() (err error) {
			done.outcome, err = h.sys.takeInventory(ctx, &report{h.name, m.names, s.bootID, s.drivers, inv, absent, at})
			return err
		})
		h.sys.engine.tell(self, done)
	})
}

// inventoryTaken goes on when all devices have taken note.
func (h *hostActor) inventoryTaken(m *inventoryTaken) {
	h.busy = false
	if m.err != nil {
		h.sys.log.Warn("an inventory could not be taken", "host", h.name, "error", m.err)
		m.asked.fail(m.err)
		return
	}
	out := m.outcome
	h.absent, h.rescan = out.absent, time.Time{}
	if len(out.refused) > 0 {
		h.rescan = h.sys.now().Add(scanAgainForRefused)
	}
	if len(out.absent) > 0 || out.doubted {
		h.rescan = h.sys.now().Add(scanAgainForProof)
	}
	h.sys.hosts.stats.inventories.Add(1)
	h.sys.hosts.stats.refused.Add(uint64(len(out.refused)))
	h.logRefused(out.refused)
	h.logDisabled(out.disabled)
	next := h.record()
	next.Digest = m.asked.body.Digest
	h.write(next, func(err error) {
		if err != nil {
			m.asked.fail(err)
			return
		}
		h.examinedLate()
		m.asked.promise.resolve(&protocol.InventoryReply{Digest: next.Digest, Refused: out.refused}, nil)
	})
}

// mostRefusedLogged bounds the lines about one inventory.
const mostRefusedLogged = 16

// logRefused says what is refused that was not before, or for another reason.
func (h *hostActor) logRefused(refused []protocol.Refused) {
	now, fresh := make(map[protocol.Refused]bool, len(refused)), 0
	for _, r := range refused {
		now[r] = true
		if h.refused[r] {
			continue
		}
		if fresh++; fresh <= mostRefusedLogged {
			h.sys.log.Warn("a device that a host reports is refused", "host", h.name, "device", r.CPIDInfo, "reason", r.Reason)
		}
	}
	if fresh > mostRefusedLogged {
		h.sys.log.Warn("more devices that a host reports are refused", "host", h.name, "devices", fresh-mostRefusedLogged)
	}
	h.refused = now
}

// logDisabled says, once in a session, that devices go because their drivers are not
// enabled any more.
func (h *hostActor) logDisabled(all []*Device) {
	if len(all) == 0 || h.session == nil || h.session.disabled {
		return
	}
	h.session.disabled = true
	var drivers []string
	for _, d := range all {
		drivers = append(drivers, d.Driver)
	}
	slices.Sort(drivers)
	h.sys.log.Warn("a host has devices of drivers that are not enabled there any more; those that nobody has are removed, the others when they are given back",
		"host", h.name, "drivers", slices.Compact(drivers), "devices", len(all), "enabled", h.session.drivers)
}

// report is an inventory and what is known beside it.
type report struct {
	host    string
	names   []string // that the agent has proven
	boot    string   // the start of the machine
	drivers []string // that are enabled; none: it is not known
	inv     *protocol.Inventory
	absent  map[uuid.UUID]absence // according to the scans before; not altered
	at      time.Time             // of the scan, as far as is known here
}

// reportOutcome is what became of it.
type reportOutcome struct {
	refused []protocol.Refused
	absent  map[uuid.UUID]absence
	doubted bool // something is said of a device that one scan does not prove
	// disabled are devices of drivers that are not enabled any more.
	disabled []*Device
}

// takeInventory brings the records of a host's devices in line with a report.
// It may be repeated.
func (s *System) takeInventory(ctx context.Context, r *report) (*reportOutcome, error) {
	out := &reportOutcome{refused: []protocol.Refused{}, absent: map[uuid.UUID]absence{}}
	good, err := s.screen(ctx, r, out)
	if err != nil {
		return nil, err
	}
	if out.doubted, err = s.register(ctx, r.host, good); err != nil {
		return nil, err
	}
	for _, d := range s.devicesOf(r.host) {
		out.doubted = s.examinedByScan(d, r) || out.doubted
		if !r.shows(d) && r.disabled(d) {
			out.disabled = append(out.disabled, d)
		}
		if r.shows(d) || !r.provesAbsence(d, out) {
			continue
		}
		if _, err := s.vanish(ctx, d.UUID, false); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *System) devicesOf(host string) []*Device { return s.dir.devicesOf(host) }

// shows says whether something is reported at a device's place, taken or not.
func (r *report) shows(d *Device) bool {
	return slices.ContainsFunc(r.inv.Devices, func(f protocol.Device) bool { return f.ControlPath.Info == d.ControlPath.Info })
}

// provesAbsence says whether a device that is not reported is gone for certain;
// if it is not, it takes note of it for the next scan.
func (r *report) provesAbsence(d *Device, out *reportOutcome) bool {
	switch {
	case !d.vanishes(r):
		return false
	case d.Missing: // that was proven before
		return true
	case slices.Contains(r.inv.Removed, d.ControlPath.Info):
		return true
	}
	first, seen := r.absent[d.UUID]
	if seen && r.inv.Scan > first.scan && r.at.Sub(first.at) >= protocol.ScansApart {
		return true
	}
	if !seen {
		first = absence{r.inv.Scan, r.at}
	}
	out.absent[d.UUID] = first
	return false
}

// vanishes says whether one scan lets a device that it lacks appear gone. Nobody
// looks for one of a driver that is not enabled any more: the operator has it taken
// away.
func (d *Device) vanishes(r *report) bool {
	return r.seesAll(d.Driver, d.ControlPath) || r.disabled(d)
}

// disabled says whether a device was reported by a driver that the operator does not
// have enabled any more.
func (r *report) disabled(d *Device) bool {
	return len(r.drivers) > 0 && d.Driver != "" && !slices.Contains(r.drivers, d.Driver)
}

// seesAll says whether all is seen that a driver has at a place.
func (r *report) seesAll(driver string, place devices.ControlPathID) bool {
	return r.inv.Complete[driver] && !slices.ContainsFunc(r.inv.Problems, func(p protocol.Problem) bool {
		return p.Hides(place)
	})
}

// vanish has a device go. It says whether its record is gone, too: while
// somebody has something of it, or it is remembered, it is missing.
func (s *System) vanish(ctx context.Context, id uuid.UUID, replaced bool) (gone bool, err error) {
	p := newPromise[bool]()
	return call(ctx, s, p, func() error {
		if !s.devices.tell(id, &vanish{replaced: replaced, promise: p}) {
			p.resolve(true, nil)
		}
		return nil
	})
}
