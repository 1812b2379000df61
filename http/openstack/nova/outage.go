package nova

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/arqd/arqd/http/openstack"
)

// outage says in the log when Nova takes no events and when it does again:
// once, not for each event.
type outage struct {
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	since time.Time  // zero: Nova takes events
	said  time.Time
}

// sayAgain is how long an outage that comes and goes is not logged again.
const sayAgain = 10 * time.Second

func (o *outage) away() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.since.IsZero()
}

// begin takes note of a request that failed.
func (o *outage) begin(now time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		return
	}
	o.since = now
	if now.Sub(o.said) < sayAgain {
		return
	}
	o.said = now
	say := o.log.Warn
	if ours(err) {
		say = o.log.Error
	}
	say("nova does not take events; they are kept and sent again", "error", err)
}

// ours tells whether it is up to an operator that Nova takes events.
func ours(err error) bool {
	if _, absent := errors.AsType[*openstack.NoEndpointError](err); absent {
		return true
	}
	status, ok := errors.AsType[*openstack.StatusError](err)
	return errors.Is(err, openstack.ErrCredentials) ||
		ok && (status.Status == http.StatusForbidden || status.Status == http.StatusNotFound)
}

// over takes note of a request that was answered.
func (o *outage) over(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return
	}
	if !o.said.Before(o.since) {
		o.log.Info("nova takes events again", "after", now.Sub(o.since).Round(time.Millisecond))
	}
	o.since = time.Time{}
}
