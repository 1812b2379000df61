package actors

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// patchAsk binds and unbinds.
type patchAsk struct{ items []PatchItem }

func (a *patchAsk) String() string {
	text := "patch"
	for _, item := range a.items {
		if item.Bind == nil {
			text += fmt.Sprintf(" unbind %s", item.ARQ)
		} else {
			text += fmt.Sprintf(" bind %s to %s on %s", item.ARQ, item.Bind.InstanceUUID, item.Bind.Hostname)
		}
	}
	return text
}

func repeats(q *ARQ, to *BindTo) bool {
	return q != nil && (q.State == Bound || q.State == BindStarted) && q.Binding.Hostname == to.Hostname &&
		q.Binding.ProviderUUID == to.ProviderUUID && q.Binding.InstanceUUID == to.InstanceUUID
}

func (a *patchAsk) did(h *history, c *commit) (bool, string) {
	changes := map[uuid.UUID]change[ARQ]{}
	exhausted := false
	for _, ch := range c.arqs {
		if ch.before == nil || ch.after == nil {
			return false, ""
		}
		changes[ch.after.UUID] = ch
		exhausted = exhausted || ch.after.State == BindFailed
	}
	done := 0
	for _, item := range a.items {
		ch, written := changes[item.ARQ]
		switch {
		case written && !item.does(ch.after, exhausted):
			return false, ""
		case written:
			done++
		case exhausted && item.Bind == nil: // then unbinds are not done
		case item.Bind == nil, !repeats(atOf[ARQ](h, arqKey(item.ARQ), c.index-1), item.Bind):
			return false, ""
		}
	}
	if done == 0 || done != len(c.arqs) {
		return false, ""
	}
	return true, a.wrong(h, c, changes, exhausted)
}

// does says whether an ARQ is now as an item of a patch wants it, or failed
// to be.
func (item *PatchItem) does(after *ARQ, exhausted bool) bool {
	if item.Bind == nil {
		return after.State == Unbound && after.Binding == nil && !exhausted
	}
	b := after.Binding
	return b != nil && b.Hostname == item.Bind.Hostname && b.ProviderUUID == item.Bind.ProviderUUID &&
		b.InstanceUUID == item.Bind.InstanceUUID && (after.State == BindFailed) == exhausted
}

// wrong says why a patch must not have been done just then.
func (a *patchAsk) wrong(h *history, c *commit, changes map[uuid.UUID]change[ARQ], exhausted bool) string {
	before := window{c.index - 1, c.index - 1}
	for _, item := range a.items {
		ch, written := changes[item.ARQ]
		switch {
		case item.Bind == nil || !written:
			continue
		case a.occupied(h, item, before):
			return "the instance has other ARQs"
		}
		dep, dev := h.place(item.Bind, c.index-1)
		switch image := simImage(ch.after.Group); {
		case dev.Disabled:
			return "the device is disabled"
		case heldOff(dev, dep, image):
			return "the device is quarantined"
		case !suits(ch.after.Group, item.Bind.Hostname):
			return "the device is of another class"
		case ch.after.State == Bound && image != uuid.Nil && dep.BitstreamID != image:
			return "the image was not loaded"
		case h.loads(dep, c.index-1, image) && !h.hasFailed(dep, c.index-1):
			return "another image was being loaded"
		}
	}
	if exhausted && !a.exhausts(h, c.index-1, changes) {
		return "there were enough free handles"
	}
	return ""
}

// exhausts says whether the free handles of some device were too few for the
// binds that failed.
func (a *patchAsk) exhausts(h *history, index int, changes map[uuid.UUID]change[ARQ]) bool {
	wanted := map[uuid.UUID]int{}
	for _, ch := range changes {
		dep, _ := h.place(a.bindOf(ch.after.UUID), index)
		wanted[dep.UUID]++
	}
	free := map[uuid.UUID]int{}
	for _, x := range all[heldHandle](h, kindHandle, index) {
		if x.State == handleFree {
			free[x.Deployable]++
		}
	}
	for dep, n := range wanted {
		if free[dep] < n {
			return true
		}
	}
	return false
}

func (a *patchAsk) bindOf(id uuid.UUID) *BindTo {
	for _, item := range a.items {
		if item.ARQ == id {
			return item.Bind
		}
	}
	return nil
}

// occupied says whether an instance had ARQs that stay.
func (a *patchAsk) occupied(h *history, item PatchItem, w window) bool {
	return w.ever(func(i int) bool {
		return slices.ContainsFunc(h.members(item.Bind.InstanceUUID, i), func(m uuid.UUID) bool {
			return !slices.ContainsFunc(a.items, func(leaving PatchItem) bool { return leaving.ARQ == m && leaving.Bind == nil })
		})
	})
}

// place gives the deployable of a bind, and its device.
func (h *history) place(to *BindTo, index int) (*Deployable, *Device) {
	for _, d := range all[Device](h, kindDevice, index) {
		for _, dep := range d.Deployables {
			if dep.ProviderUUID == to.ProviderUUID {
				return dep, d
			}
		}
	}
	return nil, nil
}

// loads says whether an ARQ waits on a deployable for an image other than one,
// which is not there yet.
func (h *history) loads(dep *Deployable, index int, but uuid.UUID) bool {
	return slices.ContainsFunc(all[ARQ](h, kindARQ, index), func(q *ARQ) bool {
		image := uuid.Nil
		if q.State == BindStarted && q.Binding.ProviderUUID == dep.ProviderUUID {
			image = simImage(q.Group)
		}
		return image != uuid.Nil && image != but && image != dep.BitstreamID
	})
}

// hasFailed says whether the last load of a deployable is on record as failed, while the ARQ
// that it was for waits to be told.
func (h *history) hasFailed(dep *Deployable, index int) bool {
	if dep.Loading {
		return false
	}
	begun := func(c *commit) bool {
		return c.index <= index && slices.ContainsFunc(c.devices, func(ch change[Device]) bool {
			return ch.after != nil && ch.after.deployable(dep.UUID) != nil && ch.after.deployable(dep.UUID).Loading
		})
	}
	accepted := func(c *commit) bool {
		return c.index <= index && slices.ContainsFunc(c.arqs, func(ch change[ARQ]) bool {
			return ch.after != nil && ch.after.State == BindStarted && ch.after.Binding.ProviderUUID == dep.ProviderUUID
		})
	}
	last := func(is func(*commit) bool) int {
		for i, c := range slices.Backward(h.commits) {
			if is(c) {
				return i
			}
		}
		return -1
	}
	return last(begun) > last(accepted)
}

func suits(g *Group, host string) bool {
	class := map[string]string{"h": "FPGA", "g": "FPGA", "m": "VGPU", "a": "FPGA", "v": "VGPU"}[host]
	return slices.ContainsFunc(g.Requests, func(q Request) bool { return q.Key == "resources:"+class })
}

func (a *patchAsk) so(h *history, index int) bool {
	return !slices.ContainsFunc(a.items, func(item PatchItem) bool {
		q := atOf[ARQ](h, arqKey(item.ARQ), index)
		return q == nil || item.Bind != nil && !repeats(q, item.Bind) || item.Bind == nil && q.State != Unbound
	})
}

func (a *patchAsk) lazy() bool {
	return !slices.ContainsFunc(a.items, func(item PatchItem) bool { return item.Bind == nil })
}

func (a *patchAsk) refused(h *history, k *simCall, w window, code Code) bool {
	switch code {
	case CodeNotFound:
		return slices.ContainsFunc(a.items, func(item PatchItem) bool {
			return ever(h, arqKey(item.ARQ), w, func(q *ARQ) bool { return q == nil })
		})
	case CodeConflict:
		return slices.ContainsFunc(a.items, func(item PatchItem) bool { return item.Bind != nil && a.conflicts(h, k, w, item) })
	case CodeNoFreeHandle:
		return true // what was written says whether rightly
	case CodeUnavailable:
		return h.disturbed(k)
	default:
		return false
	}
}

func (a *patchAsk) conflicts(h *history, k *simCall, w window, item PatchItem) bool {
	if a.occupied(h, item, w) || h.away(item.Bind.Hostname, k.from, k.to) {
		return true
	}
	return w.ever(func(i int) bool {
		q := atOf[ARQ](h, arqKey(item.ARQ), i)
		dep, dev := h.place(item.Bind, i)
		if q == nil || dep == nil {
			return false
		}
		image := simImage(q.Group)
		return q.State != Initial && q.State != Unbound && !repeats(q, item.Bind) ||
			dev.Disabled || dev.Missing || heldOff(dev, dep, image) || dep.Loading || !suits(q.Group, item.Bind.Hostname) ||
			h.ordered(dep.Name, window{i, i}) || h.loads(dep, i, image) || h.loadingAround(dep.Name, k.from, k.to) || h.programs(k, dep.UUID) ||
			image != uuid.Nil && dep.BitstreamID != image && h.taken(dep.UUID, i) ||
			a.imagesDiffer(h, i, item.Bind.ProviderUUID)
	})
}

// heldOff says whether a quarantine is for a bind with an image, too: an image
// mends what is quarantined for nothing but the image before.
func heldOff(dev *Device, dep *Deployable, image uuid.UUID) bool {
	if !dev.Quarantined() {
		return false
	}
	besides := *dev.Health
	besides.Load = Finding{}
	return image == uuid.Nil || !dep.Uncertain || besides.condition() == Quarantined
}

func (a *patchAsk) imagesDiffer(h *history, index int, provider uuid.UUID) bool {
	var images []uuid.UUID
	for _, item := range a.items {
		if q := atOf[ARQ](h, arqKey(item.ARQ), index); q != nil && item.Bind != nil && item.Bind.ProviderUUID == provider {
			images = append(images, simImage(q.Group))
		}
	}
	slices.SortFunc(images, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return len(slices.Compact(images)) > 1
}

// taken says whether any handle of a deployable is.
func (h *history) taken(dep uuid.UUID, index int) bool {
	return slices.ContainsFunc(all[heldHandle](h, kindHandle, index), func(x *heldHandle) bool {
		return x.Deployable == dep && x.State == handleTaken
	})
}

// programs says whether an administrator's programming overlaps a call, be it that he has
// given up since: it waits for what its device is at.
func (h *history) programs(k *simCall, dep uuid.UUID) bool {
	return slices.ContainsFunc(h.calls, func(other *simCall) bool {
		p, is := other.ask.(*programAsk)
		return is && p.deployable == dep && other != k && other.life == k.life &&
			(other.done == 0 || other.done > k.seq || ErrorCode(other.err) == CodeTimeout)
	})
}
