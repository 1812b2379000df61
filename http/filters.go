package http

import (
	"slices"
	"strings"

	"github.com/arqd/arqd/actors"
)

// The two parameters with which the lists of devices and deployables are
// filtered in the way of the reference: filters.field=name&filters.value=x.
const (
	filterField = "filters.field"
	filterValue = "filters.value"
)

// applyFilter folds the pair into the other arguments: what the field names is
// then a parameter like any other. filtered says that there was one.
func (q queryArgs) applyFilter(fields ...string) (args queryArgs, filtered bool, err error) {
	field, hasField := q.get(filterField)
	value, hasValue := q.get(filterValue)
	if hasField != hasValue {
		return q, false, invalid("filters.field and filters.value belong together.")
	}
	if !hasField {
		return q, false, nil
	}
	if !slices.Contains(fields, field) && !slices.Contains(pagingArgs, field) {
		return q, false, invalid("filters.field: the list cannot be filtered by %.80q.", field)
	}
	return q.with(field, value), true, nil
}

// deviceFilter selects devices; empty members select all. Case is ignored.
type deviceFilter struct{ kind, vendor, hostname string }

func (q queryArgs) deviceFilter() deviceFilter {
	f := deviceFilter{kind: q.text("type"), vendor: q.text("vendor"), hostname: q.text("hostname")}
	if f.hostname == "" {
		f.hostname = q.text("host")
	}
	return f
}

func (f deviceFilter) empty() bool { return f == deviceFilter{} }

func (f deviceFilter) matches(d *actors.Device) bool {
	return admits(f.kind, d.Type) && admits(f.vendor, d.Vendor) && admits(f.hostname, d.Hostname)
}

func admits(wanted, value string) bool {
	return wanted == "" || strings.EqualFold(wanted, value)
}

// newestFirst is the order of a filtered list, unless another was asked for.
func (p paging) newestFirst(filtered bool, args queryArgs) paging {
	_, ordered := args.get("sort_dir")
	if filtered && !ordered && p.sortKey == "" {
		p.descending = true
	}
	return p
}
