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
	system  *actor.ActorSystem
	root    *actor.RootContext
	log     *slog.Logger
	active  [kindCount]atomic.Int64
	runners runners
	bodies  bodies
	// before is called with every message before its actor is, on the actor's
	// goroutine. The simulation steps in there; otherwise it is nil.
	before func(kind actorKind, msg any)
	// apart says that a visit is to be made like any other message. It is the
	// simulation's, which has both; otherwise it is nil.
	apart func() bool
}

func newEngine(log *slog.Logger) *engine {
	quiet := slog.New(&minLevel{Handler: log.Handler(), level: slog.LevelWarn})
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
		actor.WithDeadLetterRequestLogging(false),
	)
	return &engine{system: system, root: system.Root, log: log}
}

// address is an actor and its mailbox.
type address struct {
	pid *actor.PID
	box *mailbox
}

// spawn starts an actor that stays.
func (e *engine) spawn(kind actorKind, r receiver) *actor.PID { return e.settle(kind, r).pid }

// settle does the same, and gives its address.
func (e *engine) settle(kind actorKind, r receiver) address {
	e.active[kind].Add(1)
	return e.start(&shell{engine: e, kind: kind, receiver: r})
}

// start gives the engine an actor, with a mailbox of ours.
func (e *engine) start(s *shell) address {
	box := newMailbox(&e.runners)
	s.box = box
	return address{e.root.Spawn(actor.PropsFromProducer(
		func() actor.Actor { return s },
		actor.WithMailbox(func() actor.Mailbox { return box }),
	)), box}
}

func (e *engine) tell(pid *actor.PID, msg any) {
	e.root.Send(pid, msg)
}

// visit has an actor that is idle, and was just sent a message, handle it on the
// goroutine of the caller. He must hold no lock, and not be needed elsewhere until
// the message is handled.
func (e *engine) visit(box *mailbox) {
	if e.apart != nil && e.apart() {
		box.begin()
		return
	}
	box.visit()
}

// shell is what the engine sees of a receiver.
type shell struct {
	engine   *engine
	kind     actorKind
	receiver receiver // nil: a body that is nobody
	box      *mailbox
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
		if s.receiver == nil || s.kind != kindOperationActor && answersRound(msg) {
			return // the one who was meant has gone
		}
		s.hear(ctx, msg)
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

// actorPanicked is what the log says then.
const actorPanicked = "actor panicked"

func (s *shell) catch(msg any) {
	p := recover()
	if p == nil {
		return
	}
	s.engine.log.Error(actorPanicked, "kind", kindNames[s.kind], "panic", p, "stack", string(debug.Stack()))
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
