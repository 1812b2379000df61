package actors

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// A part of a device, a deployable, that its host does not report any more while
// it reports the device, gives nothing away: a virtual function that is gone. It
// goes when a second scan lacks it, too, and nobody has anything of it any more.

// missingPart is a deployable that the last report of its device lacks.
type missingPart struct {
	session uuid.UUID // of its host's agent
	since   time.Time // of the scan that lacked it first, in the session
	proven  bool
}

// missParts takes note of the parts that a report lacks, and says whether that
// changes anything. Their handles are given to nobody from here on.
func (a *deviceActor) missParts(m *refresh, next *Device, handles map[uuid.UUID][]devices.AttachHandle) (changed bool) {
	for _, dep := range next.Deployables {
		if _, reported := handles[dep.UUID]; reported {
			delete(a.parts, dep.UUID)
			continue
		}
		if !m.found.whole {
			continue
		}
		part := a.parts[dep.UUID]
		if part == nil {
			part = &missingPart{session: m.found.session, since: m.found.at}
			a.parts[dep.UUID] = part
			a.tellPart(dep)
		}
		if !part.proven && part.session != m.found.session { // that has to see it for itself
			part.session, part.since = m.found.session, m.found.at
		}
		part.proven = part.proven || m.found.at.IsZero() || m.found.at.Sub(part.since) >= protocol.ScansApart
		handles[dep.UUID] = nil
		if dep.NumAccelerators != 0 {
			dep.NumAccelerators, dep.UpdatedAt, changed = 0, next.UpdatedAt, true
		}
	}
	return changed
}

// tellPart says that a part is not there that somebody has.
func (a *deviceActor) tellPart(dep *Deployable) {
	if a.set(dep.UUID).ntaken > 0 {
		a.sys.hosts.stats.vanished.Add(1)
		a.sys.log.Error("a part of a device that somebody has is not on its host any more",
			"host", a.dev.Hostname, "device", a.dev.UUID, "deployable", dep.Name)
	}
}

// partsInDoubt says whether another scan is wanted to prove that parts are gone: also
// of those that somebody has, which go when they are given back.
func (a *deviceActor) partsInDoubt() bool {
	for _, part := range a.parts {
		if !part.proven {
			return true
		}
	}
	return false
}

// held says whether somebody has something of a deployable, or it is at work.
func (a *deviceActor) held(dep uuid.UUID) bool {
	if _, busy := a.jobs.loading(dep); busy {
		return true
	}
	return slices.ContainsFunc(a.set(dep).handles, func(h *heldHandle) bool {
		return h != nil && (h.State == handleTaken || h.State == handleReleasing)
	})
}

// dropParts removes the parts that are gone and that nobody has anything of.
func (a *deviceActor) dropParts() {
	if len(a.parts) == 0 || a.writing || a.left || a.dev.Missing || len(a.offers) > 0 {
		return
	}
	for id, part := range a.parts {
		if part.proven && !a.held(id) && !a.chores[droppingOf(id)] {
			a.dropPart(id)
			return
		}
	}
}

// dropPart removes a part's handles and then the part.
func (a *deviceActor) dropPart(id uuid.UUID) {
	b := relief()
	for _, h := range a.set(id).handles {
		if h != nil && len(b.handles) < handlesPerBatch {
			b.deleteHandle(h)
		}
	}
	last, before := len(b.handles) < handlesPerBatch, a.dev.Health
	if last {
		next := a.dev.clone(a.sys.unix())
		next.Deployables = slices.DeleteFunc(next.Deployables, func(dep *Deployable) bool { return dep.UUID == id })
		next.inherit(a.dev.deployable(id))
		a.sys.showHealth(next)
		b.putDevice(a.dev, next)
	}
	a.write(b, func(err error) {
		switch {
		case err != nil:
			a.sys.log.Warn("a part of a device that is gone could not be removed; trying again", "device", a.dev.UUID, "deployable", id, "error", err)
			a.later(droppingOf(id), leaveRetry)
		case last:
			delete(a.parts, id)
			delete(a.sets, id)
			a.tellHealth(before)
			a.sys.log.Info("a part of a device is gone from its host and removed", "host", a.dev.Hostname, "device", a.dev.UUID, "deployable", id)
		}
	})
}
