package history

import "slices"

// patchItem is an Item in numbers.
type patchItem struct {
	arq      int
	bind     bool
	device   uint8
	instance uint8
	image    uint8 // that the ARQ's profile names
	strayed  bool  // the host is not the device's
	// handles are those that the ARQ was seen with after such a bind: it was
	// given one of them. 0: one that nobody saw.
	handles []uint16
}

// patch is a Patch in numbers.
type patch struct {
	token uint16
	items []patchItem
}

// judgement is what may become of a PATCH in a world. Of what the service does
// by itself, the freeing of handles is left open: so several may be true.
type judgement struct {
	absent   bool        // an ARQ is not there
	refused  bool        // something speaks against it
	exhausts bool        // nothing does, but a device has too few free handles
	succeeds bool        // nothing does
	wants    []patchItem // the binds that need a handle
}

func (w *world) judge(p *patch) judgement {
	var j judgement
	for _, i := range p.items {
		switch a := &w.arqs[i.arq]; {
		case a.state == absent:
			j.absent = true
		case !i.bind || w.repeats(p, i):
		case a.state != initial && a.state != unbound:
			j.refused = true
		default:
			j.wants = append(j.wants, i)
		}
	}
	for _, i := range j.wants {
		j.refused = j.refused || w.occupied(p, i.instance) || !w.admits(i)
	}
	if j.absent || j.refused {
		return j
	}
	j.succeeds = true
	fits := true // no device but those that are exhausted refuses
	for d := range w.devices {
		lacks, has, refuses := w.offers(j.wants, uint8(d))
		j.exhausts = j.exhausts || lacks
		j.succeeds = j.succeeds && has && !refuses
		j.refused = j.refused || has && refuses
		fits = fits && (lacks || has && !refuses)
	}
	j.exhausts = j.exhausts && fits
	return j
}

// admits says whether a device takes a bind at all.
func (w *world) admits(i patchItem) bool {
	loading, busy := w.loading(i.device)
	d := &w.devices[i.device]
	knows := d.unsure == certain || d.unsure == heldOff && i.image != 0
	return d.enabled && knows && !i.strayed && (!busy || i.image == loading)
}

// offers says whether a device may have too few handles for its share of the
// binds, whether it may have enough, and whether it refuses them if it has.
func (w *world) offers(wants []patchItem, d uint8) (lacks, has, refuses bool) {
	wanted, first := 0, uint8(0)
	_, busy := w.loading(d)
	for _, i := range wants {
		if i.device != d {
			continue
		}
		if wanted++; wanted == 1 {
			first = i.image
		}
		other := i.image != 0 && i.image != w.devices[d].image && !busy && w.taken(d) > 0
		refuses = refuses || other || i.image != first // one device, two images
	}
	most, least := w.away(d)
	return wanted > w.handles-most, wanted <= w.handles-least, refuses
}

// repeats says whether an item is the very bind that its ARQ has.
func (w *world) repeats(p *patch, i patchItem) bool {
	a := &w.arqs[i.arq]
	return a.holds() && !i.strayed && a.device == i.device && a.instance == i.instance && a.owner == p.token
}

// occupied says whether an instance has ARQs that the PATCH does not unbind.
func (w *world) occupied(p *patch, instance uint8) bool {
	for n, a := range w.arqs {
		leaves := slices.ContainsFunc(p.items, func(i patchItem) bool { return i.arq == n && !i.bind })
		if a.state.named() && a.instance == instance && !leaves {
			return true
		}
	}
	return false
}

// succeed gives the worlds in which a PATCH that nothing speaks against has
// been done: several when it is not known who got which handle. by is the
// operation's number.
func (w *world) succeed(p *patch, j judgement, by uint16) []*world {
	next := w.clone()
	staged := false
	for _, i := range j.wants {
		d := &next.devices[i.device]
		if i.image == 0 || w.devices[i.device].image == i.image {
			continue
		}
		staged, d.image = true, 0
		if !next.runs(by, i.device) {
			next.jobs = append(next.jobs, job{by: by, device: i.device, image: i.image})
		}
	}
	for _, i := range p.items {
		if !i.bind {
			next.unbind(i.arq)
		}
	}
	made := arq{state: bound, owner: p.token}
	if staged {
		made.state, made.by = bindStarted, by
	}
	worlds := []*world{next}
	for _, i := range j.wants {
		made.device, made.instance = i.device, i.instance
		worlds = take(worlds, i, made, w)
	}
	for _, each := range worlds {
		each.seal()
	}
	return worlds
}

// take gives an ARQ each of the handles that it may have got. Those that were
// in use before are not among them, even if the same PATCH gives them back.
func take(worlds []*world, i patchItem, made arq, before *world) []*world {
	var all []*world
	for _, w := range worlds {
		for _, h := range i.handles {
			if h != 0 && (before.inUse(h) || w.inUse(h)) {
				continue
			}
			next := w.clone()
			made.handle = h
			next.arqs[i.arq] = made
			next.free(i.device, h)
			all = append(all, next)
		}
	}
	return all
}

// exhaust gives the world in which the binds of a PATCH have failed for lack
// of a handle. The ARQs stay their owner's, and its unbinds are not done.
func (w *world) exhaust(j judgement) *world {
	next := w.clone()
	for _, i := range j.wants {
		a := &next.arqs[i.arq]
		*a = arq{state: bindFailed, owner: a.owner, device: i.device, instance: i.instance}
	}
	return next.seal()
}

// patched gives what a world may be after a PATCH that was answered with a
// status: none when it cannot be answered so.
func (w *world) patched(p *patch, status int, by uint16) []*world {
	j := w.judge(p)
	var next []*world
	open := status == unanswered
	if open || status == 404 && j.absent || status == 409 && j.refused {
		next = append(next, w)
	}
	if j.exhausts && (open || status == 404) {
		next = append(next, w.exhaust(j))
	}
	if j.succeeds && (open || status == 202) {
		next = append(next, w.succeed(p, j, by)...)
	}
	return next
}
