package actors

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// A device that its host does not have any more goes, with all that belongs to
// it. While somebody has something of it, it stays and is missing: the guest is
// the compute service's. It goes when the last has given back, or is as before
// when it is reported again. So it is with one that an operator has disabled, or of
// which nobody knows what is loaded: a card that falls off its bus and returns is no
// other one. It goes when an operator enables it, or another card is in its place.

// vanish serves when no proposal is undecided that might still be waited for.
func (a *deviceActor) vanish(m *vanish) {
	if !a.inUse() && (m.replaced || !a.dev.kept()) {
		a.leave(a.orAgain(m, func(err error) { m.promise.resolve(err == nil, err) }))
		return
	}
	// What was loaded while it was missing is lost as well.
	loaded := func(dep *Deployable) bool { return dep.BitstreamID != uuid.Nil || dep.Loading && !dep.Outdated }
	missing := a.dev.Missing
	if missing && !slices.ContainsFunc(a.dev.Deployables, loaded) {
		m.promise.resolve(false, nil)
		return
	}
	next := a.dev.clone(a.sys.unix())
	next.Missing = true
	a.fell = true
	before := a.dev.Health
	// Should it return, it may have been without power.
	a.write(a.loseImages(next), a.orAgain(m, func(err error) {
		if err == nil && !missing {
			a.tellMissing()
		}
		if err == nil {
			a.tellHealth(before)
			a.cleanUp()
		}
		m.promise.resolve(false, err)
	}))
}

func (a *deviceActor) tellMissing() {
	log := a.sys.log.With("host", a.dev.Hostname, "device", a.dev.UUID, "controlpath", a.dev.ControlPath.Info)
	if a.inUse() {
		a.sys.hosts.stats.vanished.Add(1)
		log.Error("a device that somebody has is not on its host any more")
		return
	}
	log.Warn("a device that takes no binds is not on its host any more; it is remembered, should it return, until it is enabled",
		"disabled", a.dev.Disabled, "reasons", a.dev.Health.Reasons())
}

// kept says whether a device is remembered when it goes, though nobody has anything
// of it: it would be given away when it returns.
func (d *Device) kept() bool {
	return d.Disabled || d.Health != nil && d.Health.unaccepted(&d.Health.Load)
}

// inUse says whether anybody has something of the device, or work on it goes on.
func (a *deviceActor) inUse() bool {
	if a.jobs.running != nil {
		return true
	}
	for _, h := range a.handles {
		if h.State == handleTaken || h.State == handleReleasing {
			return true
		}
	}
	return false
}

// leaveRetry is how long a missing device that could not go waits.
const leaveRetry = 30 * time.Second

// leaveIfGone has a missing device go that nobody has anything of any more, unless it
// is remembered.
func (a *deviceActor) leaveIfGone() {
	if !a.dev.Missing || a.writing || a.left || a.chores[leaving] || len(a.offers) > 0 || a.inUse() || a.dev.kept() {
		return
	}
	a.leave(func(err error) {
		if tooMany := a.leaving.tooMany(err); err == nil || ErrorCode(err) == CodeConflict && !tooMany {
			return // who has lost a race tries again at once
		}
		a.sys.log.Warn("a missing device could not be removed; trying again", "device", a.dev.UUID, "error", err)
		a.later(leaving, leaveRetry)
	})
}

// leave removes the records of a device that nobody has anything of, the
// handles first.
func (a *deviceActor) leave(then func(error)) {
	b := relief()
	for _, h := range a.handles {
		if len(b.handles) == handlesPerBatch {
			a.write(b, func(err error) {
				if err != nil {
					then(err)
					return
				}
				a.leave(then)
			})
			return
		}
		b.deleteHandle(h)
	}
	b.deleteDevice(a.dev)
	a.write(b, func(err error) {
		if err == nil {
			a.depart()
		}
		then(err)
	})
}

// departed is how long the actor of a device that is gone still answers.
const departed = time.Minute

func (a *deviceActor) depart() {
	a.left = true
	a.sys.devices.remove(a.dev.UUID)
	a.sys.hosts.stats.deleted.Add(1)
	a.sys.log.Info("a device is gone from its host and removed",
		"host", a.dev.Hostname, "device", a.dev.UUID, "controlpath", a.dev.ControlPath.Info)
	self := a.self
	a.sys.after(departed, func() { a.sys.engine.root.Stop(self) })
}

// refuseAll answers those who were on their way to a device that is gone.
func (a *deviceActor) refuseAll() {
	for _, msg := range a.waiting {
		switch m := msg.(type) {
		case *vanish:
			m.promise.resolve(true, nil)
		case *hostRebooted: // nobody has anything of it that could be made anew
			m.promise.resolve(struct{}{}, nil)
		case *refresh:
			m.fail(wentMeanwhile(a.dev.UUID))
		case failer:
			m.fail(Refuse(CodeNotFound, "the device %s is gone", a.dev.UUID))
		case *recordImage:
			m.then(Refuse(CodeNotFound, "the device %s is gone", a.dev.UUID))
		}
	}
	a.waiting = nil
}
