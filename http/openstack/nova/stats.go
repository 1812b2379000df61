package nova

import "sync/atomic"

type counts struct {
	verdicts [verdictCount]atomic.Uint64
	requests atomic.Uint64
	failed   atomic.Uint64
}

// Stats are counts since the start: events of single ARQs by Nova's verdict,
// requests, and those of them that did not settle all of their events.
type Stats struct {
	Accepted        uint64
	UnknownInstance uint64 // 404: the server is gone
	NoHost          uint64 // 422: the server is on no host yet
	Rejected        uint64 // otherwise refused for good
	Requests        uint64
	Failed          uint64 // requests that are sent again, or a part of them
	Away            bool   // the last request settled nothing
}

// Stats gives the counts.
func (n *Notifier) Stats() Stats {
	of := func(v verdict) uint64 { return n.counts.verdicts[v].Load() }
	return Stats{
		Accepted: of(accepted), UnknownInstance: of(unknownInstance), NoHost: of(noHost), Rejected: of(rejected),
		Requests: n.counts.requests.Load(), Failed: n.counts.failed.Load(), Away: n.outage.away(),
	}
}
