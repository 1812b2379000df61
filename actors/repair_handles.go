package actors

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// A handle is held by the ARQ that shows it, whatever its own record says: then no
// other guest gets it. Of several that show it, the one that was bound last has it, or
// else the one that its record names: each had it once, and Nova binds an ARQ once. The
// binds of the others have failed, so that they can be cleaned up. So have all of them if
// its record names an ARQ that was made after they were bound: that one had it later. A
// handle that is taken and that nobody shows stays taken, by nobody, until somebody says
// that no guest has it.

// mendHandles settles who holds what.
func (m *mender) mendHandles() {
	m.lookAround()
	m.dropHandlesOfNobody()
	m.mendPlaces()
	m.findShown()
	m.heedLater()
	for _, id := range ids(m.handles) { // what is held wrongly is let go of first: a holder has one handle
		h := m.handles[id]
		if shown := m.shown[id]; len(shown) > 0 && h.State == handleTaken && h.Holder != m.holder(h).UUID {
			m.sayWhoHad(h)
			m.park(h)
		}
	}
	for _, id := range ids(m.handles) {
		if h := m.handles[id]; len(m.shown[id]) == 0 && h.State == handleTaken {
			m.mendUnshown(h)
		}
	}
	for _, id := range ids(m.handles) {
		if len(m.shown[id]) > 0 {
			m.mendShown(m.handles[id])
		}
	}
	m.dropTwins()
}

// lookAround finds out what belongs to what by records that are there.
func (m *mender) lookAround() {
	for _, id := range ids(m.devices) {
		for _, dep := range m.devices[id].Deployables {
			m.parts[dep.UUID] = partOf{m.devices[id], dep}
		}
	}
	for instance, members := range m.instances {
		for _, arq := range members {
			m.listed[arq] = instance
		}
	}
	for _, id := range ids(m.arqs) {
		a := m.arqs[id]
		if !a.shows() {
			continue
		}
		m.named[a.Binding.Handle.UUID] = true
		if h := m.handles[a.Binding.Handle.UUID]; h != nil {
			m.hosts[h.Deployable] = a.Binding.Hostname
		}
	}
}

// where says what a handle is, for somebody who looks for it on its host.
func (m *mender) where(h *heldHandle) string {
	host := m.hosts[h.Deployable]
	if d := m.parts[h.Deployable].device; d != nil {
		host = d.Hostname
	}
	if host == "" {
		return fmt.Sprintf("handle/%s (%s)", h.UUID, h.Info)
	}
	return fmt.Sprintf("handle/%s (%s on host %s)", h.UUID, h.Info, host)
}

func (m *mender) putHandle(h *heldHandle) {
	m.put(handleKey(h.UUID), encodeHandle(h), h.claims())
}

// dropHandlesOfNobody removes those that are of no device: nobody can get them, and
// what its host reports gets new ones. Of those that a guest may have nothing is known
// afterwards: each is said.
func (m *mender) dropHandlesOfNobody() {
	others := map[uuid.UUID]int{} // by deployable
	for _, id := range ids(m.handles) {
		h := m.handles[id]
		if m.parts[h.Deployable].device != nil {
			continue
		}
		if lost := m.loses(h); lost != "" {
			m.say("%s is removed: its deployable %s is not on record; when its host reports it, it is whose accelerator request shows it, or free; %s", m.where(h), h.Deployable, lost)
		} else {
			others[h.Deployable]++
		}
		m.remove(handleKey(id))
		delete(m.handles, id)
	}
	for _, id := range ids(others) {
		m.say("deployable %s is not on record: %d handles of it are removed that are whose accelerator request shows them, or free, when its host reports them", id, others[id])
	}
}

// mendPlaces gives a handle another place whose place another one has.
func (m *mender) mendPlaces() {
	taken := map[place]bool{}
	for _, h := range m.handles {
		m.places[h.Deployable] = max(m.places[h.Deployable], h.Order+1)
	}
	for _, id := range ids(m.handles) {
		h := m.handles[id]
		m.known[function{h.Deployable, h.Info}] = h
		at := place{h.Deployable, h.Order}
		if taken[at] {
			h.Order = m.freePlace(h.Deployable)
			m.say("%s gets a place of its own: %d", m.where(h), h.Order)
			m.putHandle(h)
		}
		taken[at] = true
	}
}

func (m *mender) freePlace(deployable uuid.UUID) int {
	m.places[deployable]++
	return m.places[deployable] - 1
}

// findShown finds out who shows which handle, and fails the binds of those that
// show none. Whose device is lost has its handle when its host reports it: see
// device_shown.go.
func (m *mender) findShown() {
	providers := map[uuid.UUID]*Deployable{}
	for _, p := range m.parts {
		providers[p.deployable.ProviderUUID] = p.deployable
	}
	var functions []function // of devices that are lost
	lost := map[function][]*ARQ{}
	for _, id := range ids(m.arqs) {
		a := m.arqs[id]
		switch {
		case a.Binding == nil || a.Binding.Handle == nil && a.State != Bound && a.State != BindStarted:
			continue
		case a.Binding.Handle == nil:
			m.fail(a, "it shows no handle")
			continue
		}
		h := m.handles[a.Binding.Handle.UUID]
		if h == nil {
			h = m.sameHandle(a, providers[a.Binding.ProviderUUID])
		}
		if of := (function{a.Binding.ProviderUUID, a.Binding.Handle.Info}); h == nil {
			if lost[of] == nil {
				functions = append(functions, of)
			}
			lost[of] = append(lost[of], a)
			continue
		}
		m.shown[h.UUID] = append(m.shown[h.UUID], a)
	}
	for _, of := range functions {
		m.keepLost(lost[of])
	}
}

// sameHandle gives the handle that its host reports for what an ARQ shows. If there
// is none, or nobody has it, the one that is shown is made again, so that nobody else gets
// it: what was made for the guest on its host has the uuid of that.
func (m *mender) sameHandle(a *ARQ, dep *Deployable) *heldHandle {
	if dep == nil {
		return nil
	}
	shown := a.Binding.Handle
	of := function{dep.UUID, shown.Info}
	if twin := m.known[of]; twin == nil || twin.Generation > 0 && twin.idle() && !m.named[twin.UUID] {
		h := &heldHandle{Handle: *shown, Deployable: dep.UUID, Order: m.freePlace(dep.UUID)}
		m.known[of], m.handles[h.UUID] = h, h
	}
	return m.known[of]
}

// idle says whether nobody has a handle, and nothing of it is left on its host.
func (h *heldHandle) idle() bool { return h.State == handleFree || h.State == handleMissing }

// shows says of an ARQ, if it is on record, whether it has a handle by that.
func (a *ARQ) shows() bool { return a != nil && a.Binding != nil && a.Binding.Handle != nil }

// holder gives the ARQ that has a handle, of those that show it.
func (m *mender) holder(h *heldHandle) *ARQ {
	named := uuid.Nil
	if h.State == handleTaken {
		named = h.Holder
	}
	return boundLast(m.shown[h.UUID], named)
}

// boundLast gives the ARQ that was bound last; of several, the one that is named.
func boundLast(all []*ARQ, named uuid.UUID) *ARQ {
	is := func(a *ARQ) int {
		if a.UUID == named {
			return 1
		}
		return 0
	}
	return slices.MaxFunc(all, func(a, b *ARQ) int {
		return cmp.Or(cmp.Compare(a.UpdatedAt, b.UpdatedAt), cmp.Compare(is(a), is(b)), bytes.Compare(a.UUID[:], b.UUID[:]))
	})
}

// park has a handle held by nobody that is on record.
func (m *mender) park(h *heldHandle) {
	h.Holder = h.UUID
	m.putHandle(h)
}

// mendShown has a handle held by the ARQ that has it.
func (m *mender) mendShown(h *heldHandle) {
	keeps := m.holder(h)
	for _, a := range m.shown[h.UUID] {
		if a != keeps {
			m.fail(a, fmt.Sprintf("%s is arq/%s's", m.where(h), keeps.UUID))
		}
	}
	if h.State != handleTaken || h.Holder != keeps.UUID {
		how := "is"
		if m.records[handleKey(h.UUID)].Generation == 0 {
			how = "is on record again,"
		}
		m.say("%s %s held by arq/%s (instance %s), which shows it", m.where(h), how, keeps.UUID, keeps.Binding.InstanceUUID)
		h.State, h.Holder, h.Undo = handleTaken, keeps.UUID, undoNothing
		m.putHandle(h)
	}
	if keeps.Binding.Handle.UUID != h.UUID {
		m.say("arq/%s shows %s for the same that was on record before", keeps.UUID, m.where(h))
		binding := *keeps.Binding
		binding.Handle = &Handle{UUID: h.UUID, Type: keeps.Binding.Handle.Type, Info: h.Info}
		keeps.Binding = &binding
		m.put(arqKey(keeps.UUID), encodeARQ(keeps), nil)
	}
}

// mendUnshown frees a handle that nobody shows if no guest has it. Else it stays
// taken, but not by an ARQ that can come to hold another one.
func (m *mender) mendUnshown(h *heldHandle) {
	who := fmt.Sprintf("arq/%s%s, which is not on record", h.Holder, m.instanceOf(h.Holder))
	switch {
	case h.Holder == h.UUID:
		who = "nobody knows whom"
	case m.arqs[h.Holder] != nil:
		who = fmt.Sprintf("arq/%s, which does not show it", h.Holder)
	}
	if m.opts.Free != nil && m.opts.Free(h.UUID) {
		m.say("%s is given back: it was held by %s", m.where(h), who)
		m.giveBack(h)
		return
	}
	m.keep(fmt.Sprintf("handle/%s is taken ", h.UUID), "%s: held by %s; a guest may have it", m.where(h), who)
	again := m.holders[h.Holder]
	m.holders[h.Holder] = true
	if again || m.arqs[h.Holder] != nil {
		m.say("%s is held by nobody on record", m.where(h))
		m.park(h)
	}
}

// giveBack does what the device does when an ARQ gives a handle back.
func (m *mender) giveBack(h *heldHandle) {
	d, event := m.parts[h.Deployable].device, evGive
	if h.Undo = d.undoOf(h, m.opts.NovaMakesMdevs); h.Undo != undoNothing {
		event = evRelease
	} else if d.Missing {
		event = evGiveGone
	}
	h.State, _ = h.State.next(event)
	h.Holder = uuid.Nil
	m.putHandle(h)
}

// dropTwins removes all but one of the handles that are of the same function: one
// that was deleted may be back. What is held stays.
func (m *mender) dropTwins() {
	first := map[function]*heldHandle{}
	handles := make([]*heldHandle, 0, len(m.handles))
	for _, id := range ids(m.handles) {
		handles = append(handles, m.handles[id])
	}
	unheld := func(h *heldHandle) int {
		switch h.State {
		case handleTaken:
			return 0
		case handleReleasing: // it is to be cleaned up
			return 1
		default:
			return 2
		}
	}
	slices.SortStableFunc(handles, func(a, b *heldHandle) int {
		return cmp.Or(cmp.Compare(unheld(a), unheld(b)), cmp.Compare(a.Order, b.Order))
	})
	for _, h := range handles {
		of := function{h.Deployable, h.Info}
		if first[of] == nil {
			first[of] = h
			continue
		}
		if h.State != handleTaken {
			m.say("%s is removed: it is the same as handle/%s", m.where(h), first[of].UUID)
			m.remove(handleKey(h.UUID))
			delete(m.handles, h.UUID)
		}
	}
}
