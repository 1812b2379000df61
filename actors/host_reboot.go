package actors

import (
	"context"
	"errors"
	"time"
)

// A host that was started again has no mediated devices, and nobody knows what is
// loaded into its FPGAs. Each of its devices puts that on record and then has made anew
// what its guests have of it, in its own time: device_return.go, and device_reload.go for
// the images. What is to be cleaned up stays so: removing what is not there succeeds.

// restorePause is how long what could not be put in order waits for the next try.
const restorePause = 30 * time.Second

// restore tells the devices of a host of its last start, also when they have not put the
// one before on record. They are told at once: what they have is not given away meanwhile.
func (h *hostActor) restore() {
	if h.session == nil || h.restoring == h.session.bootID || h.rec.BootID == h.session.bootID {
		return
	}
	if h.restoreIn != nil { // this is the next try
		h.restoreIn()
		h.restoreIn = nil
	}
	boot := h.session.bootID
	h.restoring = boot
	h.sys.log.Info("a host was started again; what its guests have of it is made anew", "host", h.name)
	all, self := h.sys.tellRebooted(h.name, boot), h.self
	h.sys.work(func(ctx context.Context) {
		h.sys.engine.tell(self, &hostRestored{boot, awaitAll(ctx, all)})
	})
}

// tellRebooted tells the devices of a host of its start, and gives their answers.
func (s *System) tellRebooted(host, boot string) (all []promise[struct{}]) {
	for _, d := range s.devicesOf(host) {
		p := newPromise[struct{}]()
		if s.devices.tell(d.UUID, &hostRebooted{boot: boot, promise: p}) {
			all = append(all, p)
		}
	}
	return all
}

// awaitAll waits for all answers.
func awaitAll(ctx context.Context, all []promise[struct{}]) error {
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
	if m.boot != h.restoring { // it was started once more
		return
	}
	h.restoring = ""
	again := func(err error) {
		h.sys.log.Error("that a host was started again could not be recorded; trying again", "host", h.name, "error", err)
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
		}
	})
}

// rebooted takes note of a start of the host.
func (a *deviceActor) rebooted(m *hostRebooted) {
	a.boot = m.boot
	a.recordStart(m.boot, a.orAgain(m, func(err error) { m.promise.resolve(struct{}{}, err) }))
}

// startedSince says whether the device was told of a start of its host that is not on
// record.
func (a *deviceActor) startedSince() bool { return a.boot != "" && a.boot != a.dev.Boot }

// recordStart puts a start of the host on record, with what that has lost: images once for
// each start, however often it is told of.
func (a *deviceActor) recordStart(boot string, then func(error)) {
	next, before := a.dev.clone(a.sys.unix()), a.dev.Health
	next.Boot, next.Anew = boot, next.Anew || len(a.anew()) > 0
	a.fell = true
	b := relief()
	if a.dev.Boot == boot {
		b.putDevice(a.dev, next)
	} else {
		b = a.loseImages(next)
	}
	a.write(b, func(err error) {
		if err == nil {
			a.tellHealth(before)
		}
		then(err)
	})
}
