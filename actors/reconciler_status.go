package actors

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// SupplyStatus says of one device how far the scheduler sees it as it is, and
// why no further. It is a view of the moment and never changes.
type SupplyStatus struct {
	Device    uuid.UUID
	Host      string // "": it is gone, and so is the name of its host
	Root      string // name of the host's provider; "": it is gone
	State     SupplyState
	Leaving   bool                 // the device is gone, and what was shown of it is being taken back
	Since     time.Time            // since when the state is so
	Tried     time.Time            // the end of the last attempt; zero: none yet
	Failures  int                  // attempts in a row that came to something else than SupplyShown
	Problem   string               // what the last attempt came to; "": all is as it should be
	Providers map[uuid.UUID]string // to their names
}

// supplyBoard is what readers see of the reconciler's devices. It alone writes.
type supplyBoard struct {
	devices sync.Map                       // uuid.UUID to *SupplyStatus
	unknown atomic.Pointer[[]string]       // hosts that the inventory does not know, sorted
	away    atomic.Pointer[awayFromSupply] // nil: the inventory answers
}

// awayFromSupply says since when the inventory cannot be used, and why.
type awayFromSupply struct {
	since time.Time
	why   string
}

// Supplies gives the devices that the scheduler sees, or is to see, in order of
// their hosts; none without an Inventory.
func (s *System) Supplies() []*SupplyStatus {
	var all []*SupplyStatus
	s.supplies.board.devices.Range(func(_, value any) bool {
		if status, ok := value.(*SupplyStatus); ok {
			all = append(all, status)
		}
		return true
	})
	slices.SortFunc(all, func(a, b *SupplyStatus) int {
		if c := strings.Compare(a.Host, b.Host); c != 0 {
			return c
		}
		return strings.Compare(a.Device.String(), b.Device.String())
	})
	return all
}

// post shows readers what is known of a device; m is the attempt that has just
// ended, nil: none has.
func (r *reconciler) post(id uuid.UUID, m *supplyDone) {
	e, now := r.devices[id], r.sys.now()
	status := &SupplyStatus{Since: now}
	if old, ok := r.sys.supplies.board.devices.Load(id); ok {
		last, _ := old.(*SupplyStatus)
		*status = *last
		if last.State != e.state {
			status.Since = now
		}
	}
	status.Device, status.Host, status.State, status.Leaving, status.Failures = id, e.want.Host, e.state, e.leaving, e.failures
	status.Root = e.want.Root
	status.Providers = make(map[uuid.UUID]string, len(e.want.Providers))
	for i := range e.want.Providers {
		status.Providers[e.want.Providers[i].UUID] = e.want.Providers[i].Name
	}
	if m != nil {
		status.Tried, status.Problem = now, ""
		if m.err != nil {
			status.Problem = m.err.Error()
		}
	}
	r.sys.supplies.board.devices.Store(id, status)
}

// mostHosts bounds the hosts that a note names.
const mostHosts = 5

// Notes says what is not as it should be although calls are taken: devices that
// the scheduler does not see, so that no guest gets them.
func (s *System) Notes() []string {
	var notes []string
	board := &s.supplies.board
	if away := board.away.Load(); away != nil {
		notes = append(notes, fmt.Sprintf("Placement cannot be used since %s: %s", away.since.UTC().Format(time.RFC3339), away.why))
	}
	if unknown := board.unknown.Load(); unknown != nil && len(*unknown) > 0 {
		named, more := *unknown, ""
		if len(named) > mostHosts {
			named, more = named[:mostHosts], fmt.Sprintf(" and %d more", len(named)-mostHosts)
		}
		notes = append(notes, "Placement has no resource provider of the hosts "+strings.Join(named, ", ")+more+
			" yet: the scheduler does not see their devices")
	}
	return notes
}

// know notes whether the inventory knows a host.
func (r *reconciler) know(host string, known bool) {
	if r.unknown[host] == !known {
		return
	}
	if delete(r.unknown, host); !known {
		r.unknown[host] = true
	}
	hosts := make([]string, 0, len(r.unknown))
	for h := range r.unknown {
		hosts = append(hosts, h)
	}
	slices.Sort(hosts)
	r.sys.supplies.board.unknown.Store(&hosts)
}
