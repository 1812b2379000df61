package http

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
)

var resolvedStates = []actors.State{actors.Bound, actors.BindFailed, actors.Deleting}

// arqSortKeys are the keys for which the list is collected and sorted. The
// order of creation, which is that of the uuids, is the Backend's own.
var arqSortKeys = sortKeys[*actors.ARQ]{
	"updated_at": func(a, b *actors.ARQ) int { return cmp.Compare(a.UpdatedAt, b.UpdatedAt) },
	"state":      func(a, b *actors.ARQ) int { return strings.Compare(a.State.String(), b.State.String()) },
	"project_id": func(a, b *actors.ARQ) int { return strings.Compare(a.ProjectID, b.ProjectID) },
	"device_profile_name": func(a, b *actors.ARQ) int {
		return strings.Compare(a.Group.ProfileName, b.Group.ProfileName)
	},
	"device_profile_group_id": func(a, b *actors.ARQ) int { return cmp.Compare(a.Group.Index, b.Group.Index) },
	"hostname": func(a, b *actors.ARQ) int {
		return strings.Compare(bindingOf(a).Hostname, bindingOf(b).Hostname)
	},
	"device_rp_uuid": func(a, b *actors.ARQ) int {
		return compareUUIDs(bindingOf(a).ProviderUUID, bindingOf(b).ProviderUUID)
	},
	"instance_uuid": func(a, b *actors.ARQ) int {
		return compareUUIDs(bindingOf(a).InstanceUUID, bindingOf(b).InstanceUUID)
	},
}

var unbound actors.Binding

func bindingOf(a *actors.ARQ) *actors.Binding {
	if a.Binding == nil {
		return &unbound
	}
	return a.Binding
}

func arqID(a *actors.ARQ) uuid.UUID { return a.UUID }

func listARQs(c *call) error {
	args, err := c.query(withPaging("instance", "bind_state", "state", "hostname",
		"device_rp_uuid", "device_profile_name", "project_id")...)
	if err != nil {
		return err
	}
	q, err := c.arqQuery(args)
	if err != nil {
		return err
	}
	page, err := args.paging()
	if err != nil {
		return err
	}
	q.Resolved = q.Instance != uuid.Nil && args.text("bind_state") != ""
	found, err := findARQs(c.srv.backend, q, page)
	if actors.ErrorCode(err) == actors.CodeUnresolved {
		return errLocked
	}
	if err != nil {
		return err
	}
	return c.writeARQs(found)
}

// arqQuery turns the filters into a query.
func (c *call) arqQuery(args queryArgs) (q actors.ARQQuery, err error) {
	q.Scope = c.scope()
	if q.Instance, err = args.uuid("instance"); err != nil {
		return q, err
	}
	if q.ProviderUUID, err = args.uuid("device_rp_uuid"); err != nil {
		return q, err
	}
	if q.ProfileName, err = args.nonEmpty("device_profile_name"); err != nil {
		return q, err
	}
	if q.ProjectID, err = args.nonEmpty("project_id"); err != nil {
		return q, err
	}
	if q.ProjectID != "" && !q.Scope.Admin && q.ProjectID != q.Scope.ProjectID {
		return q, refuse(fasthttp.StatusForbidden, "project_id: only an administrator sees other projects.")
	}
	q.Hostname = args.text("hostname")
	q.States, err = args.states()
	return q, err
}

// states joins bind_state, which knows one value, and state, a list.
func (q queryArgs) states() ([]actors.State, error) {
	bindState := q.text("bind_state")
	if bindState != "" && bindState != "resolved" {
		return nil, invalid("bind_state: must be resolved.")
	}
	names, err := q.nonEmpty("state")
	if err != nil {
		return nil, err
	}
	if names == "" {
		if bindState == "" {
			return nil, nil
		}
		return resolvedStates, nil
	}
	var states []actors.State
	for name := range strings.SplitSeq(names, ",") {
		state, ok := actors.ParseState(name)
		if !ok {
			return nil, invalid("state: %.80q is not a state of an accelerator request.", name)
		}
		if bindState == "" || state.Resolved() {
			states = append(states, state)
		}
	}
	if states == nil { // an unresolved state among the resolved: none
		return []actors.State{}, nil
	}
	return states, nil
}

// found is the answer to a query. A small one is known to be.
type foundARQs struct {
	seq   iter.Seq[*actors.ARQ]
	small bool
}

// smallPage is the limit up to which a page is rendered in one go.
const smallPage = 2000

func findARQs(backend Backend, q actors.ARQQuery, page paging) (foundARQs, error) {
	if q.States != nil && len(q.States) == 0 {
		return foundARQs{seq: func(func(*actors.ARQ) bool) {}, small: true}, nil
	}
	switch page.sortKey {
	case "", "created_at", "uuid":
		q.After, q.Limit, q.Descending = page.marker, page.limit, page.descending
		seq, err := backend.ARQs(q)
		small := q.Instance != uuid.Nil || q.Limit > 0 && q.Limit <= smallPage
		return foundARQs{seq: seq, small: small}, err
	}
	if _, err := arqSortKeys.of(page); err != nil {
		return foundARQs{}, err // before anything is collected
	}
	seq, err := backend.ARQs(q)
	if err != nil {
		return foundARQs{}, err
	}
	sorted, err := arqSortKeys.apply(withMarker(backend, q.Scope, slices.Collect(seq), page.marker), page, arqID)
	return foundARQs{seq: slices.Values(sorted), small: len(sorted) <= smallPage}, err
}

// withMarker adds the marker's ARQ to those found, if it is there but no
// longer matches: its own values then still mark its place. The page begins
// behind it, so that it is not in the answer. ARQs that the caller may not see
// mark nothing, for the place would tell their values.
func withMarker(backend Backend, scope actors.Scope, found []*actors.ARQ, marker uuid.UUID) []*actors.ARQ {
	at, matches := slices.BinarySearchFunc(found, marker, func(a *actors.ARQ, id uuid.UUID) int {
		return compareUUIDs(a.UUID, id)
	})
	arq, exists := backend.ARQ(marker)
	if matches || !exists || !scope.Admin && arq.ProjectID != scope.ProjectID {
		return found
	}
	return slices.Insert(found, at, arq)
}
