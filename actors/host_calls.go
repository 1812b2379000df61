package actors

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// The calls of agents. Who the host is, the caller has proven; what the agent
// says is not believed of other hosts. Errors are *protocol.Error where the
// agent has to do something about them.

// hostCall sends a message to a host that has an agent.
func (s *System) hostCall(name string, msg any) error {
	e := s.hosts.of(name)
	if e == nil {
		return &protocol.Error{Code: protocol.CodeSessionUnknown, Message: "there is no session of host " + name}
	}
	s.engine.tell(e.pid, msg)
	return nil
}

// OpenSession begins the session of a host's agent, and ends that of another. The
// provider that it names, the caller has proven to be the host's.
func (s *System) OpenSession(ctx context.Context, host string, req *protocol.OpenSession) (*protocol.Session, error) {
	if err := req.Validate(); err != nil {
		return nil, invalid(err)
	}
	version, ok := protocol.Common(req.Versions)
	if !ok {
		return nil, &protocol.Error{
			Code: protocol.CodeNoCommonVersion, Message: "no common version of the protocol", Versions: protocol.Versions(),
		}
	}
	if slices.Contains(s.opts.LocalHosts, host) {
		return nil, &protocol.Error{
			Code: protocol.CodeForbidden, Message: "the host " + host + " has built-in fake devices, and can have no agent",
		}
	}
	p := newPromise[*protocol.Session]()
	return call(ctx, s, p, func() error {
		s.engine.tell(s.hosts.open(s, host, nil, nil).pid, &openSession{req, version, p})
		return nil
	})
}

// Heartbeat renews the lease of a host's session.
func (s *System) Heartbeat(ctx context.Context, host string, body *protocol.Heartbeat) (*protocol.HeartbeatReply, error) {
	if err := body.Validate(); err != nil {
		return nil, invalid(err)
	}
	p := newPromise[*protocol.HeartbeatReply]()
	return call(ctx, s, p, func() error { return s.hostCall(host, &heartbeat{body, p}) })
}

// ReportInventory takes what a host has, apart from what it refuses, and returns
// when it is on disk. names are those of the host that its agent has proven; all
// of its deployables begin with one. ifMatch, unless nil, is the digest that the
// last inventory must have had.
func (s *System) ReportInventory(
	ctx context.Context, host string, names []string, body *protocol.Inventory, ifMatch *string,
) (*protocol.InventoryReply, error) {
	if err := body.Validate(); err != nil {
		return nil, invalid(err)
	}
	p := newPromise[*protocol.InventoryReply]()
	return call(ctx, s, p, func() error { return s.hostCall(host, &reportInventory{body, names, ifMatch, p}) })
}

// AwaitCommands gives the commands of a host after a number as soon as there are
// any. None: the time is up, ctx has ended, or another poll has taken the place of
// this one.
func (s *System) AwaitCommands(ctx context.Context, host string, session uuid.UUID, after uint64, wait time.Duration) ([]protocol.Command, error) {
	if err := s.life.enter(); err != nil {
		return nil, err
	}
	s.life.calls.Done() // it waits for nothing when the service stops
	m := &pollCommands{session, after, newPromise[[]protocol.Command]()}
	if err := s.hostCall(host, m); err != nil {
		return nil, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case a := <-m.promise.answer:
		return a.value, a.err
	case <-timer.C:
	case <-ctx.Done():
	case <-s.stopping.Done():
	}
	return nil, s.hostCall(host, pollOver{m})
}

// CommandResult takes what a host's agent says of a command, and returns when
// that is on disk.
func (s *System) CommandResult(ctx context.Context, host string, id uuid.UUID, body *protocol.Result) error {
	if err := body.Validate(); err != nil {
		return invalid(err)
	}
	p := newPromise[struct{}]()
	_, err := call(ctx, s, p, func() error { return s.hostCall(host, &commandResult{id, body, p}) })
	return err
}

// OpenImage gives the content of an image that a command for this very host
// names.
func (s *System) OpenImage(ctx context.Context, host string, session, image uuid.UUID) (io.ReadCloser, devices.Image, error) {
	p := newPromise[struct{}]()
	if _, err := call(ctx, s, p, func() error { return s.hostCall(host, &readImage{session, image, p}) }); err != nil {
		return nil, devices.Image{}, err
	}
	if s.opts.Images == nil {
		return nil, devices.Image{}, &protocol.Error{Code: protocol.CodeNotFound, Message: "there is no image service"}
	}
	content, about, err := s.opts.Images.Open(ctx, image)
	if errors.Is(err, devices.ErrNoImage) {
		return nil, about, &protocol.Error{Code: protocol.CodeNotFound, Message: err.Error()}
	}
	if err != nil {
		return nil, about, failure(CodeUnavailable, err, "the image service cannot be used at present")
	}
	return content, about, nil
}

func invalid(err error) error {
	return &protocol.Error{Code: protocol.CodeInvalid, Message: err.Error()}
}
