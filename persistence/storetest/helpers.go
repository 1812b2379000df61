package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// bed is a recovered store under test.
type bed struct {
	persistence.Store
	t testing.TB
}

// trial is one test of the suite and the place it is made in.
type trial struct {
	*testing.T
	opener Opener
}

// open opens and recovers the store, and closes it when the test ends.
func (t trial) open() bed {
	t.Helper()
	b := bed{t.opener(t.T), t}
	t.Cleanup(b.close)
	if err := b.Recover(t.Context(), func(persistence.Record) error { return nil }); err != nil {
		t.Fatalf("recover: %v", err)
	}
	return b
}

func (b bed) close() {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Errorf("close: %v", err)
	}
}

// apply submits transitions together and returns their outcomes.
func (b bed) apply(transitions ...persistence.Transition) []persistence.Result {
	b.t.Helper()
	return persistence.Apply(b.t.Context(), b.Store, transitions)
}

// wins applies transitions that must all be won.
func (b bed) wins(transitions ...persistence.Transition) {
	b.t.Helper()
	for i, r := range b.apply(transitions...) {
		if r.Outcome != persistence.Won || r.Err != nil {
			b.t.Fatalf("transition %d: %v (%v), want won", i, r.Outcome, r.Err)
		}
	}
}

// loses applies a transition whose conditions must be found not to hold.
func (b bed) loses(t persistence.Transition) {
	b.t.Helper()
	if r := b.apply(t)[0]; r.Outcome != persistence.Lost || r.Err != nil {
		b.t.Fatalf("%v (%v), want lost without an error", r.Outcome, r.Err)
	}
}

// refuses applies a transition that must be refused with an error.
func (b bed) refuses(t persistence.Transition, want error) {
	b.t.Helper()
	if r := b.apply(t)[0]; r.Outcome != persistence.Lost || !errors.Is(r.Err, want) {
		b.t.Fatalf("%v (%v), want lost with: %v", r.Outcome, r.Err, want)
	}
}

// has checks that a record is stored as given, by each way of reading.
func (b bed) has(want persistence.Record) {
	b.t.Helper()
	got, err := b.Load(b.t.Context(), want.Key)
	if err != nil {
		b.t.Fatalf("load %s: %v", want.Key, err)
	}
	same(b.t, "load", got, want)
	fresh, err := b.Fresh(b.t.Context(), []persistence.Key{want.Key})
	if err != nil || len(fresh) != 1 {
		b.t.Fatalf("fresh %s: %d records, %v", want.Key, len(fresh), err)
	}
	same(b.t, "fresh", fresh[0], want)
}

// lacks checks that there is no such record, by each way of reading.
func (b bed) lacks(k persistence.Key) {
	b.t.Helper()
	if r, err := b.Load(b.t.Context(), k); !errors.Is(err, persistence.ErrNotFound) {
		b.t.Fatalf("load %s: generation %d, %v; want ErrNotFound", k, r.Generation, err)
	}
	fresh, err := b.Fresh(b.t.Context(), []persistence.Key{k})
	if err != nil || len(fresh) != 1 || fresh[0].Generation != 0 || fresh[0].Key != k {
		b.t.Fatalf("fresh %s: %v, %v; want generation 0", k, fresh, err)
	}
}

// all returns the records that visit sees, by Each or Recover.
func all(tb testing.TB, visit func(context.Context, func(persistence.Record) error) error) []persistence.Record {
	tb.Helper()
	var records []persistence.Record
	err := visit(tb.Context(), func(r persistence.Record) error {
		r.Body = slices.Clone(r.Body) // Recover takes it back
		records = append(records, r)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return records
}

func same(tb testing.TB, how string, got, want persistence.Record) {
	tb.Helper()
	if got.Key != want.Key || got.Generation != want.Generation || !bytes.Equal(got.Body, want.Body) ||
		!slices.Equal(got.Indexes, want.Indexes) || !slices.Equal(got.Claims, want.Claims) {
		tb.Fatalf("%s:\n got %+v\nwant %+v", how, got, want)
	}
}

func sameAll(tb testing.TB, how string, got, want []persistence.Record) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%s: %d records, want %d", how, len(got), len(want))
	}
	for i := range want {
		same(tb, how, got[i], want[i])
	}
}

// key makes the nth key of a kind; keys of a kind are ordered by n.
func key(kind persistence.Kind, n int) persistence.Key {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(n))
	id[15] = 0x5a
	return persistence.Key{Kind: kind, ID: id}
}

func put(k persistence.Key, expected uint64, body string, claims ...persistence.Claim) persistence.Put {
	return persistence.Put{Key: k, Expected: expected, Body: []byte(body), Claims: claims}
}

// record is what a put leaves in the store.
func record(p persistence.Put) persistence.Record {
	return persistence.Record{
		Key: p.Key, Generation: p.Expected + 1, Body: p.Body, Indexes: p.Indexes, Claims: p.Claims,
	}
}

func puts(p ...persistence.Put) persistence.Transition {
	return persistence.Transition{Puts: p}
}

func deletes(k persistence.Key, expected uint64) persistence.Transition {
	return persistence.Transition{Deletes: []persistence.Delete{{Key: k, Expected: expected}}}
}

func checks(k persistence.Key, generation uint64) persistence.Transition {
	return persistence.Transition{Checks: []persistence.Check{{Key: k, Generation: generation}}}
}
