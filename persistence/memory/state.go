package memory

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/arqd/arqd/persistence"
)

// Snapshot is the durable content of a Store at one moment. It never changes;
// the zero Snapshot is empty.
type Snapshot struct{ state state }

// Len is the number of records in the snapshot.
func (s Snapshot) Len() int { return len(s.state.records) }

// state is everything that is durable. Records in it are never altered.
type state struct {
	records map[persistence.Key]persistence.Record
	claims  map[persistence.Claim]persistence.Key
}

func (s state) clone() state {
	c := state{maps.Clone(s.records), maps.Clone(s.claims)}
	if c.records == nil {
		c.records = make(map[persistence.Key]persistence.Record)
		c.claims = make(map[persistence.Claim]persistence.Key)
	}
	return c
}

// apply changes the state by a valid transition if all its conditions hold,
// and reports whether they did.
func (s state) apply(t persistence.Transition) bool {
	if !s.generationsHold(t) {
		return false
	}
	given := s.givenUp(t)
	for _, p := range t.Puts {
		for _, c := range p.Claims {
			if _, held := s.claims[c]; held && !given[c] {
				return false
			}
		}
	}
	for c := range given {
		delete(s.claims, c)
	}
	s.write(t)
	return true
}

// givenUp collects the present claims of all records that t writes. Those that
// a put keeps are taken again by it.
func (s state) givenUp(t persistence.Transition) map[persistence.Claim]bool {
	given := make(map[persistence.Claim]bool)
	for _, d := range t.Deletes {
		for _, c := range s.records[d.Key].Claims {
			given[c] = true
		}
	}
	for _, p := range t.Puts {
		for _, c := range s.records[p.Key].Claims {
			given[c] = true
		}
	}
	return given
}

func (s state) generationsHold(t persistence.Transition) bool {
	for _, c := range t.Checks {
		if s.records[c.Key].Generation != c.Generation {
			return false
		}
	}
	for _, p := range t.Puts {
		if s.records[p.Key].Generation != p.Expected {
			return false
		}
	}
	for _, d := range t.Deletes {
		if s.records[d.Key].Generation != d.Expected {
			return false
		}
	}
	return true
}

func (s state) write(t persistence.Transition) {
	for _, d := range t.Deletes {
		delete(s.records, d.Key)
	}
	for _, p := range t.Puts {
		s.records[p.Key] = clone(persistence.Record{
			Key: p.Key, Generation: p.Expected + 1, Body: p.Body, Indexes: p.Indexes, Claims: p.Claims,
		})
		for _, c := range p.Claims {
			s.claims[c] = p.Key
		}
	}
}

// sorted copies all records in the order of the contract.
func (s state) sorted() []persistence.Record {
	records := slices.Collect(maps.Values(s.records))
	slices.SortFunc(records, func(a, b persistence.Record) int {
		return cmp.Or(cmp.Compare(a.Key.Kind, b.Key.Kind), bytes.Compare(a.Key.ID[:], b.Key.ID[:]))
	})
	return records
}

// clone makes a record that shares no memory with r.
func clone(r persistence.Record) persistence.Record {
	r.Body = bytes.Clone(r.Body)
	r.Indexes = slices.Clone(r.Indexes)
	r.Claims = slices.Clone(r.Claims)
	return r
}
