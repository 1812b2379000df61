package actors

import (
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// What is loaded into a deployable is on record, and so is that it is not known:
// from before the first byte may be touched until it is on record how that has
// ended. A programming of which nobody knows the end leaves the deployable
// uncertain, and its device in quarantine for everybody who would take it as it
// is. A programming that succeeds does away with that.

// loadStage is how far the loading of an image is.
type loadStage uint8

const (
	loadBegins loadStage = iota // from now on it may be touched
	loadDone
	loadFailed // and the device says so itself
	loadLost   // nobody knows how it has ended
)

// stageAfter tells which stage a command to load an image has reached with its
// end.
func stageAfter(err error) loadStage {
	switch {
	case err == nil:
		return loadDone
	case errors.Is(err, devices.ErrUnknownState):
		return loadLost
	}
	return loadFailed
}

// recordImage stores what is known of the image in a deployable.
type recordImage struct {
	deployable string // its name
	stage      loadStage
	command    uuid.UUID // of loadBegins
	image      uuid.UUID // of loadDone
	function   string    // that it has; "": not known
	alone      bool      // only if nobody has a handle, and none changes hands meanwhile
	then       func(error)
	losses
}

// recordAgain retries a change that lost a race. How far a programming is gets on
// record whatever the store's day is like: nothing else is begun there before. Only an
// administrator's is rather not begun.
func (a *deviceActor) recordAgain(m *recordImage, err error) {
	switch {
	case err == nil || a.sys.stopping.Err() != nil:
		m.then(err)
	case a.again(m, err):
	case m.alone:
		m.then(err)
	default:
		a.sys.log.Warn("how far a programming is could not be recorded; trying again",
			"device", a.dev.UUID, "deployable", m.deployable, "error", err)
		self := a.self
		a.sys.after(healthRetry, func() { a.sys.engine.tell(self, m) })
	}
}

// errOutdated says that an image was loaded before it was lost.
var errOutdated = errors.New("the image has to be loaded again")

func (a *deviceActor) recordImage(m *recordImage) {
	next := a.dev.clone(a.sys.unix())
	i := slices.IndexFunc(next.Deployables, func(d *Deployable) bool { return d.Name == m.deployable })
	if i < 0 {
		m.then(Refuse(CodeNotFound, "the deployable %s is gone", m.deployable))
		return
	}
	if m.alone && a.set(next.Deployables[i].UUID).ntaken > 0 {
		m.then(next.Deployables[i].inUse())
		return
	}
	if a.startedSince() { // what that has lost is on record first
		a.recordStart(a.boot, func(err error) {
			if err != nil {
				a.recordAgain(m, err)
				return
			}
			a.waiting = slices.Insert(a.waiting, 0, any(m))
		})
		return
	}
	if m.stage == loadDone && next.Deployables[i].Outdated {
		m.then(errOutdated)
		return
	}
	if !next.Deployables[i].reaches(m) && !m.alone {
		m.then(nil)
		return
	}
	next.Deployables[i].UpdatedAt = next.UpdatedAt
	if next.judgeLoads(m.stage == loadLost, next.Deployables[i]) {
		a.sys.showHealth(next)
	}
	b := relief()
	b.putDevice(a.dev, next)
	if m.alone {
		for _, h := range a.sets[next.Deployables[i].UUID].handles {
			if h != nil {
				b.t.Checks = append(b.t.Checks, persistence.Check{Key: handleKey(h.UUID), Generation: h.Generation})
			}
		}
	}
	before := a.dev.Health
	a.write(b, func(err error) {
		if err == nil {
			a.tellHealth(before)
		}
		a.recordAgain(m, err)
	})
}

// reaches takes note of a stage, and says whether that is anything new.
func (d *Deployable) reaches(m *recordImage) bool {
	was := *d
	d.Outdated = d.Outdated && d.loads(m.command)
	d.Loader = m.command
	switch d.Loading = m.stage == loadBegins; m.stage {
	case loadBegins:
		d.overwritten()
	case loadDone:
		d.loaded(m.image, m.function)
		d.Uncertain, d.Lost = false, nil
	case loadLost:
		d.Uncertain = true
	case loadFailed:
	}
	return was.BitstreamID != d.BitstreamID || was.Function != d.Function || was.Uncertain != d.Uncertain || was.Lost != d.Lost ||
		was.Loading != d.Loading || was.Loader != d.Loader || was.Outdated != d.Outdated
}

// loads says whether a command's end is what tells what is loaded: it may have begun to
// load, and none after it.
func (d *Deployable) loads(command uuid.UUID) bool { return d.Loading && d.Loader == command }

// recoverLoads takes up what was being loaded when the service ended. Of what that
// command does not tell any more, nobody will, whoever is to load something next.
func (a *deviceActor) recoverLoads() {
	for _, dep := range a.dev.Deployables {
		if dep.Loading && !a.jobs.has(dep.Loader) {
			a.waiting = append(a.waiting, &recordImage{deployable: dep.Name, stage: loadLost, then: func(error) {}})
		}
	}
}

// cutShort refuses a deployable whose loading nobody works on any more, as long
// as it is not on record that nobody knows its end; nil: it is none.
func (d *Deployable) cutShort() error {
	if !d.Loading {
		return nil
	}
	return Refuse(CodeConflict, "it is not known what is loaded into the deployable %s", d.Name)
}

// uncertainty is the reason to quarantine the device of an uncertain deployable.
func (d *Deployable) uncertainty() string {
	return asReason("what is loaded into " + d.Name + " is not known; it has to be programmed")
}

// loss is the reason to quarantine the device of a deployable that has lost its
// guests' image.
func (d *Deployable) loss() string {
	return asReason("the image that guests have of " + d.Name + " is lost; it is loaded again")
}

// judgeLoads brings the device's health in line with its deployables, and says
// whether that has changed it. What is lost anew is none of what an operator has
// accepted.
func (d *Device) judgeLoads(lost bool, of *Deployable) bool {
	said := devices.Health{State: devices.HealthOK}
	for _, dep := range d.Deployables {
		if dep.Uncertain {
			said.Worsen(devices.HealthFailed, dep.uncertainty())
		}
		if dep.Lost != nil {
			said.Worsen(devices.HealthFailed, dep.loss())
		}
	}
	if d.Health == nil && said.State == devices.HealthOK {
		return false
	}
	next, was := d.Health.clone(), d.Health
	next.Load = newFinding(said)
	if lost {
		next.Accepted = slices.DeleteFunc(next.Accepted, func(r string) bool { return r == of.uncertainty() })
	}
	d.Health = next.settle(d.UpdatedAt)
	return was == nil || next.Condition != was.Condition || !slices.Equal(next.Load.Reasons, was.Load.Reasons)
}

// inherit has the first of the parts that are left be uncertain in place of one that
// is gone: a card is no better known because its function has another name. One
// that was loaded since is. What guests had of the one that is gone they miss no more.
func (d *Device) inherit(gone *Deployable) {
	if gone.Uncertain && len(d.Deployables) > 0 {
		heir := d.Deployables[0]
		if heir.BitstreamID == uuid.Nil {
			heir.Uncertain, heir.UpdatedAt = true, d.UpdatedAt
		}
		d.Health = d.Health.clone()
		if slices.Contains(d.Health.Accepted, gone.uncertainty()) {
			d.Health.Accepted = append(d.Health.Accepted, heir.uncertainty())
		}
	}
	d.judgeLoads(false, nil)
}

// curedBy tells whether the device is in quarantine for nothing but what is not
// known to be loaded, and all of these binds have something loaded.
func (d *Device) curedBy(wants []handleWant) bool {
	besides := *d.Health
	besides.Load = Finding{}
	return besides.condition() != Quarantined && !slices.ContainsFunc(wants, func(w handleWant) bool {
		dep := d.deployable(w.deployable)
		return dep == nil || w.image == uuid.Nil || w.image == dep.BitstreamID
	})
}
