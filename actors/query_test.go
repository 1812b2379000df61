package actors

import (
	"slices"
	"testing"

	"github.com/google/uuid"
)

func (w *world) query(q ARQQuery) []uuid.UUID {
	w.t.Helper()
	seq, err := w.sys.ARQs(q)
	w.must(err)
	var ids []uuid.UUID
	for a := range seq {
		ids = append(ids, a.UUID)
	}
	return ids
}

// Every filter, alone and together, short pages and long walks, both ways:
// against a filter over everything.
func TestQueriesAgreeWithAFullScan(t *testing.T) {
	inBubble(t, 64, func(w *world) {
		w.inventory("g", 64)
		w.profile("one")
		w.profile("two")
		var ids []uuid.UUID
		for i := range 60 {
			name := []string{"one", "two"}[i%2]
			made, err := w.sys.CreateARQs(w.t.Context(), CreateARQs{ProfileName: name, ProjectID: []string{"demo", "other", "third"}[i%3]})
			w.must(err)
			ids = append(ids, made[0].UUID)
		}
		for i, id := range ids {
			switch i % 5 {
			case 0, 1:
				to := w.to([]string{"h", "g"}[i%2], uuid.New())
				w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: admin, Items: []PatchItem{{id, to}}}))
			case 2:
				w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: admin, Items: []PatchItem{{id, nil}}}))
			}
		}
		w.must(w.sys.DeleteARQs(w.t.Context(), DeleteARQs{Scope: admin, ARQs: ids[7:9], Service: true}))
		ids = slices.Delete(ids, 7, 9)

		queries := []ARQQuery{{Scope: admin}, {Scope: demo}, {Scope: Scope{ProjectID: "nobody"}}}
		widen := func(set func(q *ARQQuery)) {
			for _, q := range slices.Clone(queries) {
				set(&q)
				queries = append(queries, q)
			}
		}
		widen(func(q *ARQQuery) { q.States = []State{Bound} })
		widen(func(q *ARQQuery) { q.States = []State{Unbound, Bound, Deleting} })
		widen(func(q *ARQQuery) { q.ProjectID = "other" })
		widen(func(q *ARQQuery) { q.Hostname = "g" })
		widen(func(q *ARQQuery) { q.ProviderUUID = w.deployableOf("h").ProviderUUID })
		widen(func(q *ARQQuery) { q.ProfileName = "two" })
		for _, q := range queries {
			var want []uuid.UUID
			for _, id := range ids {
				if a, _ := w.sys.ARQ(id); q.matches(a) {
					want = append(want, id)
				}
			}
			w.wantPages(q, want)
			slices.Reverse(want)
			q.Descending = true
			w.wantPages(q, want)
		}
	})
}

// wantPages compares the whole answer, and the answer page by page.
func (w *world) wantPages(q ARQQuery, want []uuid.UUID) {
	w.t.Helper()
	if got := w.query(q); !slices.Equal(got, want) {
		w.t.Errorf("%+v: %d ARQs, want %d", q, len(got), len(want))
		return
	}
	q.Limit = pageLimit + 1 // a walk with an end
	if got := w.query(q); !slices.Equal(got, want) {
		w.t.Errorf("%+v: %d ARQs, want %d", q, len(got), len(want))
	}
	q.Limit = 7
	var paged []uuid.UUID
	for {
		page := w.query(q)
		paged = append(paged, page...)
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1]
	}
	if !slices.Equal(paged, want) {
		w.t.Errorf("%+v in pages: %d ARQs, want %d", q, len(paged), len(want))
	}
}

func TestAnUnknownMarkerIsRefused(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		_, err := w.sys.ARQs(ARQQuery{Scope: admin, After: uuid.New()})
		w.wantCode(err, CodeInvalid)
		_, err = w.sys.Profiles(ProfileQuery{After: uuid.New()})
		w.wantCode(err, CodeInvalid)
	})
}

// Paging goes on behind an ARQ that was deleted between two pages.
func TestADeletedMarkerStillMarksAPlace(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		ids := w.create("one", 4)
		w.must(w.remove(ids[1]))
		for _, limit := range []int{0, 10} {
			if got := w.query(ARQQuery{Scope: demo, After: ids[1], Limit: limit}); !slices.Equal(got, ids[2:]) {
				t.Errorf("after the deleted one: %v, want %v", got, ids[2:])
			}
			if got := w.query(ARQQuery{Scope: demo, After: ids[1], Limit: limit, Descending: true}); !slices.Equal(got, ids[:1]) {
				t.Errorf("before the deleted one: %v, want %v", got, ids[:1])
			}
		}
	})
}

// A walk that is slow shows committed views and skips what was deleted.
func TestAWalkOutlivesChanges(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.profile("one")
		ids := w.create("one", 5)
		seq, err := w.sys.ARQs(ARQQuery{Scope: admin})
		w.must(err)
		w.must(w.remove(ids[1]))
		w.must(w.bind(w.to("h", instance), ids[2]))
		w.create("one", 1)
		var got []string
		for a := range seq {
			got = append(got, a.State.String())
		}
		if want := []string{"Initial", "Bound", "Initial", "Initial"}; !slices.Equal(got, want) {
			t.Errorf("walked %v, want %v", got, want)
		}
	})
}

func TestProfilesAreListedInOrderOfCreation(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		var want []string
		for _, n := range []string{"zebra", "apple", "mango", "kiwi"} {
			w.profile(n)
			want = append(want, n)
		}
		names := func(q ProfileQuery) []string {
			found, err := w.sys.Profiles(q)
			w.must(err)
			var got []string
			for _, p := range found {
				got = append(got, p.Name)
			}
			return got
		}
		check := func(got, want []string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		w.crash()
		check(names(ProfileQuery{}), want)
		check(names(ProfileQuery{Limit: 2}), want[:2])
		second, _ := w.sys.ProfileByName("apple")
		check(names(ProfileQuery{After: second.UUID}), want[2:])
		check(names(ProfileQuery{After: second.UUID, Descending: true}), want[:1])
		check(names(ProfileQuery{Names: []string{"kiwi", "nobody", "zebra", "kiwi"}}), []string{"zebra", "kiwi"})
		check(names(ProfileQuery{Names: []string{}}), nil)
	})
}
