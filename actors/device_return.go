package actors

import (
	"errors"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// What was made for those who have something of a device is gone when its host was started
// again, and perhaps when the device was missing: it may have been without power. So it is
// made anew. That it is to be is on record from the moment when that is known.

// remake makes it anew, until that has succeeded.
func (a *deviceActor) remake() {
	if !a.dev.Anew || a.chores[remaking] || a.writing || a.left || a.awaited || a.dev.Missing {
		return
	}
	a.chores[remaking], a.fell = true, false
	var failed error
	left := 1
	then := func(err error) {
		failed = errors.Join(failed, err)
		if left--; left > 0 {
			return
		}
		if failed != nil {
			a.remakeLater(failed)
			return
		}
		a.waiting = append(a.waiting, remade{})
	}
	for _, c := range a.anew() { // each by itself: one that cannot be made keeps no other waiting
		left++
		a.jobs.add(a, &job{commands: []devices.Command{c}, handles: []uuid.UUID{c.Handle}, then: then})
	}
	then(nil)
}

// remade says that all is made that a device has to have.
type remade struct{}

// recordRemade puts it on record, unless it was lost once more.
func (a *deviceActor) recordRemade() {
	if a.fell {
		a.sys.engine.tell(a.self, remaking)
		return
	}
	next := a.dev.clone(a.sys.unix())
	next.Anew = false
	a.replace(next, func(err error) {
		if err != nil {
			a.remakeLater(err)
			return
		}
		delete(a.chores, remaking)
	})
}

func (a *deviceActor) remakeLater(err error) {
	if a.sys.stopping.Err() == nil {
		a.sys.log.Error("not all that guests have of a device could be made anew; trying again",
			"host", a.dev.Hostname, "device", a.dev.UUID, "error", err)
	}
	a.later(remaking, restorePause)
}

// anew is the making of all that is held of the device, also of what is being made:
// perhaps that was before.
func (a *deviceActor) anew() (commands []devices.Command) {
	for _, h := range a.handles {
		if c, needed := a.making(h); needed && h.State == handleTaken {
			commands = append(commands, c)
		}
	}
	return commands
}
