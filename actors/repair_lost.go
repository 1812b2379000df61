package actors

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// What the records that are left tell of ARQs and devices that are lost.

// heedLater leaves a handle to the ARQ that its record names if that was made after all
// that show it were bound, and shows none on record. They are older than they were, or were
// deleted and are back.
func (m *mender) heedLater() {
	for _, id := range ids(m.shown) {
		h := m.handles[id]
		if h.State != handleTaken || h.Holder.Version() != 7 || m.arqs[h.Holder].shows() {
			continue
		}
		made, _ := h.Holder.Time().UnixTime()
		if slices.ContainsFunc(m.shown[id], func(a *ARQ) bool {
			return a.UpdatedAt >= made || bytes.Compare(a.UUID[:], h.Holder[:]) > 0 // the clock was set back
		}) {
			continue
		}
		for _, a := range m.shown[id] {
			m.fail(a, fmt.Sprintf("%s was given to arq/%s since", m.where(h), h.Holder))
		}
		delete(m.shown, id)
	}
}

// keepLost leaves what the ARQs show of a device that is lost to the one that was bound
// last.
func (m *mender) keepLost(all []*ARQ) {
	keeps := boundLast(all, uuid.Nil)
	b := keeps.Binding
	for _, a := range all {
		if a != keeps {
			m.fail(a, fmt.Sprintf("%s on host %s is arq/%s's", b.Handle.Info, b.Hostname, keeps.UUID))
		}
	}
	m.keep(fmt.Sprintf("arq/%s shows the ", keeps.UUID), "arq/%s (instance %s): its device is not on record; it has %s on host %s again when that reports it",
		keeps.UUID, b.InstanceUUID, b.Handle.Info, b.Hostname)
}

// loses says what is not known any more when a handle of a device that is lost is
// removed; "": nothing.
func (m *mender) loses(h *heldHandle) string {
	switch {
	case h.State == handleReleasing && h.Undo != undoNothing:
		return "what it was to be cleaned of stays on its host"
	case h.State == handleTaken && h.Holder != h.UUID && m.arqs[h.Holder] == nil:
		return fmt.Sprintf("it was held by arq/%s%s, which is not on record: see whether a guest has it", h.Holder, m.instanceOf(h.Holder))
	case h.State == handleTaken && !m.arqs[h.Holder].shows():
		return "it was held by nobody knows whom: see whether a guest has it"
	}
	return ""
}

// sayWhoHad tells of an ARQ that is lost and had, sooner or later, what another one
// keeps.
func (m *mender) sayWhoHad(h *heldHandle) {
	if h.Holder != h.UUID && m.arqs[h.Holder] == nil {
		m.say("%s was held by arq/%s%s, which is not on record, before or after: see which guest has it", m.where(h), h.Holder, m.instanceOf(h.Holder))
	}
}

// instanceOf says of an ARQ that is not on record which instance it was listed with.
func (m *mender) instanceOf(arq uuid.UUID) string {
	if m.listed[arq] == uuid.Nil {
		return ""
	}
	return fmt.Sprintf(" of instance %s", m.listed[arq])
}

// fail ends the bind of an ARQ that has no handle: it keeps its instance, which can
// be cleaned up with it.
func (m *mender) fail(a *ARQ, why string) {
	m.say("arq/%s (instance %s) is BindFailed and shows no handle: %s", a.UUID, a.Binding.InstanceUUID, why)
	a.State, a.Binding, a.UpdatedAt = BindFailed, a.Binding.withoutHandle(), m.opts.Now.Unix()
	m.put(arqKey(a.UUID), encodeARQ(a), nil)
}
