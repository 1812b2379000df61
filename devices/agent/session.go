package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
)

// errOver ends a session that the service does not know any more.
var errOver = errors.New("the service does not know the session any more")

// session is what the service and the agent have agreed on.
type session struct {
	*Agent
	id    uuid.UUID
	every time.Duration // between heartbeats
	end   func(error)

	wants chan struct{}          // has something in it when the service wants a new look
	taken atomic.Pointer[string] // digest of the newest inventory that it has taken
}

// converse opens sessions, one after the other, until life ends. No commands are
// fetched once ctx has ended.
func (a *Agent) converse(ctx, life context.Context) error {
	for life.Err() == nil {
		s, known := a.open(life)
		if s == nil {
			break
		}
		if over := s.hold(ctx, life, known); errors.Is(over, ErrReplaced) {
			return over
		}
		if life.Err() != nil {
			break
		}
		// The service was started anew, for all of its agents.
		a.opt.Log.Info("the session is over; opening another one", "session", s.id)
		sleep(life, chance(a.opt.Spread))
	}
	return nil //nolint:nilerr // what ended was to end
}

// open opens a session, however long it takes, and says what inventory the service
// has; nil: life has ended.
func (a *Agent) open(life context.Context) (s *session, known string) {
	drivers := make([]string, len(a.opt.Drivers))
	for i, d := range a.opt.Drivers {
		drivers[i] = d.Name()
	}
	request := &protocol.OpenSession{
		Versions: protocol.Versions(), AgentVersion: a.opt.Version, BootID: a.opt.BootID,
		Capabilities: capabilities(a.opt.Drivers), Drivers: drivers, Provider: a.opt.Provider,
		Process: a.process, Journal: a.opt.Journal.ID(),
	}
	var p pause
	for life.Err() == nil {
		reply, err := a.opt.Service.Open(life, request)
		if err == nil && !slices.Contains(request.Versions, reply.Version) {
			err = fmt.Errorf("the service wants to speak version %d of the protocol", reply.Version)
		}
		if err == nil {
			a.contact.found()
			a.opt.Log.Info("session opened", "host", a.opt.Host, "session", reply.Session)
			return a.newSession(reply), reply.KnownDigest
		}
		if code(err) == "" {
			a.doubtful = time.Now()
		}
		a.contact.lost(err)
		sleep(life, p.after(err))
	}
	return nil, ""
}

func (a *Agent) newSession(reply *protocol.Session) *session {
	s := &session{
		Agent: a, id: reply.Session, wants: make(chan struct{}, 1),
		every: duration(reply.HeartbeatS, protocol.HeartbeatEvery),
	}
	s.taken.Store(new(string))
	return s
}

// duration is a time on the wire; what makes no sense is replaced.
func duration(seconds float64, otherwise time.Duration) time.Duration {
	if !(seconds >= 0.05 && seconds <= 3600) {
		return otherwise
	}
	return time.Duration(seconds * float64(time.Second))
}

// hold speaks in the session until that ends, and says why. known is the digest of
// the inventory that the service has.
func (s *session) hold(ctx, life context.Context, known string) error {
	life, cancel := context.WithCancelCause(life)
	defer cancel(nil)
	s.end = cancel
	fetching, stop := context.WithCancel(life)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	var all sync.WaitGroup
	all.Go(func() { s.beat(life) })
	all.Go(func() { s.report(life, known) })
	all.Go(func() { s.fetch(fetching) })
	all.Go(func() { s.deliver(life) })
	all.Wait()
	return context.Cause(life)
}

// failed takes note of a call that has failed. It says how long to wait before the
// next one; false: the session is over.
func (s *session) failed(life context.Context, p *pause, err error) (time.Duration, bool) {
	if life.Err() != nil {
		return 0, false
	}
	switch reason := code(err); {
	case reason == protocol.CodeSessionUnknown:
		s.end(errOver)
		return 0, false
	case reason == protocol.CodeSessionReplaced:
		// Perhaps by an opening of this very agent that was heard of late: older
		// services do not tell that from another agent's.
		if time.Since(s.doubtful) < doubtfulFor {
			s.end(errOver)
		} else {
			s.end(ErrReplaced)
		}
		return 0, false
	case reason == protocol.CodeUnauthorized, reason == protocol.CodeForbidden, distrusted(err):
		// Certificates and token are read anew with the next session.
		s.contact.lost(err)
		if sleep(life, p.after(err)) {
			s.end(errOver)
		}
		return 0, false
	}
	s.contact.lost(err)
	return p.after(err), true
}

// doubtfulFor is how long the opening of a session may be on its way.
const doubtfulFor = 2 * time.Minute
