package storetest

import (
	"sync"

	"github.com/arqd/arqd/persistence"
)

var claimTests = map[string]func(trial){
	"ClaimIsExclusive":              claimExclusive,
	"ClaimsOfOtherSpacesDoNotClash": claimSpaces,
	"KeptClaimDoesNotClashWithSelf": claimKept,
	"DeleteReleasesClaims":          claimReleasedByDelete,
	"PutWithoutClaimReleasesIt":     claimReleasedByPut,
	"ClaimMovesWithinTransition":    claimMoves,
	"ClaimsSwapWithinTransition":    claimsSwap,
	"LostTransitionKeepsClaims":     claimsAfterLoss,
	"RacingClaimsHaveOneWinner":     claimRace,
	"ClaimTwiceIsInvalid":           claimTwice,
}

func handle(value string) persistence.Claim {
	return persistence.Claim{Space: "handle", Value: value}
}

func claimExclusive(t trial) {
	s, a, b := t.open(), key("arq", 1), key("arq", 2)
	first := put(a, 0, "a", handle("h1"), handle("\x00\xff"))
	s.wins(puts(first))
	s.loses(puts(put(b, 0, "b", handle("h1"))))
	s.loses(puts(put(b, 0, "b", handle("h2"), handle("\x00\xff"))))
	s.loses(puts(put(key("other", 1), 0, "of another kind", handle("h1"))))
	s.lacks(b)
	s.has(record(first))
	s.wins(puts(put(b, 0, "b", handle("h2"), handle("\x00"))))
}

func claimSpaces(t trial) {
	s := t.open()
	s.wins(
		puts(put(key("arq", 1), 0, "", persistence.Claim{Space: "handle", Value: "x"})),
		puts(put(key("arq", 2), 0, "", persistence.Claim{Space: "name", Value: "x"})),
		puts(put(key("arq", 3), 0, "", persistence.Claim{Space: "handlex", Value: ""})),
		puts(put(key("arq", 4), 0, "", persistence.Claim{Space: "handle", Value: ""})),
	)
	s.loses(puts(put(key("arq", 5), 0, "", persistence.Claim{Space: "name", Value: "x"})))
}

func claimKept(t trial) {
	s, k := t.open(), key("arq", 1)
	last := put(k, 2, "c", handle("h2"), handle("h1"))
	s.wins(
		puts(put(k, 0, "a", handle("h1"))),
		puts(put(k, 1, "b", handle("h1"), handle("h2"))),
		puts(last),
	)
	s.has(record(last))
	s.loses(puts(put(key("arq", 2), 0, "", handle("h1"))))
	s.loses(puts(put(key("arq", 2), 0, "", handle("h2"))))
}

func claimReleasedByDelete(t trial) {
	s, a, b := t.open(), key("arq", 1), key("arq", 2)
	s.wins(puts(put(a, 0, "a", handle("h1"), handle("h2"))), deletes(a, 1))
	s.wins(puts(put(b, 0, "b", handle("h1"), handle("h2"))))
	s.loses(puts(put(a, 0, "a", handle("h2"))))
}

func claimReleasedByPut(t trial) {
	s, a, b := t.open(), key("arq", 1), key("arq", 2)
	s.wins(puts(put(a, 0, "a", handle("h1"), handle("h2"))), puts(put(a, 1, "a", handle("h2"))))
	s.wins(puts(put(b, 0, "b", handle("h1"))))
	s.loses(puts(put(b, 1, "b", handle("h1"), handle("h2"))))
}

// claimMoves moves a claim from one record to another in every order in which
// a transition may name them.
func claimMoves(t trial) {
	s, a, b := t.open(), key("arq", 1), key("arq", 2)
	s.wins(puts(put(a, 0, "a", handle("h1"))), puts(put(b, 0, "b")))
	s.wins(puts(put(b, 1, "b", handle("h1")), put(a, 1, "a")))
	s.wins(puts(put(b, 2, "b"), put(a, 2, "a", handle("h1"))))
	fromDeleted := deletes(a, 3)
	fromDeleted.Puts = []persistence.Put{put(b, 3, "b", handle("h1"))}
	s.wins(fromDeleted)
	s.lacks(a)
	s.has(record(fromDeleted.Puts[0]))
	s.loses(puts(put(a, 0, "a", handle("h1"))))
}

func claimsSwap(t trial) {
	s, a, b := t.open(), key("arq", 1), key("arq", 2)
	s.wins(puts(put(a, 0, "a", handle("h1")), put(b, 0, "b", handle("h2"))))
	s.wins(puts(put(a, 1, "a", handle("h2")), put(b, 1, "b", handle("h1"))))
	s.wins(deletes(a, 2))
	s.wins(puts(put(a, 0, "a", handle("h2"))))
	s.loses(puts(put(a, 1, "a", handle("h1"))))
}

// claimsAfterLoss: a transition that fails late must not have given up or
// taken any claim.
func claimsAfterLoss(t trial) {
	s, a, b, c := t.open(), key("arq", 1), key("arq", 2), key("arq", 3)
	s.wins(puts(put(a, 0, "a", handle("h1"))), puts(put(b, 0, "b", handle("h2"))))
	s.loses(puts(put(a, 1, "a", handle("h3")), put(c, 0, "c", handle("h2"))))
	s.loses(puts(put(c, 0, "c", handle("h1"))))
	s.wins(puts(put(c, 0, "c", handle("h3"))))
}

func claimRace(t trial) {
	s := t.open()
	const rounds, racers = 10, 8
	for round := range rounds {
		won := make([]bool, racers)
		var group sync.WaitGroup
		for i := range racers {
			group.Go(func() {
				p := put(key("arq", 1+round*racers+i), 0, "", handle(string('a'+rune(round))))
				r := persistence.Apply(t.Context(), s.Store, []persistence.Transition{puts(p)})[0]
				won[i] = r.Outcome == persistence.Won
			})
		}
		group.Wait()
		if n := count(won); n != 1 {
			t.Fatalf("round %d: %d winners, want 1", round, n)
		}
	}
	if n := len(all(t, s.Each)); n != rounds {
		t.Fatalf("%d records, want %d", n, rounds)
	}
}

func count(flags []bool) int {
	n := 0
	for _, flag := range flags {
		if flag {
			n++
		}
	}
	return n
}

func claimTwice(t trial) {
	s, a, b := t.open(), key("arq", 1), key("arq", 2)
	s.refuses(puts(put(a, 0, "a", handle("h1")), put(b, 0, "b", handle("h1"))), persistence.ErrInvalid)
	s.refuses(puts(put(a, 0, "a", handle("h1"), handle("h1"))), persistence.ErrInvalid)
	s.lacks(a)
	s.lacks(b)
	s.wins(puts(put(a, 0, "a", handle("h1"))))
}
