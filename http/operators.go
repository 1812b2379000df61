package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/valyala/fasthttp"
)

// Operators is the listener for those who run the service: metrics, health,
// readiness and backups. It needs no token, so it belongs on an address that
// users do not reach.
type Operators struct {
	keeper    Keeper
	backingUp atomic.Bool
	life      context.Context //nolint:containedctx // it is the life of streams, which outlast their handlers
	end       context.CancelFunc
	api       *Server
	backend   Backend
	gatherer  prometheus.Gatherer
	log       *slog.Logger
	engine    *fasthttp.Server
	open      *connections
}

// operatorsConnections bounds the connections of the operators' listener.
const operatorsConnections = 256

// NewOperators makes the listener for an API server, whose options and metrics
// it shares. It is called once per Server.
func NewOperators(api *Server, keeper Keeper) *Operators {
	o := &Operators{
		api: api, keeper: keeper, backend: api.backend, log: api.opt.Log, gatherer: api.metrics.registry,
		open: newConnections(operatorsConnections, grainsOf(api.opt)),
	}
	o.life, o.end = context.WithCancel(context.Background())
	api.metrics.registry.MustRegister(statsCollector{api.backend.Stats})
	api.metrics.registerServer(api)
	o.engine = newEngine(api.opt)
	o.engine.Concurrency = o.open.workers()
	o.engine.Handler = o.serve
	o.engine.ConnState = o.open.track
	o.engine.ErrorHandler = o.refuseMalformed
	return o
}

// registerServer adds what the API server knows of the moment.
func (m *Metrics) registerServer(s *Server) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "arqd_http_open_connections", Help: "Open connections of the API listener.",
		}, func() float64 { return float64(s.open.count.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "arqd_ready", Help: "1 if the readiness page says ready, else 0.",
		}, func() float64 {
			if len(s.unready()) > 0 {
				return 0
			}
			return 1
		}),
		admissionCollector{s.gate.Counts})
}

// Serve answers on ln until Shutdown, and closes it.
func (o *Operators) Serve(ln net.Listener) error {
	err := o.engine.Serve(newListener(ln, o.open, o.log))
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Shutdown closes the listeners, breaks off a backup and waits for the other
// answers under way. It comes after that of the API server, whose readiness
// this listener tells.
func (o *Operators) Shutdown(ctx context.Context) error {
	o.end()
	return o.engine.ShutdownWithContext(ctx)
}

func (o *Operators) serve(ctx *fasthttp.RequestCtx) {
	defer o.recoverPanic(ctx)
	conn := connectionOf(ctx.Conn())
	if !conn.serve() {
		return
	}
	defer func() {
		if !ctx.Response.IsBodyStream() { // a backup does not give way
			conn.await(time.Now())
		}
	}()
	if ambiguous(&ctx.Request.Header) {
		o.refuse(ctx, errFraming)
		return
	}
	if !ctx.IsGet() && !ctx.IsHead() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		o.text(ctx, fasthttp.StatusMethodNotAllowed, "method not allowed\n")
		return
	}
	switch path := strings.TrimRight(string(ctx.URI().PathOriginal()), "/"); path {
	case "/metrics":
		o.metrics(ctx)
	case "/healthcheck":
		o.health(ctx)
	case "/readyz":
		o.ready(ctx)
	case PlacementPath:
		o.placement(ctx)
	case BackupPath:
		o.backup(ctx)
	default:
		o.text(ctx, fasthttp.StatusNotFound, "try /metrics, /healthcheck, /readyz or /placement\n")
	}
}

// refuseMalformed answers what never became a request.
func (o *Operators) refuseMalformed(ctx *fasthttp.RequestCtx, err error) {
	if connectionOf(ctx.Conn()).silent.Load() {
		_ = ctx.Conn().Close() // the answer that the engine still makes goes nowhere
		return
	}
	o.refuse(ctx, malformed(err))
}

// refuse ends the connection with an answer.
func (o *Operators) refuse(ctx *fasthttp.RequestCtx, f *fault) {
	connectionOf(ctx.Conn()).linger()
	ctx.SetConnectionClose()
	o.text(ctx, f.status, f.message+"\n")
}

func (o *Operators) recoverPanic(ctx *fasthttp.RequestCtx) {
	if p := recover(); p != nil {
		o.log.Error("panic in the operators' listener",
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		o.text(ctx, fasthttp.StatusInternalServerError, "internal error\n")
	}
}

func (o *Operators) text(ctx *fasthttp.RequestCtx, status int, body string) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString(body)
}

func (o *Operators) metrics(ctx *fasthttp.RequestCtx) {
	families, err := o.gatherer.Gather()
	if err != nil {
		o.log.Error("metrics not gathered", "error", err)
		o.text(ctx, fasthttp.StatusInternalServerError, "metrics could not be gathered\n")
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	ctx.SetContentType(string(format))
	encoder := expfmt.NewEncoder(ctx.Response.BodyWriter(), format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			o.log.Error("metrics not encoded", "error", err)
		}
	}
}
