package actors

import (
	"errors"
	"time"
)

// While the compute service takes nothing, each event that waits would find that out
// for itself, as often as its own pauses let it: thousands of requests a minute for one
// that is away, or can hardly go on. So of those that have failed before, one a
// second is tried again until something is taken. What is new is tried at once, whatever
// the others suffer from: that they fail may be their own fault.

const (
	// manyFailed is how many deliveries have to fail, one after the other.
	manyFailed = 16
	// awayPause is how long the others wait when one is tried again then.
	awayPause = time.Second
	// keptLongest is how long one waits whose turn it was not, about.
	keptLongest = 10 * time.Second
)

// outage is what the outbox knows of a compute service that takes nothing.
type outage struct {
	failed int       // deliveries since something was taken or refused
	tried  time.Time // when one was last tried again although nothing was
}

// note takes note of how a delivery has ended.
func (o *outage) note(outcomes []error) {
	o.failed++
	for _, err := range outcomes {
		if err == nil || errors.Is(err, ErrRefused) {
			o.failed = 0
		}
	}
}

// keepsBack says whether an event that is to be tried again has to pause once more.
func (o *outage) keepsBack(now time.Time) bool {
	if o.failed < manyFailed {
		return false
	}
	if now.Sub(o.tried) < awayPause {
		return true
	}
	o.tried = now
	return false
}
