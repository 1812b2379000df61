package storetest

import (
	"math/rand/v2"
	"slices"

	"github.com/arqd/arqd/persistence"
)

var historyTests = map[string]func(trial){
	"RandomHistoriesMatchTheModel": randomHistories,
}

// model is the contract in its plainest form: a list of records, and for each
// transition a copy of it that is kept or thrown away.
type model struct{ records []persistence.Record }

func (m *model) find(k persistence.Key) int {
	return slices.IndexFunc(m.records, func(r persistence.Record) bool { return r.Key == k })
}

func (m *model) generation(k persistence.Key) uint64 {
	if i := m.find(k); i >= 0 {
		return m.records[i].Generation
	}
	return 0
}

// apply reports whether the transition is won.
func (m *model) apply(t persistence.Transition) bool {
	next := model{slices.Clone(m.records)}
	for _, c := range t.Checks {
		if m.generation(c.Key) != c.Generation {
			return false
		}
	}
	for _, d := range t.Deletes {
		if m.generation(d.Key) != d.Expected {
			return false
		}
		next.records = slices.Delete(next.records, next.find(d.Key), next.find(d.Key)+1)
	}
	for _, p := range t.Puts {
		if m.generation(p.Key) != p.Expected {
			return false
		}
		if i := next.find(p.Key); i >= 0 {
			next.records = slices.Delete(next.records, i, i+1)
		}
		next.records = append(next.records, record(p))
	}
	if !next.claimsDiffer() {
		return false
	}
	m.records = next.records
	return true
}

func (m *model) claimsDiffer() bool {
	seen := map[persistence.Claim]bool{}
	for _, r := range m.records {
		for _, c := range r.Claims {
			if seen[c] {
				return false
			}
			seen[c] = true
		}
	}
	return true
}

// randomHistories applies groups of random transitions over few keys and few
// claims, so that about half of them clash, and reopens the store now and then.
func randomHistories(t trial) {
	const seed, groups = 20, 120
	random := rand.New(rand.NewPCG(seed, seed))
	s, m := t.open(), &model{}
	won, lost := 0, 0
	for group := range groups {
		var transitions []persistence.Transition
		var want []bool
		for range 1 + random.IntN(8) {
			transition := randomTransition(random, m)
			transitions = append(transitions, transition)
			want = append(want, m.apply(transition))
		}
		for i, r := range s.apply(transitions...) {
			if (r.Outcome == persistence.Won) != want[i] || r.Outcome == persistence.Unknown || r.Err != nil {
				t.Fatalf("group %d, transition %d: %v (%v), the model says won=%v: %+v",
					group, i, r.Outcome, r.Err, want[i], transitions[i])
			}
			if want[i] {
				won++
			} else {
				lost++
			}
		}
		if group%40 == 39 {
			s.close()
			s = t.open()
		}
	}
	if won < 50 || lost < 50 {
		t.Fatalf("%d won, %d lost: the histories test too little", won, lost)
	}
	slices.SortFunc(m.records, func(a, b persistence.Record) int { return slices.Compare(a.Key.ID[:], b.Key.ID[:]) })
	sameAll(t, "at the end", all(t, s.Each), m.records)
}

// randomTransition touches one to three of eight records, mostly with the
// right generations.
func randomTransition(random *rand.Rand, m *model) (t persistence.Transition) {
	claims := random.Perm(6)
	for _, n := range random.Perm(8)[:1+random.IntN(3)] {
		k := key("arq", n)
		generation := m.generation(k)
		if random.IntN(8) == 0 {
			generation++
		}
		switch action := random.IntN(6); {
		case action == 0:
			t.Checks = append(t.Checks, persistence.Check{Key: k, Generation: generation})
		case action == 1 && generation > 0:
			t.Deletes = append(t.Deletes, persistence.Delete{Key: k, Expected: generation})
		default:
			p := put(k, generation, string(rune('a'+random.IntN(26))))
			for range random.IntN(3) {
				p.Claims = append(p.Claims, handle(string('0'+rune(claims[0]))))
				claims = claims[1:]
			}
			t.Puts = append(t.Puts, p)
		}
	}
	return t
}
