package actors

import "github.com/google/uuid"

// In a store that was saved from a damaged disk, a handle may not be on record though
// an ARQ shows it: its guest has the function. When the host reports that, it is not
// free: the handle is made again, as the ARQ shows it and taken by it.

// shownBy gives the ARQs that show functions of a deployable by handles that are not
// its device's, by the functions' addresses. Of two, the one has it that was bound last.
func (a *deviceActor) shownBy(deployable uuid.UUID) map[string]*ARQ {
	shown := map[string]*ARQ{}
	dep := a.dev.deployable(deployable)
	if dep == nil {
		return shown
	}
	of, err := a.sys.dir.query(ARQQuery{Scope: Scope{Admin: true}, ProviderUUID: dep.ProviderUUID})
	if err != nil {
		return shown
	}
	for q := range of {
		h := q.Binding.Handle
		if h == nil || a.handles[h.UUID] != nil {
			continue
		}
		of := functionOf(h.Info)
		if other := shown[of]; other == nil || other.UpdatedAt <= q.UpdatedAt {
			shown[of] = q
		}
	}
	return shown
}

// newHandle makes a handle of what a host reports, and an ARQ may show. It may be on record
// as that of a device that is not: it is this one's then. Where the record of another one
// names the ARQ, it is nobody's, for who would get it besides cannot be known.
func (a *deviceActor) newHandle(b *batch, m *refresh, q *ARQ, h *heldHandle) {
	if q == nil {
		b.putHandle(nil, h)
		return
	}
	h.UUID, h.State, h.Holder = q.Binding.Handle.UUID, handleTaken, q.UUID
	if m.losses > 1 { // it was claimed twice in vain
		h.Holder = h.UUID
	}
	var before *heldHandle
	if g := a.sys.dir.handleGeneration(h.UUID); g > 0 {
		of := *h
		of.Generation, before = g, &of
	}
	b.check(arqKey(q.UUID), q.Generation) // still, when it is written
	if m.losses == 0 {
		a.sys.log.Warn("a handle that was not on record is there, and held by the accelerator request that shows it",
			"arq", q.UUID, "handle", h.UUID, "instance", q.Binding.InstanceUUID, "host", a.dev.Hostname, "device", a.dev.UUID)
	}
	b.putHandle(before, h)
}
