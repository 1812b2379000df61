package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/arqd/arqd/persistence"
)

// profileDeletion is one DELETE of device profiles, all or nothing.
type profileDeletion struct {
	sys       *System
	self      *actor.PID
	names     []string // names or uuids, as the client gave them
	promise   promise[struct{}]
	profiles  []*Profile
	errs      []error
	awaited   int
	done      bool
	submitted bool
}

func (o *profileDeletion) receive(ctx actor.Context, msg any) {
	o.self = ctx.Self()
	switch m := msg.(type) {
	case begin:
		o.gather()
	case *profileProposal:
		o.profiles[m.index], o.errs[m.index] = m.profile, m.err
		o.awaited--
		o.proceed()
	case withdraw:
		if !o.submitted {
			o.finish(false, Refuse(CodeUnavailable, "a device profile is busy; try again"))
		}
	case *batchDone:
		o.decided(m)
	}
	if o.done {
		ctx.Stop(ctx.Self())
	}
}

func (o *profileDeletion) abort(ctx actor.Context, err error) {
	o.finish(false, err)
	ctx.Stop(ctx.Self())
}

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
		if !o.sys.profiles.tell(p.UUID, &proposeDeletion{op: o.self, engine: o.sys.engine, index: i}) {
			o.errs[i] = profileNotFound(p.Name)
			o.awaited--
		}
	}
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
	self := o.self
	o.submitted = true
	o.sys.submit(b, func(r persistence.Result) {
		o.sys.engine.tell(self, &batchDone{batch: b, result: r})
	})
}

func (o *profileDeletion) decided(m *batchDone) {
	err := storeError(m.result)
	o.finish(err == nil, err)
}

func (o *profileDeletion) finish(won bool, err error) {
	for i, p := range o.profiles {
		if p != nil && i < len(o.errs) && o.errs[i] == nil {
			o.sys.profiles.tell(p.UUID, &decided{op: o.self, won: won})
		}
	}
	o.promise.resolve(struct{}{}, err)
	o.done = true
}
