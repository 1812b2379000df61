package badger

import (
	"sync/atomic"

	"github.com/arqd/arqd/persistence"
)

// Stats are the counts of a Store since it was opened.
type Stats struct {
	// QueueDepth is the number of transitions that wait to be decided, or
	// for the commit that decides them.
	QueueDepth int
	// Commits is the number of synced commits: one for each batch that had
	// something to write.
	Commits uint64
	// Won, Lost and Unknown count transitions by outcome.
	Won, Lost, Unknown uint64
	// RecordsWritten counts puts and deletes of all commits, BytesWritten
	// the bytes of their keys and values.
	RecordsWritten, BytesWritten uint64
	// Records is the number of records that exist.
	Records uint64
	// Free is how many bytes the file system has left, Reserve how many it
	// must have for anything to be written.
	Free, Reserve uint64
	// Refusal says why the store refuses changes at present: not recovered
	// yet, a commit failed, or (ErrSpace) too little space for all of them.
	// It wraps persistence.ErrUnavailable, and is nil while the store takes
	// whatever comes.
	Refusal error
}

type counters struct {
	pending, present       atomic.Int64
	commits, records       atomic.Uint64
	bytes                  atomic.Uint64
	won, lost, outcomeless atomic.Uint64
}

func (c *counters) committed(b *batch) {
	c.commits.Add(1)
	c.records.Add(uint64(b.records))
	c.bytes.Add(uint64(b.written))
}

func (c *counters) count(o persistence.Outcome) {
	switch o {
	case persistence.Won:
		c.won.Add(1)
	case persistence.Lost:
		c.lost.Add(1)
	case persistence.Unknown:
		c.outcomeless.Add(1)
	}
}

// Stats returns the present counts.
func (s *Store) Stats() Stats {
	c := s.committer.stats
	stats := Stats{
		QueueDepth:     s.committer.requests.length() + int(c.pending.Load()),
		Commits:        c.commits.Load(),
		Won:            c.won.Load(),
		Lost:           c.lost.Load(),
		Unknown:        c.outcomeless.Load(),
		RecordsWritten: c.records.Load(),
		BytesWritten:   c.bytes.Load(),
		Records:        uint64(c.present.Load()),
	}
	_, short := s.committer.space.check(0)
	if short != nil {
		stats.Refusal = s.unavailable(short)
	}
	if why := s.committer.refusal.Load(); why != nil {
		stats.Refusal = *why
	}
	stats.Free, stats.Reserve = s.committer.space.free.Load(), s.committer.space.reserve.Load()
	return stats
}
