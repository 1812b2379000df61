package http

import (
	"slices"

	"github.com/google/uuid"
)

// pagingArgs are the query parameters that every list knows.
var pagingArgs = []string{"limit", "marker", "sort_key", "sort_dir"}

// withPaging adds them to the parameters of one list.
func withPaging(names ...string) []string { return append(names, pagingArgs...) }

// paging is which part of a list is wanted, and in what order.
type paging struct {
	limit      int       // 0: all
	marker     uuid.UUID // the last one seen; zero: from the start
	sortKey    string    // empty: order of creation
	descending bool
}

func (q queryArgs) paging() (paging, error) {
	var p paging
	var err error
	if p.limit, err = q.limit(); err != nil {
		return p, err
	}
	if p.marker, err = q.uuid("marker"); err != nil {
		return p, err
	}
	if p.sortKey, err = q.nonEmpty("sort_key"); err != nil {
		return p, err
	}
	switch dir, given := q.get("sort_dir"); {
	case dir == "desc":
		p.descending = true
	case given && dir != "asc":
		return p, invalid("sort_dir: must be asc or desc.")
	}
	return p, nil
}

// sortKeys are the keys by which a list can be sorted.
type sortKeys[T any] map[string]func(a, b T) int

func (k sortKeys[T]) of(p paging) (func(a, b T) int, error) {
	compare, ok := k[p.sortKey]
	if p.sortKey != "" && !ok {
		return nil, invalid("sort_key: the list cannot be sorted by %.80q.", p.sortKey)
	}
	return compare, nil
}

// apply sorts items, which stand in order of creation, and cuts out the page.
// The sort is stable: what is equal stays in order of creation.
func (k sortKeys[T]) apply(items []T, p paging, id func(T) uuid.UUID) ([]T, error) {
	compare, err := k.of(p)
	switch {
	case err != nil:
		return nil, err
	case compare != nil && p.descending:
		slices.SortStableFunc(items, func(a, b T) int { return compare(b, a) })
	case compare != nil:
		slices.SortStableFunc(items, compare)
	case p.descending:
		slices.Reverse(items)
	}
	if p.marker != uuid.Nil {
		at := slices.IndexFunc(items, func(item T) bool { return id(item) == p.marker })
		if at < 0 {
			return nil, invalid("marker: %s is not in the list.", p.marker)
		}
		items = items[at+1:]
	}
	if p.limit > 0 && p.limit < len(items) {
		items = items[:p.limit]
	}
	return items, nil
}

func compareUUIDs(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
