package history

import "slices"

// What the service does by itself, at a moment of its own: end the
// preparation of a device, settle the binds that waited for it, and, after a
// restart, fail the binds that it cut short and hold devices off.

// reachable gives every world that w may have become by itself, w first.
func (m *model) reachable(w *world) []*world {
	if w.reached != nil {
		return w.reached
	}
	all, known := []*world{w}, map[*world]bool{w: true}
	for i := 0; i < len(all); i++ {
		for _, next := range m.moves(all[i]) {
			if next = m.same(next); !known[next] {
				known[next] = true
				all = append(all, next)
			}
		}
	}
	w.reached = all
	return all
}

// moves gives the worlds that are one move away.
func (m *model) moves(w *world) []*world {
	var next []*world
	for i, j := range w.jobs {
		first := !slices.ContainsFunc(w.jobs[:i], func(e job) bool { return e.device == j.device && e.phase == running })
		if j.phase == running && first {
			next = append(next, m.endJob(w, i)...)
		}
		if settled := w.settle(j.by); settled != nil {
			next = append(next, settled)
		}
	}
	return append(append(next, w.failOrphans()...), w.holdOff()...)
}

// holdOff takes a device out of service whose loading was cut short.
func (w *world) holdOff() []*world {
	var next []*world
	for i, d := range w.devices {
		if d.unsure == cutShort {
			held := w.clone()
			held.devices[i].unsure = heldOff
			next = append(next, held.seal())
		}
	}
	return next
}

// endJob ends the work on a device, well or badly.
func (m *model) endJob(w *world, i int) []*world {
	var next []*world
	if !m.fails[w.jobs[i].image] {
		good := w.clone()
		good.jobs[i].phase = succeeded
		good.devices[w.jobs[i].device].image = w.jobs[i].image
		good.devices[w.jobs[i].device].unsure = certain
		next = append(next, good.seal())
	}
	if m.fails[w.jobs[i].image] || m.unreliable {
		bad := w.clone()
		bad.jobs[i].phase = failed
		next = append(next, bad.seal())
	}
	return next
}

// settle ends the binds of an operation all of whose devices have been worked
// on, all of them alike; nil: not yet.
func (w *world) settle(by uint16) *world {
	outcome := bound
	for _, j := range w.jobs {
		if j.by != by {
			continue
		}
		if j.phase == running {
			return nil
		}
		if j.phase == failed {
			outcome = bindFailed
		}
	}
	next := w.clone()
	next.jobs = slices.DeleteFunc(next.jobs, func(j job) bool { return j.by == by })
	for i := range next.arqs {
		if a := &next.arqs[i]; a.by == by {
			a.state, a.by = outcome, 0
			if outcome == bindFailed {
				a.handle = 0
			}
		}
	}
	return next.seal()
}

// failOrphans fails the binds that a restart has cut short, those of one
// instance together.
func (w *world) failOrphans() []*world {
	var next []*world
	var done []uint8
	for i := range w.arqs {
		if w.arqs[i].by != orphaned || slices.Contains(done, w.arqs[i].instance) {
			continue
		}
		instance := w.arqs[i].instance
		done = append(done, instance)
		over := w.clone()
		for j := range over.arqs {
			if a := &over.arqs[j]; a.by == orphaned && a.instance == instance {
				a.state, a.by, a.handle = bindFailed, 0, 0
			}
		}
		next = append(next, over.seal())
	}
	return next
}

// restart forgets what was under way. What a device was about to load, it may have
// begun to load.
func (w *world) restart() []*world {
	all := []*world{w.forgets()}
	for d := range w.devices {
		if _, loading := w.loading(uint8(d)); !loading {
			continue
		}
		for _, other := range slices.Clone(all) {
			cut := other.clone()
			cut.devices[d].unsure = max(cut.devices[d].unsure, cutShort)
			all = append(all, cut.seal())
		}
	}
	return all
}

func (w *world) forgets() *world {
	next := w.clone()
	next.jobs = nil
	for i := range next.arqs {
		if next.arqs[i].state == bindStarted {
			next.arqs[i].by = orphaned
		}
	}
	for i := range next.releasing {
		next.releasing[i].by = orphaned
	}
	return next.seal()
}
