package actors

import (
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// profileActor owns one device profile. Creating ARQs is a message to it, and
// so ordered with its deletion; it hands them to the store without waiting.
type profileActor struct {
	sys     *System
	id      uuid.UUID
	slot    *pidSlot
	profile *Profile // committed; nil before it is created and once deleted
	// creating counts the creates on their way to disk. The store's completer
	// lowers it, and wakes the actor when somebody waits for zero.
	creating atomic.Int64
	awaited  atomic.Bool
	offered  round // a deletion that is undecided
	waiting  []any
	gone     bool
}

func (s *System) activateProfile(id uuid.UUID, slot *pidSlot) temporary {
	p, ok := s.dir.profile(id)
	if !ok {
		return nil
	}
	return &profileActor{sys: s, id: id, slot: slot, profile: p}
}

func (a *profileActor) over() bool { return a.gone }

func (a *profileActor) receive(_ actor.Context, msg any) {
	defer a.sys.profiles.handled(a.id, a.slot)
	switch m := msg.(type) {
	case *createARQs, *proposeDeletion:
		a.waiting = append(a.waiting, m)
		a.serveWaiting()
	case *decided:
		a.decided(m)
	case deletionIsLong:
		if a.offered == m.op {
			a.sys.engine.tell(m.op.pid, withdraw{m.op.number})
		}
	case createsSettled:
		a.awaited.Store(false)
		a.serveWaiting()
	case passivate:
		a.leave()
	}
}

func (a *profileActor) serveWaiting() {
	for len(a.waiting) > 0 && a.offered == (round{}) {
		next := a.waiting[0]
		a.waiting = a.waiting[1:]
		switch m := next.(type) {
		case *createARQs:
			a.create(m)
		case *proposeDeletion:
			if !a.propose(m) {
				a.waiting = slices.Insert(a.waiting, 0, next)
				return
			}
		}
	}
	if a.offered != (round{}) && len(a.waiting) > 0 {
		op := a.offered
		a.sys.after(offerPatience, func() { a.sys.profiles.tell(a.id, deletionIsLong{op}) })
	}
}

// create makes the ARQs: for each group as many as it asks for.
func (a *profileActor) create(m *createARQs) {
	if a.profile == nil { // deleted, or made anew with the same uuid
		a.profile, _ = a.sys.dir.profile(a.id)
	}
	if a.profile == nil {
		m.fail(profileNotFound(m.request.ProfileName))
		return
	}
	b := newBatch()
	b.check(profileKey(a.id), a.profile.Generation)
	now, project := a.sys.unix(), intern(m.request.ProjectID)
	made := make([]*ARQ, 0, a.profile.amount())
	for _, g := range a.profile.Groups {
		for range g.amount() {
			arq := &ARQ{UUID: uuid.Must(uuid.NewV7()), ProjectID: project, Group: g, CreatedAt: now}
			b.putARQ(nil, arq)
			made = append(made, arq)
		}
	}
	if len(made) == 0 {
		m.answer(made, nil)
		return
	}
	a.creating.Add(1)
	a.sys.submit(b, func(r persistence.Result) {
		a.settled()
		if err := createError(r, m.request.ProfileName); err != nil {
			m.fail(err)
			return
		}
		m.answer(made, nil)
	})
}

// settled runs on the store's completer.
func (a *profileActor) settled() {
	if a.creating.Add(-1) == 0 && a.awaited.Load() {
		a.sys.profiles.tell(a.id, createsSettled{})
	}
}

func createError(r persistence.Result, name string) error {
	if r.Outcome == persistence.Lost && r.Err == nil {
		return profileNotFound(name) // it was deleted meanwhile
	}
	return storeError(r)
}

// propose answers a deletion, or says false: creates are on their way, and a
// refusal must rest on what is committed.
func (a *profileActor) propose(m *proposeDeletion) bool {
	if a.profile == nil {
		m.fail(profileNotFound(a.id.String()))
		return true
	}
	a.awaited.Store(true)
	if a.creating.Load() > 0 {
		return false
	}
	a.awaited.Store(false)
	if n := a.sys.dir.usersOf(a.profile); n > 0 {
		m.fail(Refuse(CodeConflict, "device profile %s is used by %d accelerator requests", a.profile.Name, n))
		return true
	}
	a.offered = m.op
	m.answer(a.profile, nil)
	return true
}

func (a *profileActor) decided(m *decided) {
	if m.won {
		a.profile = nil
	}
	if a.offered == m.op {
		a.offered = round{}
	}
	a.waiting = slices.DeleteFunc(a.waiting, func(w any) bool { // it gave up before it was answered
		p, ok := w.(*proposeDeletion)
		return ok && p.op == m.op
	})
	a.serveWaiting()
	if a.profile == nil {
		a.leave()
	}
}

func (a *profileActor) leave() {
	a.gone = a.offered == (round{}) && len(a.waiting) == 0 && a.creating.Load() == 0 && a.sys.profiles.leave(a.id, a.slot)
}

func profileNotFound(name string) error {
	return Refuse(CodeNotFound, "device profile %.255s not found", name)
}
