package keystone

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/arqd/arqd/http/openstack"
)

// outage keeps callers from waiting, retries and all, for a Keystone that has
// just not answered, and says in the log when it goes away and comes back:
// once, not for each request.
type outage struct {
	log      *slog.Logger
	until    atomic.Int64 // Unix nanoseconds: nobody asks before; 0: ask
	answered atomic.Int64 // Unix nanoseconds: of the last answer
	absent   sync.Once    // the catalog was complained of

	mu    sync.Mutex // guards what follows
	since time.Time  // zero: Keystone answers
	cause string     // as logged last
	said  time.Time
}

const (
	// outagePause is how long nobody asks after a failure, give or take a half.
	outagePause = time.Second
	// sayAgain is how long an outage that comes and goes is not logged again.
	sayAgain = 10 * time.Second
)

// on tells whether it is too early to ask again.
func (o *outage) on(now time.Time) bool { return now.UnixNano() < o.until.Load() }

// away tells whether the last question got no answer.
func (o *outage) away() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.since.IsZero()
}

// failed takes note of a question without an answer. While others are answered
// it is no outage, whatever came of this one.
func (o *outage) failed(asked, now time.Time, err error) {
	elsewhere := o.answered.Load() > asked.UnixNano()
	if general(err) && !elsewhere {
		o.until.Store(now.Add(outagePause/2 + rand.N(outagePause)).UnixNano())
	}
	cause, say := "no answer", o.log.Warn
	switch {
	case errors.Is(err, openstack.ErrCredentials):
		cause, say = "our own credentials", o.log.Error
	case errors.Is(err, openstack.ErrMalformed):
		cause, say = "a malformed answer", o.log.Error
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() && !elsewhere {
		o.since = now
	}
	if o.cause == cause && now.Sub(o.said) < sayAgain {
		return
	}
	o.cause, o.said = cause, now
	say("Keystone did not check a token; those known go on, others get 503", "cause", cause, "error", err)
}

// general tells whether a failure is one that every token would meet. An answer
// with an error may be about one token, and must not keep others waiting.
func general(err error) bool {
	var status *openstack.StatusError
	if !errors.As(err, &status) {
		return !errors.Is(err, openstack.ErrMalformed)
	}
	return status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden
}

// over takes note of an answer.
func (o *outage) over(now time.Time) {
	o.answered.Store(now.UnixNano())
	o.until.Store(0)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		o.log.Info("Keystone checks tokens", "after", now.Sub(o.since).Round(time.Millisecond))
		o.since = time.Time{}
	}
}

// noEndpoint warns of a catalog that lacks Keystone.
func (o *outage) noEndpoint(err error) {
	o.absent.Do(func() { o.log.Warn("tokens are checked at auth_url", "error", err) })
}
