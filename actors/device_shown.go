package actors

import "github.com/google/uuid"

// In a store that was saved from a damaged disk, a handle may not be on record though
// an ARQ shows it: its guest has the function. When the host reports that, it is not
// free: the handle is made again, as the ARQ shows it and taken by it.

// shownBy gives the ARQs that show functions of a deployable by handles that are not
// on record, by the functions' addresses. Of two, the one has it that was bound last.
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
		if h == nil || a.sys.dir.handleGeneration(h.UUID) > 0 {
			continue
		}
		if other := shown[h.Info]; other == nil || other.UpdatedAt <= q.UpdatedAt {
			shown[h.Info] = q
		}
	}
	return shown
}

// newHandle makes a handle of what a host reports.
func (a *deviceActor) newHandle(b *batch, shown map[string]*ARQ, h *heldHandle) {
	if q := shown[h.Info]; q != nil {
		h.UUID, h.State, h.Holder = q.Binding.Handle.UUID, handleTaken, q.UUID
		b.check(arqKey(q.UUID), q.Generation) // still, when it is written
		a.sys.log.Warn("a handle that was not on record is there, and held by the accelerator request that shows it",
			"arq", q.UUID, "handle", h.UUID, "instance", q.Binding.InstanceUUID, "host", a.dev.Hostname, "device", a.dev.UUID)
	}
	b.putHandle(nil, h)
}
