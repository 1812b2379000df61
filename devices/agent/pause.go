package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/arqd/arqd/devices/protocol"
)

// longestPause is between two tries while the service cannot be reached.
const longestPause = 30 * time.Second

// pause is how long to wait between tries: 1, 2, 4 ... seconds, less by chance, so
// that a thousand agents do not come in step, and never less than the service
// asks for.
type pause struct{ tries int }

func (p *pause) after(err error) time.Duration {
	wait := longestPause
	if p.tries < 5 {
		wait = time.Second << p.tries
	}
	p.tries++
	wait -= chance(wait / 2)
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(err, &asked) && asked.RetryAfter() > 0 {
		wait = max(wait, asked.RetryAfter()+chance(time.Second))
	}
	return wait
}

func (p *pause) reset() { p.tries = 0 }

// chance is a time from 0 to most.
func chance(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}

// sleep waits; false: ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// code gives the service's reason; "": it has not answered, or not in words of the
// protocol.
func code(err error) string {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e.Code
	}
	return ""
}

// distrusted tells whether one side does not believe the other's certificate.
func distrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && alert.Op == "remote error" // as crypto/tls calls it
}

// contact says in the log that the service is away, and why, and that it is back.
type contact struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool // why it is away
}

// mostReasons bounds what is said while the service is away.
const mostReasons = 8

func (c *contact) lost(err error) {
	why := err // without what differs from one try to the next, as ports do
	for next := errors.Unwrap(why); next != nil; next = errors.Unwrap(why) {
		why = next
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said = make(map[string]bool)
	}
	if reason := why.Error(); !c.said[reason] && len(c.said) < mostReasons {
		c.said[reason] = true
		c.log.Warn("the service does not answer as it should; trying again", "error", err)
	}
}

func (c *contact) found() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.said) > 0 {
		clear(c.said)
		c.log.Info("the service answers again")
	}
}
