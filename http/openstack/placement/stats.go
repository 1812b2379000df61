package placement

import "sync/atomic"

// written is a kind of change.
type written uint8

const (
	writtenProvider written = iota
	writtenInventory
	writtenTraits
	writtenKinds
)

type stats struct {
	writes    [writtenKinds]atomic.Uint64
	conflicts atomic.Uint64
}

// Stats are counts since the start.
type Stats struct {
	Providers, Inventories, Traits uint64 // changes made
	Conflicts                      uint64 // changes that had to be thought over because of others'
}

// Stats gives counts.
func (c *Client) Stats() Stats {
	return Stats{
		Providers:   c.stats.writes[writtenProvider].Load(),
		Inventories: c.stats.writes[writtenInventory].Load(),
		Traits:      c.stats.writes[writtenTraits].Load(),
		Conflicts:   c.stats.conflicts.Load(),
	}
}
