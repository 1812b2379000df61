// Package agents is the listener for the agents of compute hosts. Agents open
// every connection; what they say is devices/protocol.
//
// Who an agent is follows from its certificate or token, before its body is read,
// apart from a few KiB; a host is not another, and has few requests at a time.
package agents

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/fasthttp/router"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// Backend is the service behind the listener. Errors that are *protocol.Error
// are the agent's to know; of *actors.Error the code says which status it is.
type Backend interface {
	// Serving tells whether calls are taken.
	Serving() bool
	OpenSession(ctx context.Context, host string, req *protocol.OpenSession) (*protocol.Session, error)
	Heartbeat(ctx context.Context, host string, body *protocol.Heartbeat) (*protocol.HeartbeatReply, error)
	// ReportInventory takes an inventory of a host that has these names. ifMatch
	// is the digest that the last one must have had; nil: any.
	ReportInventory(ctx context.Context, host string, names []string, body *protocol.Inventory, ifMatch *string) (*protocol.InventoryReply, error)
	// AwaitCommands gives the commands after a number as soon as there are any;
	// none: the time is up.
	AwaitCommands(ctx context.Context, host string, session uuid.UUID, after uint64, wait time.Duration) ([]protocol.Command, error)
	CommandResult(ctx context.Context, host string, id uuid.UUID, body *protocol.Result) error
	// OpenImage gives the content of an image that a command for this very host
	// names.
	OpenImage(ctx context.Context, host string, session, image uuid.UUID) (io.ReadCloser, devices.Image, error)
}

// Options are the settings of the listener. The zero value of a field stands
// for its default.
type Options struct {
	Log            *slog.Logger
	Tokens         *Tokens       // that agents may show; nil: only certificates count
	MaxConnections int           // 4096; beyond, those of strangers give way
	IdleTimeout    time.Duration // of a connection; 2 min
	ReadTimeout    time.Duration // of a whole request; 30 s
	ImageTimeout   time.Duration // of sending an image; 10 min

	now func() time.Time // of tests
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 4096
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.IdleTimeout, 2 * time.Minute}, {&o.ReadTimeout, 30 * time.Second}, {&o.ImageTimeout, 10 * time.Minute}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

// Server serves agents on the listeners that are given to Serve.
type Server struct {
	opt     Options
	backend Backend
	router  *router.Router
	engine  *fasthttp.Server
	gate    gate
	bodies  chan struct{} // room for large bodies in memory
	unknown *strangers
	stats   stats
	quiet   atomic.Int64 // until when nobody is warned, in ns of Unix time

	life     context.Context //nolint:containedctx // of the calls under way
	end      context.CancelFunc
	drained  context.Context //nolint:containedctx // of polls, which wait for nothing when the server stops
	draining context.CancelFunc
}

const (
	// maxBodies bounds the large bodies that are read and decoded at the same time,
	// of which each may be protocol.MaxBody long.
	maxBodies = 16
	// keptBuffer is what an open connection keeps of its buffers.
	keptBuffer = 4096
)

// New makes a Server.
func New(opt Options, backend Backend) *Server {
	opt.fill()
	s := &Server{opt: opt, backend: backend, gate: newGate(), bodies: make(chan struct{}, maxBodies), unknown: newStrangers(opt.MaxConnections)}
	s.life, s.end = context.WithCancel(context.Background())
	s.drained, s.draining = context.WithCancel(s.life)
	s.router = s.newRouter()
	s.engine = &fasthttp.Server{
		Handler:                      s.serve,
		Logger:                       engineLog{opt.Log},
		ConnState:                    s.unknown.track,
		ErrorHandler:                 s.refuseMalformed,
		Concurrency:                  s.unknown.workers(),
		StreamRequestBody:            true, // nobody's body is read before it is known who he is
		MaxRequestBodySize:           protocol.MaxBody,
		ReadBufferSize:               keptBuffer,
		WriteBufferSize:              keptBuffer,
		ReadTimeout:                  opt.ReadTimeout,
		WriteTimeout:                 opt.ImageTimeout,
		IdleTimeout:                  opt.IdleTimeout,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		NoDefaultDate:                true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true, // headers hold tokens
	}
	return s
}

// Serve answers on ln until Shutdown, and closes it. For certificates to count
// it is a TLS listener that asks for them.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.engine.Serve(ln); s.drained.Err() == nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Shutdown ends the polls, closes the listeners and waits for the other answers
// under way. When ctx ends first, these are given up.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.end()
	s.draining()
	return s.engine.ShutdownWithContext(ctx)
}

// engineLog passes on what the engine has to say.
type engineLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger. What went wrong with one connection is of
// interest to nobody else.
func (l engineLog) Printf(format string, args ...any) {
	l.log.Debug("agents' listener", "format", format, "args", args)
}
