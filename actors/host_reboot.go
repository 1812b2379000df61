package actors

import (
	"context"
	"errors"
	"time"
)

// A host that was started again has no mediated devices, and nobody knows what is
// loaded into its FPGAs. The devices have the mediated ones of their holders made
// anew; which start of the host that was done for is on record afterwards, so it
// is done again if the service ends meanwhile. device_reload.go has the images. What is to be cleaned up stays so:
// removing what is not there succeeds.

// restorePause is how long putting a host in order waits for the next try.
const restorePause = 30 * time.Second

// restore puts a host in order after its last start.
func (h *hostActor) restore() {
	if h.restoring || h.session == nil || h.rec.BootID == h.session.bootID {
		return
	}
	if h.restoreIn != nil { // this is the next try
		h.restoreIn()
		h.restoreIn = nil
	}
	boot := h.session.bootID
	h.restoring = true
	h.sys.log.Info("a host was started again; what its guests have of it is made anew", "host", h.name)
	self := h.self
	h.sys.work(func(ctx context.Context) {
		err := h.sys.restoreDevices(ctx, h.name, boot)
		h.sys.engine.tell(self, &hostRestored{boot, err})
	})
}

func (s *System) restoreDevices(ctx context.Context, host, boot string) error {
	var all []promise[struct{}]
	for _, d := range s.devicesOf(host) {
		p := newPromise[struct{}]()
		if s.devices.tell(d.UUID, &hostRebooted{boot: boot, promise: p}) {
			all = append(all, p)
		}
	}
	var errs []error
	for _, p := range all {
		select {
		case a := <-p.answer:
			errs = append(errs, a.err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

// restored puts it on record.
func (h *hostActor) restored(m *hostRestored) {
	h.restoring = false
	again := func(err error) {
		h.sys.log.Error("not all that guests have of a host could be made anew; trying again", "host", h.name, "error", err)
		self := h.self
		h.restoreIn = h.sys.after(restorePause, func() { h.sys.engine.tell(self, restoreHost{}) })
	}
	if m.err != nil {
		again(m.err)
		return
	}
	next := h.record()
	next.BootID = m.boot
	h.write(next, func(err error) {
		if err != nil {
			again(err)
			return
		}
		h.restore() // the host may have been started once more
	})
}

// rebooted has what is held of the device made anew, and forgets what may be
// loaded: once for each start, however often the host is put in order.
func (a *deviceActor) rebooted(m *hostRebooted) {
	if a.dev.Boot == m.boot {
		a.makeAnew(m)
		return
	}
	next, before := a.dev.clone(a.sys.unix()), a.dev.Health
	next.Boot = m.boot
	a.loseImages(next)
	a.replace(next, a.orAgain(m, func(err error) {
		if err != nil {
			m.fail(err)
			return
		}
		a.tellHealth(before)
		a.makeAnew(m)
	}))
}

// makeAnew does so also with what is being made: perhaps that was before.
func (a *deviceActor) makeAnew(m *hostRebooted) {
	j := &job{then: func(err error) { m.promise.resolve(struct{}{}, err) }}
	for _, h := range a.handles {
		c, needed := a.making(h)
		if h.State != handleTaken || !needed {
			continue
		}
		j.commands = append(j.commands, c)
		j.handles = append(j.handles, h.UUID)
	}
	a.jobs.add(a, j)
}
