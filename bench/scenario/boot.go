package scenario

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

// pollPause is between two looks at a bind that is under way.
const pollPause = 100 * time.Millisecond

// boot is the life of instances. A storm is the same at a rate that rises.
func (r *run) boot() ([]stage, error) {
	p, err := r.booting()
	return []stage{{phases: []phase{p}}}, err
}

func (r *run) booting() (phase, error) {
	if err := r.findPlaces(); err != nil {
		return phase{}, err
	}
	profile, err := r.profileOf(r.ARQs)
	p := phase{name: "boot", plan: r.plan(), step: func(w *work) {
		r.life(w, profile, <-r.places) // there is one: no more workers than places
	}}
	if p.plan.Workers > cap(r.places) {
		p.plan.Workers = cap(r.places)
		r.note("the devices have room for %d instances with %d ARQs each: no more are booted at a time", cap(r.places), r.ARQs)
	}
	return p, err
}

// findPlaces learns where instances fit in.
func (r *run) findPlaces() error {
	if r.places != nil {
		return nil
	}
	all, err := r.calm.Places(r.ctx, r.Class)
	if err != nil {
		return err
	}
	var places []rest.Place
	for round := 1; ; round++ { // over all devices in turn
		before := len(places)
		for _, p := range all {
			if (r.Host == "" || p.Hostname == r.Host) && p.Handles >= round*r.ARQs {
				places = append(places, p)
			}
		}
		if len(places) == before {
			break
		}
	}
	if len(places) == 0 {
		return fmt.Errorf("no device with %d accelerators of class %s: bind nothing, or name another --class or --host", r.ARQs, r.Class)
	}
	r.places = make(chan rest.Place, len(places))
	for _, p := range places {
		r.places <- p
	}
	return nil
}

// life is the calls that Nova makes for an instance: the profile, the ARQs, the
// bind, the look at it, and the end. The operation of the boot ends when the
// guest could start.
func (r *run) life(w *work, profile string, place rest.Place) {
	begin := w.start
	defer func() { r.places <- place }()
	outcome := r.bringUp(w, profile, place)
	w.rec.Sum("boot", outcome.text, outcome.bound, outcome.at.Sub(begin), len(outcome.ids))
	if len(outcome.ids) == 0 {
		return
	}
	a := w.call("delete", func() rest.Answer {
		if outcome.given != refused {
			return r.Client.DeleteOfInstance(w.ctx, outcome.instance)
		}
		return r.Client.Delete(w.ctx, outcome.ids...)
	}, func(*rest.Answer) int { return len(outcome.ids) })
	if a.OK() && outcome.given != unknown {
		r.ledger.gone(outcome.ids...)
		r.ledger.goneInstance(outcome.instance)
	}
}

// given tells whether an instance was given its ARQs.
type given int

const (
	refused given = iota // it has none, so that nothing can be deleted by it
	taken
	unknown
)

// booted is what became of a boot.
type booted struct {
	ids      []uuid.UUID
	instance uuid.UUID
	given    given
	bound    bool
	text     string
	at       time.Time
}

func (r *run) bringUp(w *work, profile string, place rest.Place) (b booted) {
	defer func() { b.at = w.start }()
	failed := func(step string, a *rest.Answer) booted {
		b.text = step + ": " + a.Outcome
		return b
	}
	a := w.call("profile", func() rest.Answer { return r.Client.FindProfile(w.ctx, profile) }, nil)
	if !a.OK() {
		return failed("profile", &a)
	}
	if b.ids, a = r.make(w, "create", rest.CreateBody(profile), false); len(b.ids) == 0 {
		return failed("create", &a)
	}
	b.instance = uuid.New()
	r.ledger.addInstance(b.instance)
	waiter := r.expect(b.instance, b.ids)
	defer r.forget(b.instance)
	asked := w.start
	a = w.call("bind", func() rest.Answer {
		return r.Client.Bind(w.ctx, rest.Binding{Hostname: place.Hostname, Provider: place.Provider, Instance: b.instance}, b.ids...)
	}, func(*rest.Answer) int { return len(b.ids) })
	switch {
	case a.Unanswered():
		b.given = unknown
		return failed("bind", &a)
	case !a.OK():
		return failed("bind", &a)
	}
	b.given = taken
	r.ledger.gave(b.instance, b.ids)
	if waiter != nil {
		if b.text = r.awaitEvent(w, waiter, asked, len(b.ids)); b.text != "" {
			return b
		}
	}
	b.text, b.bound = r.awaitBound(w, b.instance, len(b.ids))
	return b
}

// awaitBound looks at the ARQs of an instance until they are settled.
func (r *run) awaitBound(w *work, instance uuid.UUID, n int) (outcome string, bound bool) {
	deadline := time.Now().Add(r.BindTime)
	for operation := "show"; ; operation = "poll" {
		var arqs []rest.ARQ
		a := w.call(operation, func() rest.Answer { return r.Client.OfInstance(w.ctx, instance) }, func(a *rest.Answer) int {
			var err error
			if arqs, err = rest.ReadARQs(*a); err != nil || len(arqs) != n {
				*a = rest.Answer{Outcome: rest.OutcomeUnreadable, Err: err}
			}
			return len(arqs)
		})
		if !a.OK() {
			return operation + ": " + a.Outcome, false
		}
		if settled, state := settledAs(arqs); settled {
			return state, state == "Bound"
		}
		if time.Now().After(deadline) {
			return "not settled in time", false
		}
		select {
		case <-time.After(pollPause):
		case <-w.ctx.Done():
			return "interrupted", false
		}
	}
}

// settledAs gives the state of ARQs that are all resolved: Bound, or that of
// one which is not.
func settledAs(arqs []rest.ARQ) (settled bool, state string) {
	state = "Bound"
	for i := range arqs {
		if !arqs[i].Resolved() {
			return false, ""
		}
		if arqs[i].State != "Bound" {
			state = arqs[i].State
		}
	}
	return true, state
}
