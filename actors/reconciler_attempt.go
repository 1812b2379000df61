package actors

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

const (
	supplyWorkers = 8
	// After a failure the next attempt comes a little later each time.
	supplyRetryFirst, supplyRetryLongest = time.Second, time.Minute
	inUseRetryFirst, inUseRetryLongest   = 10 * time.Second, 5 * time.Minute
)

// supplyNoted is the store's answer to a record of what is shown.
type supplyNoted struct {
	device uuid.UUID
	next   *shown
	err    error
	then   func(error)
}

// supplyDone is the end of showing a device.
type supplyDone struct {
	device  uuid.UUID
	want    *Supply
	fresh   bool // it was not shown before
	changes int
	err     error
}

// begin has a worker show a device, after it is on record what will be shown.
func (r *reconciler) begin(id uuid.UUID) {
	e := r.devices[id]
	if r.waits(id) {
		e.queued = false
		return
	}
	if e.device != nil {
		e.want = r.supply(e) // more may have been shown since it was first wanted
	}
	m := &supplyDone{device: id, want: e.shown.without(e.want), fresh: e.changed}
	e.queued, e.busy, e.changed = false, true, false
	r.workers++
	r.note(id, e.shown.with(e.want), func(err error) {
		if err != nil {
			m.err = err
			r.finish(m)
			return
		}
		self := r.sys.reconciler
		r.sys.work(func(ctx context.Context) {
			m.err = contained(func() (err error) {
				m.changes, err = r.sys.opts.Inventory.Show(ctx, m.want)
				return err
			})
			r.sys.engine.tell(self, m)
		})
	})
}

// note stores what is shown of a device, if that differs from what is stored.
func (r *reconciler) note(id uuid.UUID, providers map[uuid.UUID]shownProvider, then func(error)) {
	e := r.devices[id]
	if e.shown.is(providers) {
		then(nil)
		return
	}
	next := &shown{Generation: e.shown.Generation + 1, Providers: providers}
	b := relief()
	if e.leaving && len(providers) == 0 {
		b.remove(shownKey(id), e.shown.Generation)
	} else {
		b.put(shownKey(id), e.shown.Generation, encodeJSON(next), nil)
	}
	self := r.sys.reconciler
	r.sys.submit(b, func(res persistence.Result) {
		r.sys.engine.tell(self, &supplyNoted{id, next, storeError(res), then})
	})
}

// done takes the end of an attempt; what was taken back is forgotten.
func (r *reconciler) done(m *supplyDone) {
	if m.err != nil {
		r.finish(m)
		return
	}
	r.note(m.device, shownOf(m.want), func(err error) {
		m.err = err
		r.finish(m)
	})
}

func (r *reconciler) finish(m *supplyDone) {
	if r.sys.stopping.Err() != nil {
		return // the attempt may have been cut off
	}
	e := r.devices[m.device]
	e.busy = false
	r.workers--
	if m.err == nil {
		e.failures = 0
		r.partsTakenBack(m)
	} else {
		e.failures++
	}
	r.tell(e, m)
	r.post(m.device, m)
	if e.changed {
		r.enqueue(m.device)
		return
	}
	if e.leaving && m.err == nil { // all is taken back
		r.left(m)
		return
	}
	self := r.sys.reconciler
	e.timer = r.sys.after(r.pause(e), func() { r.sys.engine.tell(self, supplyDue{m.device}) })
}

// pause is the time to the next look, from half to one and a half of it by
// chance, so that devices do not come in step.
func (r *reconciler) pause(e *supplied) time.Duration {
	first, longest := supplyRetryFirst, supplyRetryLongest
	switch e.state {
	case SupplyShown:
		first, longest = r.sys.opts.InventoryInterval, r.sys.opts.InventoryInterval
	case SupplyInUse:
		first, longest = inUseRetryFirst, inUseRetryLongest
	default:
	}
	d := min(first<<min(max(e.failures-1, 0), 16), longest)
	return d/2 + r.sys.opts.jitter(d)
}

// stateAfter says what an attempt has come to.
func stateAfter(err error) SupplyState {
	switch {
	case err == nil:
		return SupplyShown
	case errors.Is(err, ErrHostUnknown):
		return SupplyWaiting
	case errors.Is(err, ErrSupplyInUse):
		return SupplyInUse
	case errors.Is(err, ErrInventoryAway):
		return SupplyAway
	default:
		return SupplyFailing
	}
}
