package actors

import "sync/atomic"

// healthCounts is what metrics see of the health of devices, besides what is on
// their records.
type healthCounts struct {
	quarantines atomic.Uint64
	flagged     atomic.Int64
}

// HealthStats are counts of the health of devices, for metrics.
type HealthStats struct {
	Devices     map[Condition]int // at present; those of which nothing is known under ""
	Quarantines uint64            // since the start
	ARQs        int               // that have something of a quarantined device
}

// HealthStats gives counts.
func (s *System) HealthStats() HealthStats {
	st := HealthStats{Devices: map[Condition]int{"": 0}, Quarantines: s.health.quarantines.Load(), ARQs: int(s.health.flagged.Load())}
	for _, c := range Conditions() {
		st.Devices[c] = 0
	}
	for _, d := range s.Devices() {
		if d.Health == nil {
			st.Devices[""]++
		} else {
			st.Devices[d.Health.Condition]++
		}
	}
	return st
}
