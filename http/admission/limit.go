package admission

import "time"

const (
	// firstLimit is how many may be in work until more is known.
	firstLimit = 256
	// firstRate is how many are thought to be done in a second until then.
	firstRate = 1000
	// leastLimit keeps commits shared, however slow everything is.
	leastLimit = 64
	// workTime is how long a change should be in work.
	workTime = 100 * time.Millisecond
	// A change in work waits for the durable write that has begun, and for its own.
	// Where writing is slow, so many must be in work that they share it: with fewer
	// there would be as many writes of fewer changes each, and nobody sooner done. But
	// a write takes longer, too, when there is more in it, hence mostWorkTime.
	writesOf     = 2.5
	mostWorkTime = 250 * time.Millisecond
	// leaseOf is how many times as long a change may take before it is set aside.
	leaseOf = 4
	// windowLength is for how long the rate is measured at least.
	windowLength = 100 * time.Millisecond
)

// window is a time during which somebody waited throughout, so that what was
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

// adjust lets as many be in work as are done within the target (Little's law).
// It is called at each look, so at least once while anybody waits.
func (g *Gate) adjust(now time.Time) {
	if g.waiting == 0 {
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
	g.rate = done
	g.limit = min(max((g.limit+want)/2, g.least), g.opt.Most)
	if g.window.turnover > 0 {
		g.counts.Excess = 1 + float64(g.window.refused)/float64(g.window.turnover)
	}
	g.window.begin(now)
}
