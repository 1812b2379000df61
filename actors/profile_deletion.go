package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/arqd/arqd/persistence"
)

// profileDeletion is one DELETE of device profiles, all or nothing.
type profileDeletion struct {
	sys       *System
	round     round
	names     []string // names or uuids, as the client gave them
	promise   promise[struct{}]
	profiles  []*Profile
	errs      []error
	awaited   int
	done      bool
	submitted bool
}

func (o *profileDeletion) receive(ctx actor.Context, msg any) {
	if _, is := msg.(begin); is {
		o.round = round{ctx.Self(), o.sys.nextRound()}
	}
	o.hear(msg)
}

func (o *profileDeletion) hear(msg any) {
	switch m := msg.(type) {
	case begin:
		o.gather()
	case *profileProposal:
		o.proposed(m)
	case withdraw:
		if m.round == o.round.number && !o.submitted {
			o.finish(false, Refuse(CodeUnavailable, "a device profile is busy; try again"))
		}
	case *batchDone:
		o.decided(m)
	}
}

func (o *profileDeletion) over() bool { return o.done }

func (o *profileDeletion) abort(err error) { o.finish(false, err) }

func (o *profileDeletion) gather() {
	for _, name := range o.names {
		p, ok := o.sys.findProfile(name)
		if !ok {
			o.finish(false, profileNotFound(name))
			return
		}
		if !slices.Contains(o.profiles, p) {
			o.profiles = append(o.profiles, p)
		}
	}
	o.errs = make([]error, len(o.profiles))
	o.awaited = len(o.profiles)
	for i, p := range o.profiles {
		if !o.sys.profiles.tell(p.UUID, &proposeDeletion{op: o.round, engine: o.sys.engine, index: i}) {
			o.errs[i] = profileNotFound(p.Name)
			o.awaited--
		}
	}
	o.proceed()
}

func (o *profileDeletion) proposed(m *profileProposal) {
	if m.round != o.round.number {
		return
	}
	o.profiles[m.index], o.errs[m.index] = m.profile, m.err
	o.awaited--
	o.proceed()
}

func (o *profileDeletion) proceed() {
	if o.awaited > 0 || o.done {
		return
	}
	b := relief()
	for i, err := range o.errs {
		if err != nil {
			o.finish(false, err)
			return
		}
		b.deleteProfile(o.profiles[i])
	}
	to := o.round
	o.submitted = true
	o.sys.submit(b, func(r persistence.Result) {
		o.sys.engine.tell(to.pid, &batchDone{to.number, b, r})
	})
}

func (o *profileDeletion) decided(m *batchDone) {
	if m.round == o.round.number {
		err := storeError(m.result)
		o.finish(err == nil, err)
	}
}

func (o *profileDeletion) finish(won bool, err error) {
	for i, p := range o.profiles {
		if p != nil && i < len(o.errs) && o.errs[i] == nil {
			o.sys.profiles.tell(p.UUID, &decided{op: o.round, won: won})
		}
	}
	o.promise.resolve(struct{}{}, err)
	o.done = true
}
