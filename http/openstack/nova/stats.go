package nova

import "sync/atomic"

type counts struct {
	verdicts [verdictCount]atomic.Uint64
	failed   atomic.Uint64
}

// Stats are counts since the start: events of single ARQs by Nova's verdict,
// and requests without a verdict.
type Stats struct {
	Accepted        uint64
	UnknownInstance uint64 // 404: the server is gone
	NoHost          uint64 // 422: the server is on no host yet
	Rejected        uint64 // otherwise refused for good
	Failed          uint64 // requests that are sent again
	Away            bool   // the last request failed
}

// Stats gives the counts.
func (n *Notifier) Stats() Stats {
	of := func(v verdict) uint64 { return n.counts.verdicts[v].Load() }
	return Stats{
		Accepted: of(accepted), UnknownInstance: of(unknownInstance), NoHost: of(noHost), Rejected: of(rejected),
		Failed: n.counts.failed.Load(), Away: n.outage.away(),
	}
}
