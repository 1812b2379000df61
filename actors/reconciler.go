package actors

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
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

// supplyDue says that it is time to look at a device again.
type supplyDue struct{ device uuid.UUID }

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
	r.wants(d.UUID, r.supply(e))
}

// supply is what is to be shown of a device. What was shown of a part that it does
// not have any more is to go.
func (r *reconciler) supply(e *supplied) *Supply {
	d := e.device
	s := d.supply(r.dead[d.Hostname], cmp.Or(r.roots[d.Hostname], d.Hostname))
	for i := range s.Providers {
		if id := s.Providers[i].UUID; r.leaving[id] == d.UUID {
			delete(r.leaving, id) // it is back
		}
	}
	if e.shown == nil {
		return s
	}
	for _, p := range e.shown.besides(s) {
		r.leaving[p.UUID] = d.UUID
		s.Providers = append(s.Providers, p)
	}
	return s
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
			r.wants(id, r.supply(e))
		}
	}
}

func (r *reconciler) enqueue(id uuid.UUID) {
	e := r.devices[id]
	if e == nil || e.queued || e.busy { // nil: the timer was late, and all of it is taken back
		return
	}
	if e.timer != nil {
		e.timer()
		e.timer = nil
	}
	e.queued = true
	r.ready = append(r.ready, id)
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
	r.takenBack(m)
}

// takenBack lets those go on who have waited for providers to be taken back.
func (r *reconciler) takenBack(m *supplyDone) {
	for _, p := range m.want.Providers {
		if p.Gone && r.leaving[p.UUID] == m.device {
			delete(r.leaving, p.UUID)
		}
	}
	for _, p := range m.want.Providers {
		if v, again := r.sys.dir.provider(p.UUID); p.Gone && again && r.devices[v.device.UUID] != nil {
			r.enqueue(v.device.UUID)
		}
	}
}

// partsTakenBack forgets the parts of a device that were taken back, unless it has
// changed since.
func (r *reconciler) partsTakenBack(m *supplyDone) {
	e := r.devices[m.device]
	gone := func(p Provider) bool { return p.Gone }
	if e.leaving || !slices.ContainsFunc(m.want.Providers, gone) {
		return
	}
	if !e.changed {
		want := *e.want
		want.Providers = slices.DeleteFunc(slices.Clone(want.Providers), gone)
		e.want = &want
	}
	r.takenBack(m)
}
