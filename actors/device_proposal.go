package actors

import (
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// propose answers an operation, or says false: what it wants, or is refused
// for, depends on somebody else whose fate is undecided. A refusal rests on
// committed state only. What has overtaken a proposal is heard of before the next
// one is made, or that would lose to it as well.
func (a *deviceActor) propose(m *proposeDevice) bool {
	if m.again && a.overtaken() {
		return false
	}
	if len(m.gives) > 0 && a.offering(func(o *deviceOffer) bool { return o.err != nil }) {
		return false // a bind is about to fail because they are not free
	}
	p := &deviceProposal{generation: a.dev.Generation}
	if p.err = a.admit(m.wants); p.err != nil {
		if a.overtaken() {
			return false
		}
		m.answer(p)
		return true
	}
	picked, ok := a.pick(m.wants)
	if !ok || picked == nil && a.givenBack() {
		return false
	}
	if picked == nil {
		p.err = Refuse(CodeNoFreeHandle, "no free attach handle on the device of %s", a.dev.Hostname)
		p.away = a.away(m.wants)
		a.offer(m, p)
		return true
	}
	for i, h := range picked {
		taken := *h
		taken.State, _ = h.State.next(evTake)
		taken.Holder = m.wants[i].arq.UUID
		p.taken = append(p.taken, change[heldHandle]{h, &taken})
	}
	for _, g := range m.gives {
		c, known := a.give(g)
		if !known && a.undecided(g.handle) {
			return false
		}
		if !known && m.again {
			p.lacked = append(p.lacked, a.lackOf(g))
			continue
		}
		if !known {
			p.taken, p.given, p.err = nil, nil, errStale
			m.answer(p)
			return true
		}
		p.given = append(p.given, c)
	}
	if p.commands, p.err = a.plan(m.wants, picked); p.err == nil {
		p.err = a.sys.hostPrepares(a.dev.Hostname, p.commands)
	}
	if p.err != nil {
		if a.givenBack() {
			return false
		}
		p.taken, p.given, p.commands = nil, nil, nil
		m.answer(p)
		return true
	}
	a.load(p)
	a.recordCommands(p)
	a.offer(m, p)
	return true
}

// load adds what a proposal that loads images rests on: nobody else may get a
// handle of these deployables before or after it.
func (a *deviceActor) load(p *deviceProposal) {
	var next *Device
	for _, c := range p.commands {
		if c.Kind != devices.ProgramFPGA {
			continue
		}
		if next == nil {
			next = a.dev.clone(a.sys.unix())
			p.device = &change[Device]{a.dev, next}
		}
		dep := next.deployable(a.named(c.Deployable))
		dep.overwritten()
		for _, h := range a.sets[dep.UUID].handles {
			is := func(c change[heldHandle]) bool { return c.before == h }
			if h != nil && !slices.ContainsFunc(p.taken, is) && !slices.ContainsFunc(p.given, is) {
				p.idle = append(p.idle, h)
			}
		}
	}
}

func (a *deviceActor) offer(m *proposeDevice, p *deviceProposal) {
	for _, c := range p.taken {
		a.sets[c.before.Deployable].offered.set(c.before.Order)
	}
	a.offers = append(a.offers, &deviceOffer{op: m.op, made: a.sys.now(), deviceProposal: p})
	m.answer(p)
}

// admit refuses what would be refused whoever else wants something.
func (a *deviceActor) admit(wants []handleWant) error {
	if len(wants) == 0 {
		return nil
	}
	if a.dev.Disabled {
		return Refuse(CodeConflict, "the device %s is disabled and takes no new bind", a.dev.UUID)
	}
	if a.dev.Missing {
		return Refuse(CodeConflict, "the device %s is not on its host any more", a.dev.UUID)
	}
	if err := a.dev.quarantine(wants); err != nil {
		return err
	}
	if a.awaited {
		return a.awaitsHost()
	}
	if err := a.sys.hostGives(a.dev.Hostname); err != nil {
		return err
	}
	for _, w := range wants {
		dep := a.dev.deployable(w.deployable)
		if dep == nil {
			return Refuse(CodeNotFound, "the deployable %s is gone", w.deployable)
		}
		if err := a.checkHost(w.hostname); err != nil {
			return err
		}
		if err := dep.fits(w.arq.Group); err != nil {
			return err
		}
		if err := a.admitDuringLoad(dep, w.image); err != nil {
			return err
		}
	}
	return nil
}

func (a *deviceActor) awaitsHost() error {
	return Refuse(CodeConflict, "the store was restored from a backup and the host %s has not reported since: "+
		"its devices take no bind and no image yet", a.dev.Hostname)
}

// admitDuringLoad lets those join who want the image that is being loaded.
func (a *deviceActor) admitDuringLoad(dep *Deployable, wanted uuid.UUID) error {
	loading, busy := a.jobs.loading(dep.UUID)
	if !busy {
		return dep.cutShort()
	}
	if wanted != loading {
		return Refuse(CodeConflict, "the deployable %s is being programmed with another image", dep.Name)
	}
	return nil
}

func (a *deviceActor) checkHost(hostname string) error {
	if hostname == a.dev.Hostname || a.sys.opts.HostCheck == HostCheckOff {
		return nil
	}
	if h := a.sys.host(a.dev.Hostname); h != nil && hostname == h.Provider {
		return nil // what Nova calls the host
	}
	if a.sys.opts.HostCheck == HostCheckWarn {
		a.sys.log.Warn("bound to a host that is not the device's",
			"hostname", hostname, "device_hostname", a.dev.Hostname, "device", a.dev.UUID)
		return nil
	}
	return Refuse(CodeConflict, "hostname %s: the device is on host %s", hostname, a.dev.Hostname)
}

// offering says whether there is such a proposal among those that others wait
// for.
func (a *deviceActor) offering(such func(*deviceOffer) bool) bool {
	return slices.ContainsFunc(a.offers, func(o *deviceOffer) bool { return !o.expired && such(o) })
}

// givenBack says whether handles are perhaps about to be given back, or have been
// and readers know it before this actor does.
func (a *deviceActor) givenBack() bool {
	return slices.ContainsFunc(a.offers, func(o *deviceOffer) bool {
		return len(o.given) > 0 && (!o.expired || a.published(o))
	})
}

// overtaken says whether something has been decided that readers know before this
// actor does. Its operation is about to tell.
func (a *deviceActor) overtaken() bool { return slices.ContainsFunc(a.offers, a.published) }

// published says whether readers know more of the handles of an offer than this
// actor.
func (a *deviceActor) published(o *deviceOffer) bool {
	changes := o.taken
	if len(changes) == 0 {
		changes = o.given
	}
	if len(changes) == 0 { // a refusal
		return false
	}
	known := a.handles[changes[0].before.UUID]
	return known != nil && a.sys.dir.handleGeneration(known.UUID) > known.Generation
}

// wanted counts wants by deployable.
func wanted(wants []handleWant) map[uuid.UUID]int {
	n := map[uuid.UUID]int{}
	for _, w := range wants {
		n[w.deployable]++
	}
	return n
}

// away gives the handles that are not free of the deployables that have too
// few.
func (a *deviceActor) away(wants []handleWant) []*heldHandle {
	var away []*heldHandle
	for dep, n := range wanted(wants) {
		if set := a.sets[dep]; set.nfree < n {
			away = append(away, set.away()...)
		}
	}
	return away
}

// pick chooses a handle for each want, lowest first. It gives nil when a
// deployable has too few, and false when it has enough of them, but not now.
func (a *deviceActor) pick(wants []handleWant) ([]*heldHandle, bool) {
	if len(wants) == 0 {
		return []*heldHandle{}, true
	}
	other := func(w handleWant) bool { return w.deployable != wants[0].deployable }
	if slices.ContainsFunc(wants, other) {
		return a.pickOfSeveral(wants)
	}
	set, n := a.sets[wants[0].deployable], len(wants)
	if set.nfree < n {
		return nil, true
	}
	picked := set.pick(n)
	if len(picked) < n {
		return nil, false
	}
	return picked, true
}

func (a *deviceActor) pickOfSeveral(wants []handleWant) ([]*heldHandle, bool) {
	free, wait := map[uuid.UUID][]*heldHandle{}, false
	for dep, n := range wanted(wants) {
		set := a.sets[dep]
		if set.nfree < n {
			return nil, true
		}
		free[dep] = set.pick(n)
		wait = wait || len(free[dep]) < n
	}
	if wait {
		return nil, false
	}
	picked := make([]*heldHandle, 0, len(wants))
	for _, w := range wants {
		picked = append(picked, free[w.deployable][0])
		free[w.deployable] = free[w.deployable][1:]
	}
	return picked, true
}

// undecided says whether a handle is in a proposal whose outcome this actor has
// not heard of. It may be durable, and others may know already.
func (a *deviceActor) undecided(handle uuid.UUID) bool {
	is := func(c change[heldHandle]) bool { return c.before.UUID == handle }
	return slices.ContainsFunc(a.offers, func(o *deviceOffer) bool {
		return slices.ContainsFunc(o.taken, is) || slices.ContainsFunc(o.given, is)
	})
}

// give proposes a handle's release. While the device works on it, or when it
// has to be cleaned up, it is not free at once. It says false when, as far as
// this actor knows, the ARQ does not hold the handle: that is a race, or else it is
// said again (see operation_lacked.go).
func (a *deviceActor) give(g handleGive) (change[heldHandle], bool) {
	h := a.handles[g.handle]
	if h == nil || h.State != handleTaken || h.Holder != g.arq {
		return change[heldHandle]{}, false
	}
	given, event := *h, evGive
	if undo := a.undoOf(h); undo != undoNothing {
		given.Undo, event = undo, evRelease
	}
	if event == evGive && (a.gone[h.UUID] || a.dev.Missing) {
		event = evGiveGone
	}
	if a.jobs.prepares(h.UUID) {
		event = evRelease
	}
	given.State, _ = h.State.next(event)
	given.Holder = uuid.Nil
	return change[heldHandle]{h, &given}, true
}
