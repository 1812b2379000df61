package actors

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// What clients ask for, and what they may be told.

// createAsk makes ARQs. made is what the client was given.
type createAsk struct {
	profile string
	made    []*ARQ
}

func (a *createAsk) String() string { return "create of " + a.profile }

func (a *createAsk) did(h *history, c *commit) (bool, string) {
	if len(c.arqs) == 0 || c.arqs[0].before != nil || c.arqs[0].after.Group.ProfileName != a.profile {
		return false, ""
	}
	for i, made := range a.made {
		if i >= len(c.arqs) || c.arqs[i].after.UUID != made.UUID {
			return false, ""
		}
	}
	if p := h.profile(a.profile, c.index-1); p == nil || p.amount() != len(c.arqs) {
		return true, "the profile is not there, or asks for another number"
	}
	return true, ""
}

func (a *createAsk) so(*history, int) bool { return false }

func (a *createAsk) lazy() bool { return false }

func (a *createAsk) refused(h *history, k *simCall, w window, code Code) bool {
	gone := w.ever(func(i int) bool { return h.profile(a.profile, i) == nil })
	gone = gone || h.faultSince(k.seq) // a store that says so has only that reason
	return code == CodeNotFound && gone || code == CodeUnavailable && h.disturbed(k)
}

func (h *history) profile(name string, index int) *Profile {
	for _, p := range all[Profile](h, kindProfile, index) {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// removeAsk deletes ARQs by their ids, or those of an instance.
type removeAsk struct {
	ids      []uuid.UUID
	instance uuid.UUID
}

func (a *removeAsk) String() string {
	if a.instance != uuid.Nil {
		return "delete of instance " + a.instance.String()
	}
	return fmt.Sprintf("delete of %s", a.ids)
}

func (a *removeAsk) did(h *history, c *commit) (bool, string) {
	var gone []uuid.UUID
	for _, ch := range c.arqs {
		if ch.after != nil {
			return false, ""
		}
		gone = append(gone, ch.before.UUID)
	}
	want := a.ids
	if a.instance != uuid.Nil {
		want = h.members(a.instance, c.index-1)
	}
	return len(gone) > 0 && sameIDs(gone, want), ""
}

func sameIDs(a, b []uuid.UUID) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(id uuid.UUID) bool { return !slices.Contains(b, id) })
}

func (a *removeAsk) so(h *history, index int) bool {
	return len(h.members(a.instance, index)) == 0 && !slices.ContainsFunc(a.ids, func(id uuid.UUID) bool {
		return h.at(arqKey(id), index) != nil
	})
}

func (a *removeAsk) lazy() bool { return a.instance != uuid.Nil }

func (a *removeAsk) refused(h *history, k *simCall, w window, code Code) bool {
	absent := slices.ContainsFunc(a.ids, func(id uuid.UUID) bool {
		return ever(h, arqKey(id), w, func(q *ARQ) bool { return q == nil })
	})
	return code == CodeNotFound && absent || code == CodeUnavailable && h.disturbed(k)
}

// enableAsk enables or disables a device.
type enableAsk struct {
	device  uuid.UUID
	enabled bool
}

func (a *enableAsk) String() string { return fmt.Sprintf("enabled = %v for %s", a.enabled, a.device) }

func (a *enableAsk) did(_ *history, c *commit) (bool, string) {
	return len(c.devices) == 1 && c.devices[0].after.UUID == a.device && c.devices[0].before != nil &&
		c.devices[0].before.Disabled == a.enabled && c.devices[0].after.Disabled != a.enabled, ""
}

func (a *enableAsk) so(h *history, index int) bool {
	d := atOf[Device](h, deviceKey(a.device), index)
	return d != nil && d.Disabled != a.enabled
}

func (a *enableAsk) lazy() bool { return true }

func (a *enableAsk) refused(h *history, k *simCall, _ window, code Code) bool {
	return (code == CodeConflict || code == CodeUnavailable) && h.disturbed(k)
}

// programAsk loads an image. Its writes look like the service's own.
type programAsk struct{ device, deployable, image uuid.UUID }

func (a *programAsk) String() string { return fmt.Sprintf("programming of %s", a.deployable) }

func (a *programAsk) did(*history, *commit) (bool, string) { return false, "" }

func (a *programAsk) so(h *history, index int) bool {
	d := atOf[Device](h, deviceKey(a.device), index)
	return d != nil && d.deployable(a.deployable).BitstreamID == a.image
}

func (a *programAsk) lazy() bool { return true }

func (a *programAsk) refused(h *history, k *simCall, w window, code Code) bool {
	dep := latestOf[Device](h, deviceKey(a.device)).deployable(a.deployable)
	switch code {
	case CodeConflict:
		return h.disturbed(k) || h.loadingAround(dep.Name, k.from, k.to) || h.programs(k, a.deployable) ||
			h.ordered(dep.Name, w) || h.away(latestOf[Device](h, deviceKey(a.device)).Hostname, k.from, k.to) ||
			w.ever(func(i int) bool { return h.taken(dep.UUID, i) })
	case CodeDeviceFailed:
		return h.failedAround(devices.ProgramFPGA, dep.Name, k.from, k.to) ||
			h.faultSince(k.seq) // the command could not be put on record
	case CodeUnavailable:
		return h.disturbed(k)
	default:
		return false
	}
}

// attributeAsk adds an attribute to a device, or takes it away.
type attributeAsk struct {
	device, attribute uuid.UUID
	away              bool
}

func (a *attributeAsk) String() string {
	return fmt.Sprintf("attribute %s (away: %v)", a.attribute, a.away)
}

func (a *attributeAsk) there(d *Device) bool {
	return d != nil && slices.Contains(added(d), a.attribute)
}

func (a *attributeAsk) did(_ *history, c *commit) (bool, string) {
	return len(c.devices) == 1 && a.there(c.devices[0].before) == a.away && a.there(c.devices[0].after) != a.away, ""
}

func (a *attributeAsk) so(h *history, index int) bool {
	return a.there(atOf[Device](h, deviceKey(a.device), index)) != a.away
}

func (a *attributeAsk) lazy() bool { return false }

func (a *attributeAsk) refused(h *history, k *simCall, w window, code Code) bool {
	otherwise := ever(h, deviceKey(a.device), w, func(d *Device) bool { return a.there(d) != a.away })
	switch code {
	case CodeNotFound:
		return a.away && otherwise
	case CodeConflict:
		return !a.away && otherwise || h.disturbed(k)
	case CodeUnavailable:
		return h.disturbed(k)
	default:
		return false
	}
}

// profileAsk makes a device profile.
type profileAsk struct{ name string }

func (a *profileAsk) String() string { return "profile " + a.name }

func (a *profileAsk) did(_ *history, c *commit) (bool, string) {
	return len(c.profiles) == 1 && c.profiles[0].before == nil && c.profiles[0].after.Name == a.name, ""
}

func (a *profileAsk) so(h *history, index int) bool { return h.profile(a.name, index) != nil }

func (a *profileAsk) lazy() bool { return false }

func (a *profileAsk) refused(h *history, k *simCall, w window, code Code) bool {
	there := w.ever(func(i int) bool { return h.profile(a.name, i) != nil })
	return code == CodeConflict && there || (code == CodeUnavailable || code == CodeConflict) && h.disturbed(k)
}

// dropAsk deletes device profiles.
type dropAsk struct{ names []string }

func (a *dropAsk) String() string { return fmt.Sprintf("delete of profiles %q", a.names) }

func (a *dropAsk) did(h *history, c *commit) (bool, string) {
	if len(c.profiles) != len(a.names) {
		return false, ""
	}
	for _, ch := range c.profiles {
		if ch.after != nil || !slices.Contains(a.names, ch.before.Name) {
			return false, ""
		}
		if h.used(ch.before.UUID, c.index) {
			return true, "the profile has ARQs"
		}
	}
	return true, ""
}

func (h *history) used(profile uuid.UUID, index int) bool {
	return slices.ContainsFunc(all[ARQ](h, kindARQ, index), func(q *ARQ) bool { return q.Group.ProfileUUID == profile })
}

func (a *dropAsk) so(h *history, index int) bool {
	return !slices.ContainsFunc(a.names, func(name string) bool { return h.profile(name, index) != nil })
}

func (a *dropAsk) lazy() bool { return false }

func (a *dropAsk) refused(h *history, k *simCall, w window, code Code) bool {
	absent, used := false, false
	for _, name := range a.names {
		absent = absent || w.ever(func(i int) bool { return h.profile(name, i) == nil })
		used = used || w.ever(func(i int) bool { p := h.profile(name, i); return p != nil && h.used(p.UUID, i) })
	}
	switch code {
	case CodeNotFound:
		return absent
	case CodeConflict:
		return used || h.disturbed(k)
	case CodeUnavailable:
		return h.disturbed(k)
	default:
		return false
	}
}
