package badger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// ledger holds in memory what conditions are checked against: the generation
// of every record and the holder of every claim. Only the committer uses it,
// after Recover has built it. It is ahead of the disk by the batch that is
// being committed; nothing else ever looks at it, and after a failed commit
// nobody does.
type ledger struct {
	kinds  map[persistence.Kind]*shelf
	spaces map[string]*space
	tally  tally

	entered *shelf           // of the record that was entered last
	kind    persistence.Kind // its kind
}

// shelf is the part of the ledger for one kind. claims has an entry only for
// records that carry any.
type shelf struct {
	generations generations
	claims      map[uuid.UUID][]persistence.Claim
}

// holder is the record that carries a claim; a pointer in place of the kind's
// text saves 8 bytes a claim.
type holder struct {
	shelf *shelf
	id    uuid.UUID
}

// space is the part of the ledger for the claims of one space.
type space struct {
	name    string
	holders map[string]holder
}

func newLedger() *ledger {
	return &ledger{
		kinds:  make(map[persistence.Kind]*shelf),
		spaces: make(map[string]*space),
	}
}

// shelf finds or makes the part for a kind.
func (l *ledger) shelf(kind persistence.Kind) *shelf {
	s := l.kinds[kind]
	if s == nil {
		s = &shelf{
			generations: newGenerations(),
			claims:      make(map[uuid.UUID][]persistence.Claim),
		}
		l.kinds[persistence.Kind(strings.Clone(string(kind)))] = s
	}
	return s
}

// space finds or makes the part for the claims of a space.
func (l *ledger) space(name string) *space {
	s := l.spaces[name]
	if s == nil {
		s = &space{name: strings.Clone(name), holders: make(map[string]holder)}
		l.spaces[s.name] = s
	}
	return s
}

// holder finds the record that carries a claim.
func (l *ledger) holder(c persistence.Claim) (holder, bool) {
	if s := l.spaces[c.Space]; s != nil {
		h, held := s.holders[c.Value]
		return h, held
	}
	return holder{}, false
}

func (l *ledger) generation(k persistence.Key) uint64 {
	if s := l.kinds[k.Kind]; s != nil {
		return uint64(s.generations.of(k.ID))
	}
	return 0
}

// records is the number of records that exist.
func (l *ledger) records() int { return int(l.tally.records) }

// holds reports whether all conditions of a valid transition hold.
func (l *ledger) holds(t *persistence.Transition) bool {
	for i := range t.Checks {
		if l.generation(t.Checks[i].Key) != t.Checks[i].Generation {
			return false
		}
	}
	for i := range t.Puts {
		if l.generation(t.Puts[i].Key) != t.Puts[i].Expected {
			return false
		}
	}
	for i := range t.Deletes {
		if l.generation(t.Deletes[i].Key) != t.Deletes[i].Expected {
			return false
		}
	}
	return l.claimsFree(t)
}

// claimsFree reports whether each claim of the puts is free, the record's own,
// or given up by another record of the same transition. No claim is twice in a
// valid transition: a holder that the transition writes either is the put
// itself or gives the claim up.
func (l *ledger) claimsFree(t *persistence.Transition) bool {
	for i := range t.Puts {
		for _, c := range t.Puts[i].Claims {
			if h, held := l.holder(c); held && !l.writes(t, h) {
				return false
			}
		}
	}
	return true
}

// writes reports whether the transition puts or deletes the holder. It is
// asked only for claims that are held, and mostly finds the first put.
func (l *ledger) writes(t *persistence.Transition, h holder) bool {
	for i := range t.Puts {
		if t.Puts[i].Key.ID == h.id && l.kinds[t.Puts[i].Key.Kind] == h.shelf {
			return true
		}
	}
	for i := range t.Deletes {
		if t.Deletes[i].Key.ID == h.id && l.kinds[t.Deletes[i].Key.Kind] == h.shelf {
			return true
		}
	}
	return false
}

// apply enters a transition that holds. Claims are given up before any is
// taken, so that one may move within the transition.
func (l *ledger) apply(t *persistence.Transition) {
	l.tally.apply(t)
	for i := range t.Deletes {
		s, id := l.shelf(t.Deletes[i].Key.Kind), t.Deletes[i].Key.ID
		l.release(s, id)
		s.generations.drop(id)
	}
	for i := range t.Puts {
		p := &t.Puts[i]
		s := l.shelf(p.Key.Kind)
		s.generations.set(p.Key.ID, generation(p.Expected+1))
		if len(s.claims) > 0 && !slices.Equal(s.claims[p.Key.ID], p.Claims) {
			l.release(s, p.Key.ID)
		}
	}
	for i := range t.Puts {
		p := &t.Puts[i]
		if len(p.Claims) == 0 {
			continue
		}
		s := l.kinds[p.Key.Kind]
		if _, unchanged := s.claims[p.Key.ID]; !unchanged {
			l.take(s, p.Key.ID, p.Claims)
		}
	}
}

// admit enters a record, and refuses one that cannot be there.
func (l *ledger) admit(r *persistence.Record) error {
	if l.entered != nil && (r.Key.Kind < l.kind || r.Key.Kind == l.kind && !l.entered.generations.follows(r.Key.ID)) {
		return fmt.Errorf("%w: %s is out of order", persistence.ErrCorrupt, r.Key)
	}
	if c, ok := l.enter(r); !ok {
		return fmt.Errorf("%w: %s carries the claim %s of another record", persistence.ErrCorrupt, r.Key, c)
	}
	return nil
}

// enter adds a record as Recover finds it, kind after kind, and reports the
// claim that another record carries already, if there is one.
func (l *ledger) enter(r *persistence.Record) (persistence.Claim, bool) {
	if l.entered == nil || l.kind != r.Key.Kind {
		l.entered, l.kind = l.shelf(r.Key.Kind), r.Key.Kind
	}
	s := l.entered
	s.generations.add(r.Key.ID, generation(r.Generation))
	l.tally.add(r.Key, r.Generation)
	if len(r.Claims) > 0 {
		return l.keep(s, r.Key.ID, r.Claims)
	}
	return persistence.Claim{}, true
}

// take copies the texts: those of the transition may be cut out of something
// large.
func (l *ledger) take(s *shelf, id uuid.UUID, claims []persistence.Claim) {
	own := make([]persistence.Claim, len(claims))
	for i, c := range claims {
		own[i] = persistence.Claim{Space: c.Space, Value: strings.Clone(c.Value)}
	}
	l.keep(s, id, own)
}

// keep enters claims whose texts, and the list, are the ledger's from now on. It
// reports a claim that was another's before.
func (l *ledger) keep(s *shelf, id uuid.UUID, own []persistence.Claim) (taken persistence.Claim, ok bool) {
	ok = true
	for i := range own {
		sp := l.space(own[i].Space)
		before := len(sp.holders)
		sp.holders[own[i].Value] = holder{s, id}
		if len(sp.holders) == before {
			taken, ok = own[i], false
		}
		own[i].Space = sp.name
	}
	s.claims[id] = own
	return taken, ok
}

func (l *ledger) release(s *shelf, id uuid.UUID) {
	held := s.claims[id]
	if len(held) == 0 {
		return
	}
	for _, c := range held {
		delete(l.spaces[c.Space].holders, c.Value)
	}
	delete(s.claims, id)
}
