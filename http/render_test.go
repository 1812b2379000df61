package http

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

// What is written by hand is what the libraries write.
func TestTimesAndUUIDsAreWrittenAsUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		const year0, year10000 = -62167219200, 253402300800
		seconds := year0 + r.Int64N(year10000-year0)
		want := time.Unix(seconds, 0).UTC().Format(`"2006-01-02T15:04:05+00:00"`)
		if got := string(appendTime(nil, seconds)); got != want {
			t.Fatalf("%d is %s, want %s", seconds, got, want)
		}
		id := uuid.New()
		if got := string(appendUUID([]byte("x"), id)); got != "x"+id.String() {
			t.Fatalf("%s, want %s", got, id)
		}
	}
}

// A list is what its ARQs are one by one, also where neighbours are alike.
func TestAListIsItsARQs(t *testing.T) {
	base := []byte("http://arqd.test")
	one, other := initialARQ(arq1), initialARQ(arq2) // with groups of their own
	same := func(a *actors.ARQ, change func(*actors.ARQ)) *actors.ARQ {
		c := &actors.ARQ{
			UUID: uuid.New(), ProjectID: a.ProjectID, Group: a.Group, Binding: a.Binding,
			CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, State: a.State,
		}
		change(c)
		return c
	}
	plain := func(*actors.ARQ) {}
	named := same(one, func(a *actors.ARQ) { a.ProjectID = arq2.String() }) // a text that is also a uuid
	all := []*actors.ARQ{
		one, same(one, plain), same(one, plain),
		same(one, func(a *actors.ARQ) { a.ProjectID = "p-other" }), named, same(named, plain),
		same(one, func(a *actors.ARQ) { a.State = actors.Unbound }), same(one, func(a *actors.ARQ) { a.UpdatedAt = noon }),
		same(one, func(a *actors.ARQ) { a.UpdatedAt = noon }), same(one, func(a *actors.ARQ) { a.CreatedAt++ }),
		other, same(other, plain), boundARQ(arq1), same(boundARQ(arq2), plain), boundARQ(arq1), same(other, plain),
	}
	var last lastARQ
	var list, want []byte
	for _, a := range all {
		list, want = last.append(list, a, base), appendARQ(want, a, base)
		list, want = append(list, ',', ' '), append(want, ',', ' ')
		if string(list) != string(want) {
			t.Fatalf("the list is\n%s\nwant\n%s", list, want)
		}
	}
}
