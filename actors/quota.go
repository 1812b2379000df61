package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
)

// Quota bounds the ARQs of each project; 0: no bound. A create that would
// exceed it is refused with CodeForbidden. What makes an ARQ unbound later,
// such as an unbind, is never refused for it.
type Quota struct {
	ARQs    int // in any state
	Unbound int // neither Bound nor on the way there
}

func (q Quota) limits() bool { return q.ARQs > 0 || q.Unbound > 0 }

// unbound says whether an ARQ counts against Quota.Unbound.
func (a *ARQ) unbound() bool { return a.stored() != Bound && a.stored() != BindStarted }

// admitCreate asks a project's actor to have ARQs of a profile created.
type admitCreate struct {
	create  *createARQs
	profile uuid.UUID
	count   int
}

func (m *admitCreate) fail(err error) { m.create.fail(err) }

// createdOrNot tells a project's actor that the outcome of a create is known,
// and published.
type createdOrNot struct{ count int }

// projectActor lets creates of one project through, one after the other. What
// is on its way to disk counts as if it were there; but a refusal rests on what
// is there, and waits until nothing is on its way. It exists only where there is
// a quota.
type projectActor struct {
	sys     *System
	id      uuid.UUID
	slot    *pidSlot
	coming  int // ARQs that were let through, and are not decided
	waiting []*admitCreate
	gone    bool
}

// projectID is the address of a project's actor.
func projectID(project string) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(project)) }

func (s *System) activateProject(id uuid.UUID, slot *pidSlot) temporary {
	return &projectActor{sys: s, id: id, slot: slot}
}

func (a *projectActor) over() bool { return a.gone }

func (a *projectActor) receive(_ actor.Context, msg any) {
	defer a.sys.projects.handled(a.id, a.slot)
	switch m := msg.(type) {
	case *admitCreate:
		a.waiting = append(a.waiting, m)
	case createdOrNot:
		a.coming -= m.count
	case passivate:
		a.gone = a.coming == 0 && len(a.waiting) == 0 && a.sys.projects.leave(a.id, a.slot)
	}
	for len(a.waiting) > 0 && a.admit(a.waiting[0]) {
		a.waiting = a.waiting[1:]
	}
}

// admit lets a create through or refuses it, or says false: that depends on
// what is on its way.
func (a *projectActor) admit(m *admitCreate) bool {
	err := a.check(m.create.request.ProjectID, m.count)
	switch {
	case err != nil && a.coming > 0:
		return false
	case err != nil:
		m.fail(err)
		return true
	}
	a.coming += m.count
	m.create.settled = func() { a.sys.projects.tell(a.id, createdOrNot{m.count}) }
	if !a.sys.profiles.tell(m.profile, m.create) {
		m.fail(profileNotFound(m.create.request.ProfileName))
	}
	return true
}

func (a *projectActor) check(project string, count int) error {
	all, unbound := a.sys.dir.countOf(project)
	for _, limit := range []struct {
		name       string
		most, used int
	}{
		{"max_arqs_per_project", a.sys.opts.Quota.ARQs, all},
		{"max_unbound_arqs_per_project", a.sys.opts.Quota.Unbound, unbound},
	} {
		if used := limit.used + a.coming; limit.most > 0 && used+count > limit.most {
			return Refuse(CodeForbidden, "quota %s exceeded: the project has %d of %d and asks for %d more",
				limit.name, used, limit.most, count)
		}
	}
	return nil
}

// createARQs makes the ARQs of a profile.
type createARQs struct {
	request CreateARQs
	promise promise[[]*ARQ]
	// settled, if there is any, is called once, before the answer.
	settled  func()
	answered atomic.Bool
}

func (m *createARQs) answer(made []*ARQ, err error) {
	if m.settled != nil && m.answered.CompareAndSwap(false, true) {
		m.settled()
	}
	m.promise.resolve(made, err)
}

func (m *createARQs) fail(err error) { m.answer(nil, err) }
