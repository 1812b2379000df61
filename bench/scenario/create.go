package scenario

import (
	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

// create is bulk: a POST for so many ARQs each.
func (r *run) create() ([]stage, error) {
	p, err := r.creating("create", r.ARQs, false)
	return []stage{{phases: []phase{p}}}, err
}

// creating is a phase that makes ARQs; those that stay are kept to the end of
// the run, others to that of the repetition.
func (r *run) creating(name string, n int, stay bool) (phase, error) {
	profile, err := r.profileOf(n)
	body := rest.CreateBody(profile)
	return phase{name: name, plan: r.plan(), step: func(w *work) {
		_, _ = r.make(w, name, body, stay)
	}}, err
}

// profileOf gives the profile of n ARQs, which is made once.
func (r *run) profileOf(n int) (string, error) {
	if name, made := r.profiles[n]; made {
		return name, nil
	}
	name, err := r.makeProfile(n)
	if err == nil {
		r.profiles[n] = name
	}
	return name, err
}

// make makes ARQs. An answer of success that cannot be read is no success.
func (r *run) make(w *work, operation string, body []byte, stay bool) ([]uuid.UUID, rest.Answer) {
	var ids []uuid.UUID
	a := w.call(operation, func() rest.Answer { return r.Client.CreateARQs(w.ctx, body) }, func(a *rest.Answer) int {
		ids = readIDs(a)
		return len(ids)
	})
	r.ledger.created(&a, ids, stay)
	return ids, a
}

// readIDs reads the ARQs of an answer of success, and marks one that has none.
func readIDs(a *rest.Answer) []uuid.UUID {
	arqs, err := rest.ReadARQs(*a)
	if err != nil || len(arqs) == 0 {
		*a = rest.Answer{Outcome: rest.OutcomeUnreadable, Err: err}
		return nil
	}
	ids := make([]uuid.UUID, len(arqs))
	for i := range arqs {
		ids[i] = arqs[i].UUID
	}
	return ids
}
