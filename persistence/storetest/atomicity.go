package storetest

import (
	"context"
	"errors"

	"github.com/arqd/arqd/persistence"
)

var atomicityTests = map[string]func(trial){
	"TransitionIsAllOrNothing":             allOrNothing,
	"TransitionsOfOneApplySeeEachOther":    seeEachOther,
	"LostTransitionDoesNotHarmNeighbours":  lostAmongWon,
	"OutcomesOfWinnersComeInOrder":         orderOfOutcomes,
	"InvalidTransitionsAreRefused":         invalid,
	"ManyRecordsInOneTransition":           manyRecords,
	"DoneMaySubmit":                        doneMaySubmit,
	"ApplyReturnsWhenContextEnds":          contextEnds,
	"FreshShowsWhatWasReported":            freshAfterDone,
	"PutAndDeleteOfSameRecordInOneApply":   putThenDelete,
	"ReusedMemoryOfCallerDoesNotReachDisk": callerReusesMemory,
}

func allOrNothing(t trial) {
	s, a, b, c := t.open(), key("arq", 1), key("handle", 1), key("arq", 2)
	s.wins(puts(put(a, 0, "a"), put(b, 0, "b")))
	whole := puts(put(a, 1, "a2"), put(b, 1, "b2"))
	whole.Deletes = []persistence.Delete{{Key: c, Expected: 1}}
	s.loses(whole) // c is missing
	s.has(persistence.Record{Key: a, Generation: 1, Body: []byte("a")})
	s.has(persistence.Record{Key: b, Generation: 1, Body: []byte("b")})
	s.wins(puts(put(c, 0, "c")))
	s.wins(whole)
	s.has(record(whole.Puts[0]))
	s.has(record(whole.Puts[1]))
	s.lacks(c)
}

func seeEachOther(t trial) {
	s, k := t.open(), key("arq", 1)
	outcomes := s.apply(
		puts(put(k, 0, "one")),
		puts(put(k, 0, "another one")),
		puts(put(k, 1, "two")),
		checks(k, 1),
		checks(k, 2),
		deletes(k, 2),
		puts(put(k, 0, "three")),
	)
	want := []persistence.Outcome{
		persistence.Won, persistence.Lost, persistence.Won, persistence.Lost,
		persistence.Won, persistence.Won, persistence.Won,
	}
	for i, r := range outcomes {
		if r.Outcome != want[i] {
			t.Errorf("transition %d: %v (%v), want %v", i, r.Outcome, r.Err, want[i])
		}
	}
	s.has(persistence.Record{Key: k, Generation: 1, Body: []byte("three")})
}

func lostAmongWon(t trial) {
	s := t.open()
	var transitions []persistence.Transition
	for i := range 50 {
		transitions = append(transitions, puts(put(key("arq", i), uint64(i%2), "x")))
	}
	for i, r := range s.apply(transitions...) {
		want := persistence.Won
		if i%2 == 1 {
			want = persistence.Lost
		}
		if r.Outcome != want || r.Err != nil {
			t.Fatalf("transition %d: %v (%v), want %v", i, r.Outcome, r.Err, want)
		}
	}
	if n := len(all(t, s.Each)); n != 25 {
		t.Fatalf("%d records, want 25", n)
	}
}

func orderOfOutcomes(t trial) {
	s, k := t.open(), key("arq", 1)
	const n = 500
	told := make(chan uint64, n)
	for generation := range uint64(n) {
		s.Submit(puts(put(k, generation, "")), func(r persistence.Result) {
			if r.Outcome != persistence.Won {
				t.Errorf("generation %d: %v (%v)", generation, r.Outcome, r.Err)
			}
			told <- generation
		})
	}
	for want := range uint64(n) {
		if got := <-told; got != want {
			t.Fatalf("told of %d, want %d", got, want)
		}
	}
}

func invalid(t trial) {
	s, k := t.open(), key("arq", 1)
	s.wins(puts(put(k, 0, "")))
	both := puts(put(k, 1, ""))
	both.Deletes = []persistence.Delete{{Key: k, Expected: 1}}
	checked := puts(put(k, 1, ""))
	checked.Checks = []persistence.Check{{Key: k, Generation: 1}}
	for name, transition := range map[string]persistence.Transition{
		"put twice":          puts(put(k, 1, "x"), put(k, 1, "y")),
		"put and deleted":    both,
		"put and checked":    checked,
		"delete of nothing":  deletes(k, 0),
		"kind missing":       puts(put(key("", 2), 0, "")),
		"kind with a slash":  puts(put(key("a/b", 2), 0, "")),
		"kind in capitals":   checks(key("ARQ", 2), 0),
		"kind much too long": puts(put(key("abcdefghijklmnopqrstuvwxyz0123456", 2), 0, "")),
	} {
		r := s.apply(transition)[0]
		if r.Outcome != persistence.Lost || !errors.Is(r.Err, persistence.ErrInvalid) {
			t.Errorf("%s: %v (%v), want lost with ErrInvalid", name, r.Outcome, r.Err)
		}
	}
	if n := len(all(t, s.Each)); n != 1 {
		t.Fatalf("%d records, want 1", n)
	}
	s.has(persistence.Record{Key: k, Generation: 1})
}

func manyRecords(t trial) {
	s := t.open()
	const n = 1000
	var transition persistence.Transition
	for i := range n {
		transition.Puts = append(transition.Puts, put(key("arq", i), 0, "body", handle(string('!'+rune(i)))))
	}
	s.wins(transition)
	if got := len(all(t, s.Each)); got != n {
		t.Fatalf("%d records, want %d", got, n)
	}
	clash := puts(put(key("arq", n), 0, "", handle(string('!'+rune(n-1)))))
	s.loses(clash)
}

func doneMaySubmit(t trial) {
	s, k := t.open(), key("arq", 1)
	finished := make(chan persistence.Result, 1)
	s.Submit(puts(put(k, 0, "one")), func(persistence.Result) {
		s.Submit(puts(put(k, 1, "two")), func(r persistence.Result) { finished <- r })
	})
	if r := <-finished; r.Outcome != persistence.Won {
		t.Fatalf("%v (%v), want won", r.Outcome, r.Err)
	}
	s.has(persistence.Record{Key: k, Generation: 2, Body: []byte("two")})
}

// contextEnds: what was submitted is decided all the same.
func contextEnds(t trial) {
	s, k := t.open(), key("arq", 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r := persistence.Apply(ended, s.Store, []persistence.Transition{puts(put(k, 0, "x"))})[0]
	told := r.Outcome == persistence.Won && r.Err == nil
	unknown := r.Outcome == persistence.Unknown && errors.Is(r.Err, context.Canceled)
	if !told && !unknown {
		t.Fatalf("%v (%v), want won, or unknown because of the context", r.Outcome, r.Err)
	}
	s.wins(puts(put(k, 1, "y"))) // comes after the first, so the first was won
}

func freshAfterDone(t trial) {
	s := t.open()
	const n = 200
	seen := make(chan error, n)
	for i := range n {
		k := key("arq", i)
		s.Submit(puts(put(k, 0, "x")), func(persistence.Result) {
			go func() {
				records, err := s.Fresh(t.Context(), []persistence.Key{k})
				if err == nil && records[0].Generation != 1 {
					err = errors.New("stale: " + k.String())
				}
				seen <- err
			}()
		})
	}
	for range n {
		if err := <-seen; err != nil {
			t.Error(err)
		}
	}
}

func putThenDelete(t trial) {
	s, gone, back := t.open(), key("arq", 1), key("arq", 2)
	s.wins(puts(put(gone, 0, "x"), put(back, 0, "x")), deletes(gone, 1), deletes(back, 1), puts(put(back, 0, "y")))
	s.lacks(gone)
	s.has(persistence.Record{Key: back, Generation: 1, Body: []byte("y")})
}

func callerReusesMemory(t trial) {
	s, k := t.open(), key("arq", 1)
	body := []byte("as it was")
	s.wins(puts(persistence.Put{Key: k, Body: body}))
	copy(body, "XXXXXXXXX")
	got, err := s.Load(t.Context(), k)
	if err != nil || string(got.Body) != "as it was" {
		t.Fatalf("%q, %v", got.Body, err)
	}
	copy(got.Body, "YYYYYYYYY")
	s.has(persistence.Record{Key: k, Generation: 1, Body: []byte("as it was")})
}
