package actors

import (
	"iter"
	"slices"

	"github.com/google/uuid"
)

// pageLimit is the largest page that is collected under the lock, and so
// shows one moment; longer answers walk a snapshot of the index.
const pageLimit = 4096

// query walks the ARQs that match. The cost follows the smallest index that
// covers a filter, which for one filter is the size of the answer.
func (d *directory) query(q ARQQuery) (iter.Seq[*ARQ], error) {
	if q.After != uuid.Nil {
		// One that was deleted meanwhile, or is not for the caller, still marks
		// a place in the order of creation.
		if _, ok := d.arq(q.After); !ok && q.After.Version() != 7 {
			return nil, Refuse(CodeInvalid, "marker: no accelerator request %s", q.After)
		}
	}
	if q.Instance != uuid.Nil {
		found, err := d.ofInstance(q)
		return slices.Values(found), err
	}
	if q.Limit > 0 && q.Limit <= pageLimit {
		if found, ok := d.page(q); ok {
			return slices.Values(found), nil
		}
	}
	return d.walk(q), nil
}

func (d *directory) ofInstance(q ARQQuery) ([]*ARQ, error) {
	d.mu.RLock()
	found := make([]*ARQ, 0, len(d.instances[q.Instance].members))
	unresolved := false
	for _, id := range d.instances[q.Instance].members {
		a, ok := d.arq(id)
		if !ok || !q.Scope.sees(a.ProjectID) {
			continue
		}
		unresolved = unresolved || !a.State.Resolved()
		if q.matches(a) {
			found = append(found, a)
		}
	}
	d.mu.RUnlock()
	if q.Resolved && unresolved {
		return nil, Refuse(CodeUnresolved, "the instance %s has accelerator requests that are not resolved", q.Instance)
	}
	slices.SortFunc(found, func(a, b *ARQ) int { return slices.Compare(a.UUID[:], b.UUID[:]) })
	if q.Descending {
		slices.Reverse(found)
	}
	found = slices.DeleteFunc(found, func(a *ARQ) bool { return !q.beyondMarker(a) })
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

func (q *ARQQuery) beyondMarker(a *ARQ) bool {
	if q.After == uuid.Nil {
		return true
	}
	c := slices.Compare(a.UUID[:], q.After[:])
	return c > 0 && !q.Descending || c < 0 && q.Descending
}

// page collects a page under the lock. It says false when that would take
// long, because no index narrows the filters down.
func (d *directory) page(q ARQQuery) (found []*ARQ, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	indexes := d.candidates(&q)
	if q.filters() > 1 && total(indexes) > pageLimit {
		return nil, false
	}
	found = make([]*ARQ, 0, min(q.Limit, total(indexes)))
	visit(indexes, &q, func(a *ARQ) bool {
		found = append(found, a)
		return len(found) < q.Limit
	})
	return found, true
}

// filters counts the filters of a query: one alone has its index.
func (q *ARQQuery) filters() int {
	n := 0
	for _, set := range []bool{
		!q.Scope.Admin, q.ProjectID != "", q.ProfileName != "", q.Hostname != "",
		q.ProviderUUID != uuid.Nil, len(q.States) > 0,
	} {
		if set {
			n++
		}
	}
	return n
}

func (d *directory) walk(q ARQQuery) iter.Seq[*ARQ] {
	d.mu.Lock() // from now on the nodes are shared
	var snapshots []*arqIndex
	for _, index := range d.candidates(&q) {
		snapshots = append(snapshots, index.snapshot())
	}
	d.mu.Unlock()
	return func(yield func(*ARQ) bool) {
		left := q.Limit
		visit(snapshots, &q, func(a *ARQ) bool {
			left--
			return yield(a) && left != 0
		})
	}
}

// candidates gives the smallest index that holds every match, or several that
// do together, or none when there can be no match. The caller holds mu.
func (d *directory) candidates(q *ARQQuery) []*arqIndex {
	x := &d.indexes
	best, empty := x.all, false
	consider := func(i *arqIndex) {
		if i == nil {
			empty = true
		} else if i.Len() < best.Len() {
			best = i
		}
	}
	if !q.Scope.Admin {
		consider(x.projects[q.Scope.ProjectID])
	}
	if q.ProjectID != "" {
		consider(x.projects[q.ProjectID])
	}
	if q.ProfileName != "" {
		consider(x.profiles[q.ProfileName])
	}
	if q.Hostname != "" {
		consider(x.hosts[q.Hostname])
	}
	if q.ProviderUUID != uuid.Nil {
		consider(x.providers[q.ProviderUUID])
	}
	if empty || best.Len() == 0 {
		return nil
	}
	if states := x.ofStates(q.States); len(states) > 0 && total(states) < best.Len() {
		return states
	}
	return []*arqIndex{best}
}

func (x *arqIndexes) ofStates(states []State) []*arqIndex {
	var found []*arqIndex
	for _, s := range states {
		found = append(found, x.states[s])
	}
	return found
}

func total(indexes []*arqIndex) int {
	n := 0
	for _, i := range indexes {
		n += i.Len()
	}
	return n
}

// visit shows the matches of the indexes in the order of the query. An ARQ is
// in at most one of several indexes.
func visit(indexes []*arqIndex, q *ARQQuery, show func(*ARQ) bool) {
	step := func(e *arqEntry) bool {
		a := e.view.Load()
		if a == nil || a.UUID == q.After || !q.matches(a) {
			return true
		}
		return show(a)
	}
	if len(indexes) == 1 {
		walkIndex(indexes[0], q, step)
		return
	}
	merge(indexes, q, step)
}

// walkIndex walks an index in the order of a query.
func walkIndex(index *arqIndex, q *ARQQuery, step func(*arqEntry) bool) {
	switch {
	case q.Descending && q.After == uuid.Nil:
		index.descend(uuid.Max, step)
	case q.Descending:
		index.descend(q.After, step)
	default:
		index.ascend(q.After, step)
	}
}

// merge walks several indexes as if they were one.
func merge(indexes []*arqIndex, q *ARQQuery, step func(*arqEntry) bool) {
	var next []func() (*arqEntry, bool)
	var heads []*arqEntry
	var stops []func()
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	for _, index := range indexes {
		pull, stop := iter.Pull(func(yield func(*arqEntry) bool) { walkIndex(index, q, yield) })
		stops = append(stops, stop)
		if e, ok := pull(); ok {
			next, heads = append(next, pull), append(heads, e)
		}
	}
	for len(heads) > 0 {
		first := 0
		for i, e := range heads {
			if slices.Compare(e.id[:], heads[first].id[:]) < 0 != q.Descending && i != first {
				first = i
			}
		}
		if !step(heads[first]) {
			return
		}
		if e, ok := next[first](); ok {
			heads[first] = e
			continue
		}
		heads, next = slices.Delete(heads, first, first+1), slices.Delete(next, first, first+1)
	}
}

func (q *ARQQuery) matches(a *ARQ) bool {
	switch {
	case !q.Scope.sees(a.ProjectID),
		q.ProjectID != "" && a.ProjectID != q.ProjectID,
		q.ProfileName != "" && a.Group.ProfileName != q.ProfileName,
		len(q.States) > 0 && !slices.Contains(q.States, a.State):
		return false
	}
	return q.matchesBinding(a.Binding)
}

func (q *ARQQuery) matchesBinding(b *Binding) bool {
	if b == nil {
		return q.Hostname == "" && q.ProviderUUID == uuid.Nil && q.Instance == uuid.Nil
	}
	return (q.Hostname == "" || b.Hostname == q.Hostname) &&
		(q.ProviderUUID == uuid.Nil || b.ProviderUUID == q.ProviderUUID) &&
		(q.Instance == uuid.Nil || b.InstanceUUID == q.Instance)
}
