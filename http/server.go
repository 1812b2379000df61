package http

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/http/admission"
	"github.com/arqd/arqd/http/auth"
)

// Policy answers whether an identity may do what a rule names.
type Policy interface {
	Enforce(rule string, target *auth.Target, id *auth.Identity) bool
}

// Server serves the accelerator API on the listeners that are given to Serve.
type Server struct {
	opt       Options
	backend   Backend
	validator auth.Validator
	policy    Policy
	metrics   *Metrics

	router *router.Router
	engine *fasthttp.Server
	base   []byte // PublicEndpoint as JSON text, nil when links follow the request

	challenge string // WWW-Authenticate of a 401

	// lifetime ends when Shutdown gives up waiting: it is the parent of the
	// contexts that the Backend gets.
	lifetime context.Context
	end      context.CancelFunc

	open      *connections
	rates     *rateLimit
	gate      *admission.Gate // for changes
	opened    atomic.Bool     // the Backend was ready once
	draining  atomic.Bool
	listeners listeners
}

// New makes a Server. It answers 503 until the Backend has been ready once;
// after that it is for the Backend to refuse what it cannot do.
func New(opt Options, backend Backend, validator auth.Validator, policy Policy, metrics *Metrics) *Server {
	opt = opt.withDefaults()
	s := &Server{
		opt: opt, backend: backend, validator: validator, policy: policy, metrics: metrics,
	}
	if s.metrics == nil {
		s.metrics = NewMetrics()
	}
	if opt.PublicEndpoint != "" {
		s.base = appendStringContent(nil, strings.TrimRight(opt.PublicEndpoint, "/"))
	}
	s.challenge = fmt.Sprintf("Keystone uri=%q", opt.AuthURI)
	s.lifetime, s.end = context.WithCancel(context.Background())
	s.open = newConnections(opt.MaxConnections, grainsOf(opt))
	s.open.bodies = newBodies(opt.BodyMemory, opt.MaxHeaderBytes+smallBytes)
	s.rates = newRateLimit(opt.RatePerProject, opt.RateBurst)
	s.gate = s.newGate()
	s.router = s.newRouter()
	s.engine = newEngine(opt)
	s.engine.Concurrency = s.open.workers()
	s.engine.Handler = s.serve
	s.engine.HeaderReceived = s.headerReceived
	s.engine.ErrorHandler = s.refuseMalformed
	s.engine.ConnState = s.open.track
	return s
}

// newEngine sets what every listener of ours has in common.
func newEngine(opt Options) *fasthttp.Server {
	// The engine keeps the buffer of a body with its connection, also while that
	// is idle. The limit is the engine's for all servers of a process.
	fasthttp.SetBodySizePoolLimit(keptBody, keptBody)
	return &fasthttp.Server{
		Logger:                       engineLog{opt.Log},
		MaxRequestBodySize:           opt.MaxBodyBytes,
		ReadBufferSize:               opt.MaxHeaderBytes,
		ReadTimeout:                  opt.ReadTimeout,
		WriteTimeout:                 opt.WriteTimeout,
		IdleTimeout:                  opt.IdleTimeout,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true, // headers hold tokens
	}
}

// Serve answers on ln until Shutdown; it closes ln. TLS is the listener's
// business. It returns nil after Shutdown. Several listeners may be served at
// once, each by its own call.
func (s *Server) Serve(ln net.Listener) error {
	ln = newListener(ln, s.open, s.opt.Log)
	if !s.listeners.add(ln) {
		return ln.Close()
	}
	err := s.engine.Serve(ln)
	if s.draining.Load() || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Drain makes every further answer close its connection. The readiness page
// says so; Shutdown begins with it.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown drains, closes the listeners and waits until each accepted request
// has its answer. When ctx ends first, the operations still under way are
// cancelled and its error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.end()
	s.Drain()
	s.listeners.close()
	s.letIdleConnectionsFinish(ctx)
	return s.engine.ShutdownWithContext(ctx)
}
