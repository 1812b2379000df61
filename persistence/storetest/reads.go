package storetest

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

var readTests = map[string]func(trial){
	"ListGivesOneKindInOrder":      listKind,
	"ListPagesByMarkerAndLimit":    listPages,
	"ListFiltersByIndex":           listIndex,
	"FreshKeepsOrderOfKeys":        freshOrder,
	"EachVisitsAllInOrder":         eachOrder,
	"EachShowsOneMoment":           eachMoment,
	"EachEndsWithVisitorsError":    eachError,
	"ReadsEndWithContext":          readsEnd,
	"VisitorMayReadAndKeepRecords": visitorReads,
}

// fill stores records of three kinds whose names begin alike, out of order,
// and returns those of kind arq in order.
func fill(s bed, n int) []persistence.Record {
	var want []persistence.Record
	var writes persistence.Transition
	for i := range n {
		p := put(key("arq", i), 0, "body")
		p.Indexes = []persistence.Index{{Name: "state", Value: [2]string{"Initial", "Bound"}[i%2]}, {Name: "host", Value: "h"}}
		want = append(want, record(p))
		writes.Puts = append([]persistence.Put{p}, writes.Puts...)
		writes.Puts = append(writes.Puts, put(key("arqs", i), 0, ""), put(key("ar", i), 0, ""))
	}
	s.wins(writes)
	return want
}

func (b bed) list(q persistence.Query) []persistence.Record {
	b.t.Helper()
	records, err := b.List(b.t.Context(), q)
	if err != nil {
		b.t.Fatalf("list %+v: %v", q, err)
	}
	return records
}

func listKind(t trial) {
	s := t.open()
	want := fill(s, 20)
	sameAll(t, "list", s.list(persistence.Query{Kind: "arq"}), want)
	if n := len(s.list(persistence.Query{Kind: "nothing"})); n != 0 {
		t.Fatalf("%d records of an unused kind", n)
	}
}

func listPages(t trial) {
	s := t.open()
	want := fill(s, 20)
	for _, limit := range []int{1, 3, 7, 19, 20, 21, 1000} {
		var got []persistence.Record
		q := persistence.Query{Kind: "arq", Limit: limit}
		for {
			page := s.list(q)
			if len(page) > limit {
				t.Fatalf("limit %d: %d records", limit, len(page))
			}
			got = append(got, page...)
			if len(page) < limit {
				break
			}
			q.After = page[len(page)-1].Key
		}
		sameAll(t, "pages", got, want)
	}
	between := persistence.Key{Kind: "arq", ID: want[4].Key.ID}
	between.ID[15]++ // a marker whose record has been deleted
	sameAll(t, "after", s.list(persistence.Query{Kind: "arq", After: between}), want[5:])
	last := persistence.Key{Kind: "arq", ID: uuid.Max}
	sameAll(t, "after the last", s.list(persistence.Query{Kind: "arq", After: last}), nil)
}

func listIndex(t trial) {
	s := t.open()
	var bound []persistence.Record
	for i, r := range fill(s, 20) {
		if i%2 == 1 {
			bound = append(bound, r)
		}
	}
	q := persistence.Query{Kind: "arq", Index: persistence.Index{Name: "state", Value: "Bound"}}
	sameAll(t, "index", s.list(q), bound)
	q.After, q.Limit = bound[2].Key, 4
	sameAll(t, "index, marker and limit", s.list(q), bound[3:7])
	for _, index := range []persistence.Index{{Name: "state", Value: "Bou"}, {Name: "host", Value: "Bound"}, {Name: "x"}} {
		sameAll(t, "index "+index.Name, s.list(persistence.Query{Kind: "arq", Index: index}), nil)
	}
	moved := persistence.Put{Key: bound[0].Key, Expected: 1, Indexes: []persistence.Index{{Name: "state", Value: "Unbound"}}}
	s.wins(puts(moved), deletes(bound[1].Key, 1))
	q.After, q.Limit = persistence.Key{}, 0
	sameAll(t, "after changes", s.list(q), bound[2:])
	q.Index.Value = "Unbound"
	sameAll(t, "moved", s.list(q), []persistence.Record{record(moved)})
}

func freshOrder(t trial) {
	s := t.open()
	fill(s, 3)
	keys := []persistence.Key{key("arq", 2), key("arq", 99), key("arq", 0), key("arqs", 1), key("arq", 2)}
	got, err := s.Fresh(t.Context(), keys)
	if err != nil || len(got) != len(keys) {
		t.Fatalf("%d records, %v", len(got), err)
	}
	for i, want := range []uint64{1, 0, 1, 1, 1} {
		if got[i].Key != keys[i] || got[i].Generation != want {
			t.Errorf("record %d: %s of generation %d, want %s of %d", i, got[i].Key, got[i].Generation, keys[i], want)
		}
	}
	if none, err := s.Fresh(t.Context(), nil); err != nil || len(none) != 0 {
		t.Fatalf("no keys: %v, %v", none, err)
	}
}

func eachOrder(t trial) {
	s := t.open()
	fill(s, 10)
	got := all(t, s.Each)
	if len(got) != 30 {
		t.Fatalf("%d records, want 30", len(got))
	}
	for i, r := range got {
		want := key([]persistence.Kind{"ar", "arq", "arqs"}[i/10], i%10)
		if r.Key != want {
			t.Fatalf("record %d: %s, want %s", i, r.Key, want)
		}
	}
}

// eachMoment moves a token from record to record while Each goes: a picture of
// one moment shows it exactly once.
func eachMoment(t trial) {
	s, from, to := t.open(), key("arq", 1), key("arq", 9)
	s.wins(puts(put(from, 0, "token"), put(to, 0, "")))
	tokens, visited := 0, 0
	err := s.Each(t.Context(), func(r persistence.Record) error {
		if visited == 0 {
			s.wins(puts(put(from, 1, ""), put(to, 1, "token"), put(key("arq", 5), 0, "")))
		}
		visited++
		if string(r.Body) == "token" {
			tokens++
		}
		return nil
	})
	if err != nil || tokens != 1 || visited != 2 {
		t.Fatalf("%d tokens in %d records (%v), want 1 in 2", tokens, visited, err)
	}
}

func eachError(t trial) {
	s := t.open()
	fill(s, 5)
	stop, visits := errors.New("stop"), 0
	err := s.Each(t.Context(), func(persistence.Record) error {
		visits++
		if visits == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || visits != 3 {
		t.Fatalf("%d visits, %v; want 3 and the visitor's error", visits, err)
	}
}

func readsEnd(t trial) {
	s := t.open()
	fill(s, 5)
	ctx, cancel := context.WithCancel(t.Context())
	visits := 0
	err := s.Each(ctx, func(persistence.Record) error {
		visits++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || visits != 1 {
		t.Errorf("each: %d visits, %v; want 1 and the context's error", visits, err)
	}
	if _, err := s.List(ctx, persistence.Query{Kind: "arq"}); !errors.Is(err, context.Canceled) {
		t.Errorf("list: %v, want the context's error", err)
	}
	if _, err := s.Fresh(ctx, []persistence.Key{key("arq", 1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("fresh: %v, want the context's error", err)
	}
}

func visitorReads(t trial) {
	s := t.open()
	want := fill(s, 5)
	var kept []persistence.Record
	err := s.Each(t.Context(), func(r persistence.Record) error {
		if r.Key.Kind == "arq" {
			kept = append(kept, r)
		}
		_, err := s.Load(t.Context(), r.Key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.wins(puts(put(want[0].Key, 1, "other")))
	sameAll(t, "kept", kept, want)
}
