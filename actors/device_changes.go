package actors

import (
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// Changes of the device's own record. Each is one conditional write; while it
// is undecided nothing else is served.

// setEnabled does and undoes what an operator wants. To enable a device that he
// has not disabled lifts its quarantine, until it gets worse; one that he has
// disabled stays in quarantine if it is.
func (a *deviceActor) setEnabled(m *setEnabled) {
	next := a.dev.clone(a.sys.unix())
	switch {
	case a.dev.Disabled == m.enabled:
		next.Disabled = !m.enabled
	case m.enabled && a.dev.Quarantined():
		next.Health = a.dev.Health.accept(next.UpdatedAt)
		a.sys.showHealth(next)
		a.sys.log.Warn("an operator has lifted the quarantine of a device",
			"host", next.Hostname, "device", next.UUID, "reasons", next.Health.Reasons())
	default: // it is so already
		m.promise.resolve(struct{}{}, nil)
		return
	}
	a.replace(next, a.orAgain(m, func(err error) { m.promise.resolve(struct{}{}, err) }))
}

func (a *deviceActor) addAttribute(m *addAttribute) {
	next := a.dev.clone(a.sys.unix())
	dep := next.deployable(m.deployable)
	if dep == nil {
		m.fail(Refuse(CodeNotFound, "deployable_id: no such deployable"))
		return
	}
	if _, twice := a.sys.dir.attribute(m.attribute.UUID); twice {
		m.fail(Refuse(CodeConflict, "an attribute with uuid %s exists already", m.attribute.UUID))
		return
	}
	dep.Attributes = append(dep.Attributes, m.attribute)
	// A uuid that another device claims is seen when it is asked once more.
	a.replace(next, a.orAgain(m, func(err error) { m.promise.resolve(m.attribute, err) }))
}

func (a *deviceActor) dropAttribute(m *dropAttribute) {
	next := a.dev.clone(a.sys.unix())
	for _, dep := range next.Deployables {
		i := slices.IndexFunc(dep.Attributes, func(t *Attribute) bool { return t.UUID == m.attribute })
		if i >= 0 {
			dep.Attributes = slices.Delete(dep.Attributes, i, i+1)
			a.replace(next, a.orAgain(m, func(err error) { m.promise.resolve(struct{}{}, err) }))
			return
		}
	}
	m.fail(Refuse(CodeNotFound, "attribute %s not found", m.attribute))
}

// repeatable is what may be asked for once more.
type repeatable interface{ tooMany(err error) bool }

// orAgain gives what follows a write: it is asked for once more if it lost a race, else
// then hears how it has ended.
func (a *deviceActor) orAgain(m repeatable, then func(error)) func(error) {
	return func(err error) {
		if !a.again(m, err) {
			then(err)
		}
	}
}

// again asks for a change once more that lost a race, and says whether it did:
// binds write the device's record when they load an image, and nobody who changes
// something else of it need know of that.
func (a *deviceActor) again(m repeatable, err error) bool {
	if m.tooMany(err) || ErrorCode(err) != CodeConflict {
		return false
	}
	a.waiting = slices.Insert(a.waiting, 0, any(m))
	return true
}

func (a *deviceActor) replace(next *Device, then func(error)) {
	b := relief() // one record in place of another
	b.putDevice(a.dev, next)
	a.write(b, then)
}

// inUse refuses to program a deployable that somebody has something of.
func (d *Deployable) inUse() error {
	return Refuse(CodeConflict, "the deployable %s is in use and cannot be programmed", d.Name)
}

// program loads an image for an administrator, unless somebody's guest would
// lose what it has. A bind that is undecided loses to it, or it to the bind.
func (a *deviceActor) program(m *program) {
	dep := a.dev.deployable(m.deployable)
	switch {
	case dep == nil:
		m.fail(Refuse(CodeNotFound, "deployable %s not found", m.deployable))
		return
	case a.awaited:
		m.fail(a.awaitsHost())
		return
	case a.dev.Missing:
		m.fail(Refuse(CodeConflict, "the device %s is not on its host any more", a.dev.UUID))
		return
	case a.sets[dep.UUID].ntaken > 0:
		m.fail(dep.inUse())
		return
	}
	if _, busy := a.jobs.loading(dep.UUID); busy {
		m.fail(Refuse(CodeConflict, "the deployable %s is being programmed", dep.Name))
		return
	}
	c := a.dev.command(devices.ProgramFPGA, dep)
	c.Image = m.image
	if err := a.sys.hostPrepares(a.dev.Hostname, []devices.Command{c}); err != nil {
		m.fail(err)
		return
	}
	a.jobs.add(a, &job{
		commands: []devices.Command{c},
		programs: map[uuid.UUID]uuid.UUID{dep.UUID: m.image},
		alone:    true,
		then:     func(err error) { m.promise.resolve(a.dev.deployable(m.deployable), err) },
	})
}
