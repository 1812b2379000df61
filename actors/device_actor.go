package actors

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// deviceActor owns one physical device: its record, and who holds which of
// its attach handles. It alone offers handles; work on the hardware is done
// one command at a time, off the mailbox.
type deviceActor struct {
	sys     *System
	self    *actor.PID
	dev     *Device // committed
	sets    map[uuid.UUID]*handleSet
	handles map[uuid.UUID]*heldHandle // committed
	room    *handleRoom               // that they take
	offers  []*deviceOffer            // undecided proposals
	waiting []any                     // what cannot be served yet, in order
	patient bool                      // a timer watches over undecided proposals
	writing bool                      // a change of dev is undecided
	awaited bool                      // its host has to report first: see restoration.go
	serving any                       // the one of waiting that is being served
	jobs    jobQueue
	// releasing are the handles to be cleaned up; true: under way.
	releasing map[uuid.UUID]bool
	gone      map[uuid.UUID]bool                 // held, or in a proposal, and not reported by the host any more
	back      map[uuid.UUID]devices.AttachHandle // as it is reported, which is not on record yet
	parts     map[uuid.UUID]*missingPart
	makers    map[uuid.UUID]uuid.UUID // the commands that have made what goes with handles
	left      bool                    // its record is gone
	leaving   losses                  // of races, as it leaves
	boot      string                  // the last start of its host that it was told of
	chores    map[chore]bool          // that are under way, or wait for the next try
	fell      bool                    // it was lost once more since that began
	pulse     pulse
	recovery  func()                // stops the timer of the next look at it
	unwritten [healthSources]func() // stop those after which what was said is heard again
	flagged   int                   // holders that are counted as having something of a quarantined device
}

// deviceOffer is an undecided proposal, or the refusal of one for lack of
// handles, as long as the failure is not written.
type deviceOffer struct {
	op      round
	made    time.Time
	expired bool
	*deviceProposal
}

func newDeviceActor(sys *System, dev *Device, handles []*heldHandle) *deviceActor {
	a := &deviceActor{
		sys: sys, dev: dev,
		sets:      make(map[uuid.UUID]*handleSet),
		handles:   make(map[uuid.UUID]*heldHandle, len(handles)),
		room:      &handleRoom{},
		releasing: make(map[uuid.UUID]bool),
		gone:      make(map[uuid.UUID]bool),
		back:      make(map[uuid.UUID]devices.AttachHandle),
		chores:    make(map[chore]bool),
		parts:     make(map[uuid.UUID]*missingPart),
		makers:    make(map[uuid.UUID]uuid.UUID),
	}
	for _, dep := range dev.Deployables {
		a.sets[dep.UUID] = &handleSet{}
	}
	for _, h := range handles {
		a.adoptHandle(h)
	}
	return a
}

func (a *deviceActor) receive(ctx actor.Context, msg any) {
	a.self = ctx.Self()
	switch m := msg.(type) {
	case *decided:
		a.decided(m)
	case offerExpired:
		a.patient = false
		a.expireOffers()
	case *deviceWritten:
		a.written(m)
	case *handleCleaned:
		a.cleaned(m)
	case commandDone:
		a.jobs.finished(a, m.function, m.err)
	case cleanUp:
		a.jobs.start(a)
		a.resumeCleaning(m.failed)
	case hostArrived:
		a.awaited = false
		a.cleanUp()
	case chore:
		delete(a.chores, m)
	default:
		a.waiting = append(a.waiting, m)
	}
	defer a.flag()
	if a.left {
		a.refuseAll()
		return
	}
	a.putRight()
	a.reload()
	a.remake()
	a.serveWaiting()
	a.leaveIfGone()
	a.dropParts()
}

// serveWaiting serves in order of arrival, as far as it gets.
func (a *deviceActor) serveWaiting() {
	for len(a.waiting) > 0 && !a.writing {
		a.serving, a.waiting = a.waiting[0], a.waiting[1:]
		if !a.serve(a.serving) {
			a.waiting = slices.Insert(a.waiting, 0, a.serving)
			a.watchOffers()
			return
		}
	}
}

// abort answers the one whose message panicked, and goes on with the others.
func (a *deviceActor) abort(err error) {
	if f, ok := a.serving.(failer); ok {
		f.fail(err)
	}
}

// serve does what a message asks, or says false: not before a proposal that
// is undecided has been decided, and this actor has heard of it.
func (a *deviceActor) serve(msg any) bool {
	if m, ok := msg.(*proposeDevice); ok {
		return a.propose(m)
	}
	if a.changing() || a.overtaken() {
		return false
	}
	switch m := msg.(type) {
	case *program:
		a.program(m)
	case *setEnabled:
		a.setEnabled(m)
	case *addAttribute:
		a.addAttribute(m)
	case *dropAttribute:
		a.dropAttribute(m)
	case *refresh:
		a.refresh(m)
	case *recordImage:
		a.recordImage(m)
	case remade:
		a.recordRemade()
	case *hostRebooted:
		a.rebooted(m)
	case *examined:
		a.examined(m)
	case healthDue:
		a.recover()
	case *vanish:
		if a.offering(func(*deviceOffer) bool { return true }) {
			return false
		}
		a.vanish(m)
	}
	return true
}

// changing says whether an undecided proposal alters the device's record:
// another change now would make one of the two lose.
func (a *deviceActor) changing() bool {
	return a.offering(func(o *deviceOffer) bool { return o.device != nil })
}

// watchOffers sees to it that nobody waits long for an undecided proposal.
func (a *deviceActor) watchOffers() {
	if !a.patient {
		a.patient = true
		self := a.self
		a.sys.after(offerPatience, func() { a.sys.engine.tell(self, offerExpired{}) })
	}
}

// decided adopts what was won, or takes the offer back.
func (a *deviceActor) decided(m *decided) {
	i := slices.IndexFunc(a.offers, func(o *deviceOffer) bool { return o.op == m.op })
	if i < 0 {
		return
	}
	o := a.offers[i]
	a.offers = slices.Delete(a.offers, i, i+1)
	a.unmark(o)
	if !m.won {
		return
	}
	if o.device != nil {
		a.dev = o.device.after
	}
	for _, c := range o.taken {
		a.adoptHandle(c.after)
	}
	for _, c := range o.given {
		a.adoptHandle(c.after)
		a.toldBack(c.after)
	}
	if len(o.commands) > 0 {
		a.prepare(o)
	}
	a.cleanUp()
}

// unmark makes the handles of an offer available to others again.
func (a *deviceActor) unmark(o *deviceOffer) {
	if o.expired {
		return
	}
	for _, c := range o.taken {
		a.sets[c.before.Deployable].offered.clear(c.before.Order)
	}
}

// expireOffers gives up waiting for operations that take long. They may still
// win; then whoever was offered the same handles loses and asks again.
func (a *deviceActor) expireOffers() {
	limit := a.sys.now().Add(-offerPatience)
	for _, o := range a.offers {
		if !o.expired && !o.made.After(limit) {
			a.unmark(o)
			o.expired = true
		}
	}
}

func (a *deviceActor) adoptHandle(h *heldHandle) {
	known := a.handles[h.UUID]
	if known != nil && known.Generation >= h.Generation {
		return
	}
	a.room.replace(known, h)
	a.handles[h.UUID] = h
	if h.State != handleReleasing {
		delete(a.releasing, h.UUID)
	} else if _, known := a.releasing[h.UUID]; !known {
		a.releasing[h.UUID] = false
	}
	a.set(h.Deployable).set(h)
}

// write stores a change of the device's record, and what goes with it. Until
// the store has decided, nothing else is served.
func (a *deviceActor) write(b *batch, then func(error)) {
	a.writing = true
	self := a.self
	a.sys.submit(b, func(r persistence.Result) {
		a.sys.engine.tell(self, &deviceWritten{batch: b, result: r, then: then})
	})
}

func (a *deviceActor) written(m *deviceWritten) {
	a.writing = false
	if m.result.Outcome == persistence.Won {
		for _, c := range m.batch.devices {
			if c.after != nil {
				a.dev = c.after
			}
		}
		for _, c := range m.batch.handles {
			a.adoptChange(c)
		}
	}
	m.then(storeError(m.result))
}

func (a *deviceActor) adoptChange(c change[heldHandle]) {
	if c.after != nil {
		a.adoptHandle(c.after)
		return
	}
	a.forgetHandle(c.before)
}
