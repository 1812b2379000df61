package actors

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// A handle may be missed, or reported again, while it changes hands: what is on
// record afterwards was composed before that was known. It is put right before the
// device gives anything away again. So is one that is reported as something else while
// somebody has it, when he has given it back.

// toldBack takes note of a handle whose change was decided and which is missing on
// record, though its host has reported it meanwhile.
func (a *deviceActor) toldBack(h *heldHandle) {
	if _, known := a.back[h.UUID]; !known && h.State == handleMissing && !a.gone[h.UUID] && !a.dev.Missing {
		a.back[h.UUID] = devices.AttachHandle{Type: h.Type, Info: h.Info}
	}
}

// keyNetwork is in the text of a network card's function, for Nova and Neutron.
const keyNetwork = "physical_network"

// functionOf tells the handles of a deployable apart: by their texts, but for the network
// that a function is on, which may change while somebody has it.
func functionOf(info string) string {
	var of map[string]json.RawMessage
	if json.Unmarshal([]byte(info), &of) != nil {
		return info
	}
	delete(of, keyNetwork)
	text, err := json.Marshal(of)
	if err != nil {
		return info
	}
	return string(text)
}

// putRight removes handles that are free and not on the host, has those as they are
// reported that are missing and on it, or free and something else, and forgets images
// that nobody misses any more.
func (a *deviceActor) putRight() {
	if a.writing || a.left || a.chores[puttingRight] {
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
	for id, as := range a.back {
		a.reported(b, a.handles[id], as)
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
				a.back[c.before.UUID] = devices.AttachHandle{Type: c.after.Type, Info: c.after.Info}
			}
		}
		a.later(puttingRight, healthRetry)
	})
}

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
	for _, of := range []map[uuid.UUID]bool{a.releasing, a.gone} {
		delete(of, h.UUID)
	}
	delete(a.back, h.UUID)
	a.room.replace(a.handles[h.UUID], nil)
	delete(a.handles, h.UUID)
	delete(a.makers, h.UUID)
	a.sets[h.Deployable].drop(h)
}
