package actors

// A device that was missing and returns may have been without power, or its host was
// started again meanwhile: what was made for those who have something of it is made anew.
// That it is to be is on record from the moment when the device was missed.

// remakeDue says that it is time to look whether something has to be made anew.
type remakeDue struct{}

// remake makes it anew, until that has succeeded.
func (a *deviceActor) remake() {
	if !a.dev.Anew || a.remaking || a.writing || a.left || a.awaited || a.dev.Missing {
		return
	}
	a.remaking, a.fell = true, false
	j := a.anew()
	j.then = func(err error) {
		if err != nil {
			a.remakeLater(err)
			return
		}
		a.waiting = append(a.waiting, remade{})
	}
	a.jobs.add(a, j)
}

// remade says that all is made that a device has to have.
type remade struct{}

// recordRemade puts it on record, unless the device was missed once more.
func (a *deviceActor) recordRemade() {
	if a.fell {
		a.sys.engine.tell(a.self, remakeDue{})
		return
	}
	next := a.dev.clone(a.sys.unix())
	next.Anew = false
	a.replace(next, func(err error) {
		if err != nil {
			a.remakeLater(err)
			return
		}
		a.remaking = false
	})
}

func (a *deviceActor) remakeLater(err error) {
	if a.sys.stopping.Err() == nil {
		a.sys.log.Error("not all that guests have of a device that has returned could be made anew; trying again",
			"host", a.dev.Hostname, "device", a.dev.UUID, "error", err)
	}
	self := a.self
	a.sys.after(restorePause, func() { a.sys.engine.tell(self, remakeDue{}) })
}

// anew is the making of all that is held of the device, also of what is being made:
// perhaps that was before.
func (a *deviceActor) anew() *job {
	j := &job{}
	for _, h := range a.handles {
		c, needed := a.making(h)
		if h.State != handleTaken || !needed {
			continue
		}
		j.commands = append(j.commands, c)
		j.handles = append(j.handles, h.UUID)
	}
	return j
}
