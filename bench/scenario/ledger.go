package scenario

import (
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

// ledger is what a run has made and not yet deleted.
type ledger struct {
	mu        sync.Mutex
	profiles  []string
	arqs      map[uuid.UUID]bool        // those to stay to the end of the run: true
	instances map[uuid.UUID][]uuid.UUID // what they were given
	unsure    int                       // creates that may have made something
}

func newLedger() *ledger {
	return &ledger{arqs: map[uuid.UUID]bool{}, instances: map[uuid.UUID][]uuid.UUID{}}
}

func (l *ledger) addProfile(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.profiles = append(l.profiles, name)
}

// created takes note of the answer to a create.
func (l *ledger) created(a *rest.Answer, ids []uuid.UUID, stay bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Unanswered() || a.OK() && len(ids) == 0 || a.Status >= 500 {
		l.unsure++
	}
	for _, id := range ids {
		l.arqs[id] = stay
	}
}

func (l *ledger) gone(ids ...uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		delete(l.arqs, id)
	}
}

// addInstance takes note of an instance that ARQs are to be bound to.
func (l *ledger) addInstance(instance uuid.UUID) { l.gave(instance, nil) }

// gave takes note of ARQs that an instance was given.
func (l *ledger) gave(instance uuid.UUID, ids []uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances[instance] = ids
}

func (l *ledger) goneInstance(instance uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.instances, instance)
}

// instancesLeft gives the instances, with their ARQs.
func (l *ledger) instancesLeft() map[uuid.UUID][]uuid.UUID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.instances)
}

// passing gives the ARQs that need not stay; all: those that should, too.
func (l *ledger) passing(all bool) (ids []uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, stays := range l.arqs {
		if all || !stays {
			ids = append(ids, id)
		}
	}
	return ids
}

// rest gives what else there is.
func (l *ledger) rest() (profiles []string, unsure int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.profiles), l.unsure
}
