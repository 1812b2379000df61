package actors

import "sync/atomic"

// SupplyState says how far the scheduler sees what it should of a device.
type SupplyState uint8

// The states of a supply.
const (
	SupplyPending SupplyState = iota // not tried yet
	SupplyShown                      // all is as it should be
	SupplyWaiting                    // its host is not in the inventory yet
	SupplyInUse                      // what is to go is in use
	SupplyAway                       // the inventory cannot be used
	SupplyFailing                    // the inventory refuses it
	supplyStates
)

var supplyStateNames = [supplyStates]string{"pending", "synced", "waiting_for_host", "in_use", "unreachable", "failing"}

// String gives the name of the state, as metrics and log have it.
func (s SupplyState) String() string { return supplyStateNames[s] }

// supplyStats is what metrics see of the reconciler.
type supplyStats struct {
	devices  [supplyStates]atomic.Int64 // by state
	attempts [supplyStates]atomic.Uint64
	repairs  atomic.Uint64
	board    supplyBoard
}

func (s *supplyStats) count(state SupplyState, n int64) { s.devices[state].Add(n) }

// SupplyStats are counts of what the scheduler sees, for metrics.
type SupplyStats struct {
	Devices  map[string]int    // by state
	Attempts map[string]uint64 // since the start, by the state they led to
	Repairs  uint64            // that found what was right before changed by others
}

// SupplyStats gives counts; nothing is counted without an Inventory.
func (s *System) SupplyStats() SupplyStats {
	st := SupplyStats{Devices: map[string]int{}, Attempts: map[string]uint64{}, Repairs: s.supplies.repairs.Load()}
	for i, name := range supplyStateNames {
		st.Devices[name] = int(s.supplies.devices[i].Load())
		if SupplyState(i) != SupplyPending {
			st.Attempts[name] = s.supplies.attempts[i].Load()
		}
	}
	return st
}

// tell counts the end of an attempt and says in the log what is new of it: a
// line for a device whose state is another than before, but only one for all
// while the inventory is away, and one for a host that it does not know.
func (r *reconciler) tell(e *supplied, m *supplyDone) {
	before, after := e.state, stateAfter(m.err)
	e.state = after
	stats := &r.sys.supplies
	stats.count(before, -1)
	stats.count(after, 1)
	stats.attempts[after].Add(1)
	log := r.sys.log.With("device", m.device, "host", m.want.Host)
	if silent := after == SupplyAway; silent != r.silent {
		r.silent = silent
		if silent {
			stats.board.away.Store(&awayFromSupply{r.sys.now(), m.err.Error()})
			r.sys.log.Warn("the inventory cannot be used; devices are shown to the scheduler when it can", "error", m.err)
		} else {
			stats.board.away.Store(nil)
			r.sys.log.Info("the inventory can be used again")
		}
	}
	if after != SupplyWaiting && after != SupplyAway {
		r.know(m.want.Host, true)
	}
	switch {
	case after == SupplyShown && before == SupplyShown && m.changes > 0 && !m.fresh:
		stats.repairs.Add(1)
		log.Warn("somebody else had changed what the scheduler sees of a device; it is put right", "changes", m.changes)
	case after == SupplyWaiting && !r.unknown[m.want.Host]:
		r.know(m.want.Host, false)
		r.sys.log.Info("the inventory does not know the host yet; its devices wait for it", "host", m.want.Host, "error", m.err)
	case after == before, after == SupplyWaiting, after == SupplyAway:
	case after == SupplyShown:
		log.Info("the scheduler sees a device as it is", "before", before)
	default:
		log.Warn("the scheduler does not see a device as it is", "state", after, "error", m.err)
	}
}
