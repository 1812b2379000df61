package actors

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// actorKind labels actors in the metrics.
type actorKind uint8

const (
	kindARQActor actorKind = iota
	kindDeviceActor
	kindOperationActor
	kindProfileActor
	kindProjectActor
	kindHostActor
	kindServiceActor // registry and outbox: one of each
	kindCount
)

var kindNames = [kindCount]string{"arq", "device", "operation", "device_profile", "project", "host", "service"}

// receiver is an actor of ours: one message at a time, from its own mailbox.
type receiver interface {
	receive(ctx actor.Context, msg any)
}

// failer is a message that somebody waits for; fail answers that somebody.
type failer interface {
	fail(err error)
}

// aborter is a receiver that has more to put in order after a panic.
type aborter interface {
	abort(err error)
}

var _ = []aborter{(*operation)(nil), (*profileDeletion)(nil), (*deviceActor)(nil), (*hostActor)(nil)}

// engine is the actor system with the habits that this library needs: PIDs are
// handed out only after the spawn has returned, nobody uses futures or
// names, and a panic never reaches the supervisor, because a restart would
// lose the message and the state.
type engine struct {
	system *actor.ActorSystem
	root   *actor.RootContext
	log    *slog.Logger
	active [kindCount]atomic.Int64
	// mailbox gives each actor one of ours.
	mailbox actor.PropsOption
	runners runners
	bodies  bodies
	// before is called with every message before its actor is, on the actor's
	// goroutine. The simulation steps in there; otherwise it is nil.
	before func(kind actorKind, msg any)
}

func newEngine(log *slog.Logger) *engine {
	quiet := slog.New(&minLevel{Handler: log.Handler(), level: slog.LevelWarn})
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
		actor.WithDeadLetterRequestLogging(false),
	)
	e := &engine{system: system, root: system.Root, log: log}
	e.mailbox = actor.WithMailbox(func() actor.Mailbox { return newMailbox(&e.runners) })
	return e
}

// spawn starts an actor that stays, and gives its address.
func (e *engine) spawn(kind actorKind, r receiver) *actor.PID {
	e.active[kind].Add(1)
	return e.start(&shell{engine: e, kind: kind, receiver: r})
}

func (e *engine) start(s *shell) *actor.PID {
	return e.root.Spawn(actor.PropsFromProducer(
		func() actor.Actor { return s },
		e.mailbox,
	))
}

func (e *engine) tell(pid *actor.PID, msg any) {
	e.root.Send(pid, msg)
}

// shell is what the engine sees of a receiver.
type shell struct {
	engine   *engine
	kind     actorKind
	receiver receiver // nil: a body that is nobody
}

// Receive passes user messages on and keeps panics from the supervisor.
func (s *shell) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Stopped:
		if s.receiver != nil {
			s.engine.active[s.kind].Add(-1)
		}
	case *actor.Started, *actor.Stopping, *actor.Restarting, actor.SystemMessage:
	case *role:
		s.kind, s.receiver = msg.kind, msg.receiver
		if msg.first != nil {
			s.hear(ctx, msg.first)
		}
	default:
		if s.receiver != nil { // or the one who was meant has gone
			s.hear(ctx, msg)
		}
	}
}

func (s *shell) hear(ctx actor.Context, msg any) {
	defer s.leave(ctx)
	defer s.catch(msg)
	if s.engine.before != nil {
		s.engine.before(s.kind, msg)
	}
	s.receiver.receive(ctx, msg)
}

func (s *shell) catch(msg any) {
	p := recover()
	if p == nil {
		return
	}
	s.engine.log.Error("actor panicked", "kind", kindNames[s.kind], "panic", p, "stack", string(debug.Stack()))
	err := failure(CodeInternal, nil, "internal error")
	if f, ok := msg.(failer); ok {
		f.fail(err)
	}
	if a, ok := s.receiver.(aborter); ok {
		a.abort(err)
	}
}

// minLevel keeps a library's chatter out of the log.
type minLevel struct {
	slog.Handler
	level slog.Level
}

// Enabled says whether a record of this level is wanted.
func (h *minLevel) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}

// WithAttrs keeps the level for derived loggers.
func (h *minLevel) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &minLevel{Handler: h.Handler.WithAttrs(attrs), level: h.level}
}

// WithGroup keeps the level for derived loggers.
func (h *minLevel) WithGroup(name string) slog.Handler {
	return &minLevel{Handler: h.Handler.WithGroup(name), level: h.level}
}
