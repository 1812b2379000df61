package actors

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// reconciler keeps what the scheduler sees of every device as it should be:
// after each change of the device, and from time to time whether or not there
// was one. A device is shown by one worker at a time, the newest state of it;
// few workers are there, so that a start with thousands of devices is a queue
// and no rush.
type reconciler struct {
	sys     *System
	devices map[uuid.UUID]*supplied
	ready   []uuid.UUID // devices that wait for a worker
	workers int
	silent  bool              // the inventory does not answer
	unknown map[string]bool   // hosts that the inventory did not know when last asked
	dead    map[string]bool   // hosts that give nothing away
	roots   map[string]string // names of hosts' own providers; none: the host's
	// leaving are providers that are being taken back, and of which device. A new
	// device may have them again, and waits: that of another card in the same slot.
	leaving map[uuid.UUID]uuid.UUID
}

// supplied is a device as the reconciler knows it.
type supplied struct {
	device   *Device // the newest state of it; nil: it is gone
	want     *Supply
	shown    *shown // as stored
	state    SupplyState
	queued   bool // it is in ready
	busy     bool // a worker has it
	changed  bool // while a worker has it
	leaving  bool // nothing of it is to be shown any more
	failures int  // in a row
	timer    func()
}

const (
	supplyWorkers = 8
	// After a failure the next attempt comes a little later each time.
	supplyRetryFirst, supplyRetryLongest = time.Second, time.Minute
	inUseRetryFirst, inUseRetryLongest   = 10 * time.Second, 5 * time.Minute
)

// supplyChanged brings devices that are new, have changed or are gone.
type supplyChanged struct{ devices []change[Device] }

// supplyOfHost says whether a host is dead.
type supplyOfHost struct {
	hostname string
	dead     bool
}

// supplyBelow says what the provider is called that a host's devices go below.
type supplyBelow struct{ hostname, root string }

// supplyGone brings devices that are not on record any more and were shown.
type supplyGone struct{ devices []uuid.UUID }

// supplyDue says that it is time to look at a device again.
type supplyDue struct{ device uuid.UUID }

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

func newReconciler(s *System, known map[uuid.UUID]*shown) *reconciler {
	r := &reconciler{
		sys: s, devices: make(map[uuid.UUID]*supplied), unknown: make(map[string]bool), dead: make(map[string]bool),
		roots: make(map[string]string), leaving: make(map[uuid.UUID]uuid.UUID),
	}
	for id, sh := range known {
		r.devices[id] = &supplied{shown: sh}
	}
	return r
}

func (r *reconciler) receive(_ actor.Context, msg any) {
	switch m := msg.(type) {
	case supplyChanged:
		for _, c := range m.devices {
			if c.after == nil {
				r.gone(c.before.UUID, c.before)
			} else {
				r.changed(c.after)
			}
		}
	case supplyOfHost:
		r.hostTurned(m)
	case supplyBelow:
		r.roots[m.hostname] = m.root
		r.showAnew(m.hostname)
	case supplyGone:
		for _, id := range m.devices {
			r.gone(id, nil)
		}
	case supplyDue:
		r.enqueue(m.device)
	case *supplyNoted:
		if m.err == nil {
			r.devices[m.device].shown = m.next
		}
		m.then(m.err)
	case *supplyDone:
		r.done(m)
	}
	for r.workers < supplyWorkers && len(r.ready) > 0 {
		next := r.ready[0]
		r.ready = r.ready[1:]
		r.begin(next)
	}
}

// changed takes over a device's state, unless a newer one is known already.
func (r *reconciler) changed(d *Device) {
	e := r.devices[d.UUID]
	if e == nil {
		e = &supplied{}
		r.devices[d.UUID] = e
	}
	if e.device != nil && d.Generation <= e.device.Generation || e.leaving {
		return
	}
	e.device = d
	r.wants(d.UUID, r.supply(d))
}

func (r *reconciler) supply(d *Device) *Supply {
	return d.supply(r.dead[d.Hostname], cmp.Or(r.roots[d.Hostname], d.Hostname))
}

// wants has a device shown as it should be, if it is not already.
func (r *reconciler) wants(id uuid.UUID, want *Supply) {
	e := r.devices[id]
	if e.shown == nil {
		e.shown = &shown{}
	}
	if e.want == nil {
		r.sys.supplies.count(SupplyPending, 1)
	}
	if reflect.DeepEqual(want, e.want) {
		return
	}
	e.want, e.changed, e.failures = want, true, 0
	r.post(id, nil)
	r.enqueue(id)
}

// gone has all taken back that was shown of a device. was is its last state, if
// that is known.
func (r *reconciler) gone(id uuid.UUID, was *Device) {
	e := r.devices[id]
	if e == nil || e.leaving {
		return
	}
	e.device, e.leaving = nil, true
	if e.shown == nil {
		e.shown = &shown{}
	}
	want := goneSupply(id, e.shown, was)
	for _, p := range want.Providers {
		r.leaving[p.UUID] = id
	}
	r.wants(id, want)
}

// hostTurned shows the devices of a host anew that has died, or lives again.
func (r *reconciler) hostTurned(m supplyOfHost) {
	if r.dead[m.hostname] == m.dead {
		return
	}
	if delete(r.dead, m.hostname); m.dead {
		r.dead[m.hostname] = true
	}
	r.showAnew(m.hostname)
}

func (r *reconciler) showAnew(hostname string) {
	for id, e := range r.devices {
		if e.device != nil && e.device.Hostname == hostname {
			r.wants(id, r.supply(e.device))
		}
	}
}

func (r *reconciler) enqueue(id uuid.UUID) {
	e := r.devices[id]
	if e.queued || e.busy {
		return
	}
	if e.timer != nil {
		e.timer()
		e.timer = nil
	}
	e.queued = true
	r.ready = append(r.ready, id)
}

// begin has a worker show a device, after it is on record what will be shown.
func (r *reconciler) begin(id uuid.UUID) {
	e := r.devices[id]
	if r.waits(id) {
		e.queued = false
		return
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

// waits says whether a provider of a device is still being taken back.
func (r *reconciler) waits(id uuid.UUID) bool {
	return slices.ContainsFunc(r.devices[id].want.Providers, func(p Provider) bool {
		of, leaving := r.leaving[p.UUID]
		return leaving && of != id
	})
}

// left forgets a device of which all is taken back, and lets those go on who
// have waited for it.
func (r *reconciler) left(m *supplyDone) {
	r.sys.supplies.count(r.devices[m.device].state, -1)
	delete(r.devices, m.device)
	r.sys.supplies.board.devices.Delete(m.device)
	r.know(m.want.Host, true) // others that wait for it say so again
	for _, p := range m.want.Providers {
		delete(r.leaving, p.UUID)
	}
	for _, p := range m.want.Providers {
		if v, again := r.sys.dir.provider(p.UUID); again && r.devices[v.device.UUID] != nil {
			r.enqueue(v.device.UUID)
		}
	}
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
	return d/2 + rand.N(d)
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

// reconcile starts the reconciler with what a start has found.
func (s *System) reconcile(f *recovered) {
	if s.opts.Inventory == nil {
		return
	}
	r := newReconciler(s, f.shown)
	m := supplyChanged{}
	here := map[uuid.UUID]bool{}
	for _, d := range f.devices {
		here[d.UUID] = true
		m.devices = append(m.devices, change[Device]{nil, d})
	}
	for _, h := range f.hosts {
		if h.Dead {
			r.dead[h.Name] = true
		}
		r.roots[h.Name] = h.provider()
	}
	gone := supplyGone{}
	for id := range f.shown {
		if !here[id] {
			gone.devices = append(gone.devices, id)
		}
	}
	s.reconciler = s.engine.spawn(kindServiceActor, r)
	s.engine.tell(s.reconciler, gone)
	s.engine.tell(s.reconciler, m)
}

// supplyChanged passes the devices of a batch on that has become durable.
func (s *System) supplyChanged(b *batch) {
	if s.reconciler != nil && len(b.devices) > 0 {
		s.engine.tell(s.reconciler, supplyChanged{b.devices})
	}
}

// showHost has the scheduler see the devices of a host, or keeps it from them.
func (s *System) showHost(hostname string, dead bool) {
	if s.reconciler != nil {
		s.engine.tell(s.reconciler, supplyOfHost{hostname, dead})
	}
}

// showBelow moves the devices of a host, as the scheduler sees them, below
// another provider.
func (s *System) showBelow(hostname, root string) {
	if s.reconciler != nil {
		s.engine.tell(s.reconciler, supplyBelow{hostname, root})
	}
}
