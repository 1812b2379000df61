package keystone

import "sync/atomic"

type counts struct {
	hits, valid, refused, unavailable atomic.Uint64
}

// Stats are counts since the start, and what is remembered now.
type Stats struct {
	Hits        uint64 // tokens that were remembered, as good or refused
	Valid       uint64 // questions that Keystone answered: a good token
	Refused     uint64 // a token that it refuses
	Unavailable uint64 // requests that could not be answered
	Remembered  int    // tokens and refusals in memory
	Away        bool   // Keystone does not answer
}

// Stats gives the counts.
func (v *Validator) Stats() Stats {
	return Stats{
		Hits: v.counts.hits.Load(), Valid: v.counts.valid.Load(),
		Refused: v.counts.refused.Load(), Unavailable: v.counts.unavailable.Load(),
		Remembered: v.known.size() + v.refused.size(),
		Away:       v.outage.away(),
	}
}
