package actors

import "github.com/google/uuid"

// A handle may be missed, or reported again, while it changes hands: what is on
// record afterwards was composed before that was known. It is put right before the
// device gives anything away again.

// toldBack takes note of a handle whose change was decided and which is missing on
// record, though its host has reported it meanwhile.
func (a *deviceActor) toldBack(h *heldHandle) {
	if h.State == handleMissing && !a.gone[h.UUID] && !a.dev.Missing {
		a.back[h.UUID] = true
	}
}

// putRight removes handles that are free and not on the host, frees those that are
// missing and on it, and forgets images that nobody misses any more.
func (a *deviceActor) putRight() {
	if a.writing || a.left || a.rightLater {
		return
	}
	b := relief()
	if next := a.notMissed(); next != nil {
		b.putDevice(a.dev, next)
	}
	for id := range a.gone {
		if h := a.handles[id]; a.idle(h) && len(b.handles) < handlesPerBatch {
			b.deleteHandle(h)
		}
	}
	for id := range a.back {
		delete(a.back, id)
		if h := a.handles[id]; h != nil && h.State == handleMissing {
			a.reported(b, h, h.Type)
		}
	}
	if len(b.handles)+len(b.devices) == 0 {
		return
	}
	before := a.dev.Health
	a.write(b, func(err error) {
		if err == nil {
			a.tellHealth(before)
			return
		}
		a.sys.log.Warn("a device could not be brought in line with what its host has; trying again", "device", a.dev.UUID, "error", err)
		for _, c := range b.handles {
			if c.after != nil {
				a.back[c.before.UUID] = true
			}
		}
		a.rightLater = true
		self := a.self
		a.sys.after(healthRetry, func() { a.sys.engine.tell(self, putRight{}) })
	})
}

// putRight says that it is time to try once more.
type putRight struct{}

// idle says whether a handle is free and in no proposal.
func (a *deviceActor) idle(h *heldHandle) bool {
	return h != nil && h.State == handleFree && !a.set(h.Deployable).offered.has(h.Order)
}

// unreported takes note of a handle that the host does not have. What nobody
// holds goes; what somebody holds, or is about to, goes with its holder.
func (a *deviceActor) unreported(b *batch, h *heldHandle) {
	delete(a.back, h.UUID)
	if h.State == handleMissing || a.idle(h) {
		b.deleteHandle(h)
		return
	}
	a.gone[h.UUID] = true
}

// forgetHandle forgets one that is gone from the record.
func (a *deviceActor) forgetHandle(h *heldHandle) {
	for _, of := range []map[uuid.UUID]bool{a.releasing, a.gone, a.back} {
		delete(of, h.UUID)
	}
	delete(a.handles, h.UUID)
	delete(a.makers, h.UUID)
	a.sets[h.Deployable].drop(h)
}
