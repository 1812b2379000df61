package actors

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A device's actor decides how healthy it is: health.go has the record and the
// rules, health_pulse.go what it remembers besides.

// healthDue says that it is time to look whether a device has recovered.
type healthDue struct{}

// healthRetry is how long a change of health that could not be written waits.
const healthRetry = 5 * time.Second

func (a *deviceActor) examined(m *examined) {
	if stop := a.unwritten[m.source]; stop != nil {
		stop() // what is said now is newer
		a.unwritten[m.source] = nil
	}
	next := a.pulse.hear(a.dev.Health, m, a.sys.now())
	if next == nil {
		a.awaitRecovery()
		return
	}
	a.writeHealth(next, func() { // it may not be said again
		self := a.self
		a.unwritten[m.source] = a.sys.after(healthRetry, func() { a.sys.engine.tell(self, m) })
	})
}

// awaitRecovery sees to it that what has become better is on record in time.
func (a *deviceActor) awaitRecovery() {
	since := a.pulse.since()
	if since.IsZero() {
		a.stopRecovery()
		return
	}
	a.recoverAfter(max(since.Add(a.sys.opts.HealthHold).Sub(a.sys.now()), 0))
}

func (a *deviceActor) recoverAfter(d time.Duration) {
	a.stopRecovery()
	self := a.self
	a.recovery = a.sys.after(d, func() { a.sys.engine.tell(self, healthDue{}) })
}

func (a *deviceActor) stopRecovery() {
	if a.recovery != nil {
		a.recovery()
		a.recovery = nil
	}
}

// recover takes a device out of quarantine that has been well for long enough.
// While its agent is silent, nobody knows.
func (a *deviceActor) recover() {
	now := a.sys.now()
	if h := a.sys.host(a.dev.Hostname); h != nil && h.State != HostFresh {
		a.pulse.startOver(now)
		a.awaitRecovery()
		return
	}
	next := a.pulse.recovered(a.dev.Health, now, a.sys.opts.HealthHold)
	if next == nil {
		a.awaitRecovery()
		return
	}
	a.writeHealth(next, func() { a.recoverAfter(healthRetry) })
}

// writeHealth puts a device's health on record.
func (a *deviceActor) writeHealth(health *DeviceHealth, again func()) {
	before := a.dev.Health
	next := a.dev.clone(a.sys.unix())
	next.Health = health
	a.sys.showHealth(next)
	a.replace(next, func(err error) {
		if err != nil {
			a.sys.log.Warn("the health of a device could not be recorded; trying again", "device", a.dev.UUID, "error", err)
			again()
			return
		}
		a.pulse.written(health, a.sys.now())
		a.tellHealth(before)
		a.awaitRecovery()
	})
}

// Keys of the attributes that show a deployable's health. Placement takes only
// those that begin with rc or trait.
const (
	keyHealth       = "health"
	keyHealthReason = "health_reason"
)

// showHealth brings the attributes in line that show a device's health, and says
// whether any differed.
func (s *System) showHealth(d *Device) bool {
	if d.Health == nil {
		return false
	}
	changed := false
	for _, dep := range d.Deployables {
		for _, show := range d.healthShown() {
			if s.showAttribute(dep, show.key, show.value) {
				dep.UpdatedAt, changed = d.UpdatedAt, true
			}
		}
	}
	return changed
}

// healthShown is what is to be shown of a device's health.
func (d *Device) healthShown() [2]struct{ key, value string } {
	return [...]struct{ key, value string }{
		{keyHealth, string(d.Health.Condition)},
		{keyHealthReason, strings.Join(d.Health.Reasons(), "; ")},
	}
}

// showAttribute has a deployable show a value of ours; "": nothing.
func (s *System) showAttribute(dep *Deployable, key, value string) bool {
	if value == "" || dep.own(key) >= 0 {
		return dep.showOther(key, value)
	}
	dep.Attributes = append(dep.Attributes, &Attribute{
		ID: s.nextOrder(), UUID: uuid.New(), DeployableID: dep.ID, Key: key, Value: value, Own: true, CreatedAt: s.unix(),
	})
	return true
}

// showOther has a deployable that shows a value of ours show another one; "": nothing.
func (d *Deployable) showOther(key, value string) bool {
	i := d.own(key)
	switch {
	case i < 0 || d.Attributes[i].Value == value:
		return false
	case value == "":
		d.Attributes = slices.Delete(d.Attributes, i, i+1)
	default:
		next := *d.Attributes[i]
		next.Value = value
		d.Attributes[i] = &next
	}
	return true
}

// own finds an attribute of ours; -1: there is none.
func (d *Deployable) own(key string) int {
	return slices.IndexFunc(d.Attributes, func(a *Attribute) bool { return a.Own && a.Key == key })
}

// flaggedInLog is how many holders of a quarantined device a line names.
const flaggedInLog = 32

// tellHealth says what is new of a device's health.
func (a *deviceActor) tellHealth(before *DeviceHealth) {
	now := a.dev.Health
	if now == nil || before != nil && before.Condition == now.Condition || before == nil && now.Condition == Healthy {
		return
	}
	log := a.sys.log.With("host", a.dev.Hostname, "device", a.dev.UUID, "controlpath", a.dev.ControlPath.Info)
	switch now.Condition {
	case Quarantined:
		a.sys.health.quarantines.Add(1)
		log.Error("a device is quarantined and takes no new bind; who has something of it keeps that",
			"reasons", now.Reasons(), "holders", a.taken(), "arqs", a.holders(flaggedInLog))
	case Degraded:
		log.Warn("a device works less well than it could", "reasons", now.Reasons())
	default:
		log.Info("a device is well again")
	}
}

func (a *deviceActor) taken() int {
	n := 0
	for _, set := range a.sets {
		n += set.ntaken
	}
	return n
}

// holders gives some of the ARQs that hold handles of the device.
func (a *deviceActor) holders(most int) []uuid.UUID {
	var all []uuid.UUID
	for _, h := range a.handles {
		if h.State == handleTaken && len(all) < most {
			all = append(all, h.Holder)
		}
	}
	return all
}

// flag counts the holders of a quarantined device.
func (a *deviceActor) flag() {
	now := 0
	if a.dev.Quarantined() && !a.left {
		now = a.taken()
	}
	if now != a.flagged {
		a.sys.health.flagged.Add(int64(now - a.flagged))
		a.flagged = now
	}
}

// quarantine refuses what would bind a quarantined device; nil: it is not, or the
// bind does away with the reason.
func (d *Device) quarantine(wants []handleWant) error {
	if !d.Quarantined() || d.curedBy(wants) {
		return nil
	}
	return Refuse(CodeConflict, "the device %s is quarantined and takes no new bind: %s", d.UUID, strings.Join(d.Health.Reasons(), "; "))
}
