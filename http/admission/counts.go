package admission

import (
	"math"
	"time"
)

// Counts are what a Gate counted since it was made, and what there is now. The
// two indexes of Admitted and Refused are projects and services.
type Counts struct {
	Working, Waiting, Aside, Limit int

	Admitted [2]uint64
	Refused  [2][Late + 1]uint64 // by Verdict
	// Waits are how many of those that had to wait, and were admitted then, waited
	// no longer than each of WaitBounds.
	Waits   [len(WaitBounds)]uint64
	Waited  uint64
	WaitSum time.Duration

	Excess float64 // how many times as many came as could be done, the last time that anybody waited
}

// WaitBounds are the upper bounds of Counts.Waits.
var WaitBounds = [...]time.Duration{
	time.Millisecond, 4 * time.Millisecond, 16 * time.Millisecond, 64 * time.Millisecond,
	250 * time.Millisecond, time.Second, 4 * time.Second, 16 * time.Second,
}

func (c *Counts) waited(d time.Duration) {
	c.Waited++
	c.WaitSum += d
	for i, bound := range WaitBounds {
		if d <= bound {
			c.Waits[i]++
		}
	}
}

// Counts gives all counts of one moment.
func (g *Gate) Counts() Counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counts
	c.Working, c.Waiting, c.Aside, c.Limit = g.working.length, g.waiting, g.aside, g.limit
	return c
}

// mostRetryAfter bounds RetryAfter.
const mostRetryAfter = 10

// RetryAfter is in how many seconds those who are refused had better come again:
// the later, the more there are.
func (g *Gate) RetryAfter() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return min(max(int(math.Ceil(g.counts.Excess)), 1), mostRetryAfter)
}
