package actors

import "time"

// Stats are counts of the moment, for metrics.
type Stats struct {
	ARQs             [7]int // by State, as readers see it
	ARQsHeld         int    // BindFailed on record, and BindStarted to readers
	Devices          int
	Profiles         int
	HandlesFree      int
	HandlesTaken     int
	HandlesReleasing int
	BindOldest       time.Duration  // since the oldest bind under way was accepted; 0: none is
	ReleaseOldest    time.Duration  // since the oldest handle of HandlesReleasing was given back, or the start; 0: none is
	HostsAwaited     int            // that have not reported since a restore
	ActiveActors     map[string]int // by kind: arq, device, operation, profile
	EventsDelivered  uint64
	EventsRefused    uint64 // for good
	EventsRetried    uint64 // attempts that failed
	EventsRepeated   uint64 // sent again after they were answered, for ARQs that are held back
	EventsExpired    uint64 // nobody took them in time
	OutboxDepth      int
	OutboxOldest     time.Duration // age of the oldest undelivered event; 0: none
}
