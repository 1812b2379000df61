package admission

import "time"

const (
	// firstLimit is how many may be in work until more is known.
	firstLimit = 256
	// firstRate is how many are thought to be done in a second until then.
	firstRate = 1000
	// leastLimit keeps commits shared, however slow everything is.
	leastLimit = 32
	// workTime is how long a change should be in work.
	workTime = 100 * time.Millisecond
	// A change in work waits for the durable write that has begun, and for its own.
	// Where writing is slow, so many must be in work that they share it: with fewer
	// there would be as many writes of fewer changes each, and nobody sooner done. But
	// a write takes longer, too, when there is more in it, hence mostWorkTime.
	writesOf     = 2.5
	mostWorkTime = 500 * time.Millisecond
	// leaseOf is how many times as long a change may take before it is set aside.
	leaseOf = 4
	// windowLength is for how long the rate is measured at least.
	windowLength = 100 * time.Millisecond
)

// window is a time during which there was much to do throughout, so that what was
// done in it is all that can be done.
type window struct {
	since    time.Time
	turnover int // of changes that are no longer in work
	refused  int
}

func (w *window) begin(now time.Time) { *w = window{since: now} }

// target is how long a change should be in work.
func (g *Gate) target(write time.Duration) time.Duration {
	return min(max(workTime, time.Duration(writesOf*float64(write))), mostWorkTime)
}

// much tells whether so much is to be done that the limit is to be looked after.
func (g *Gate) much() bool { return g.waiting > 0 || g.working.length > g.least }

// adjust lets as many be in work as are done within the target (Little's law). While
// nobody waits the limit is only lowered, when those in work take longer than they
// should: they are then all that can be done, or fewer.
func (g *Gate) adjust(now time.Time) {
	if !g.much() {
		g.window.begin(now)
		return
	}
	length := now.Sub(g.window.since)
	if length < windowLength {
		return
	}
	var write time.Duration
	if g.opt.Pace != nil {
		var standstill bool
		if write, standstill = g.opt.Pace(); standstill {
			g.window.begin(now)
			return
		}
	}
	done := float64(g.window.turnover) / length.Seconds()
	want := int(done * g.target(write).Seconds())
	if g.waiting > 0 || g.working.length > want {
		g.rate = done
		g.limit = min(max((g.limit+want)/2, g.least), g.opt.Most)
	}
	if g.window.turnover > 0 {
		g.counts.Excess = 1 + float64(g.window.refused)/float64(g.window.turnover)
	}
	g.window.begin(now)
}
