package http

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/http/auth"
)

// serve is the handler of every request of the API listener.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	conn := connectionOf(ctx.Conn())
	if !conn.serve() {
		return
	}
	c := s.begin(ctx, ctx.Time())
	c.conn = conn
	defer c.end()
	defer c.recoverPanic()
	switch header := &ctx.Request.Header; {
	case ambiguous(header):
		conn.linger()
		ctx.SetConnectionClose()
		c.malformed = true
		c.fail(errFraming)
		return
	case !validHost(header.Host()):
		c.fail(errHost)
		return
	}
	if err := c.readForwarded(); err != nil {
		c.fail(err)
		return
	}
	if c.preflight() {
		return
	}
	stripTrailingSlashes(ctx)
	s.router.Handler(ctx)
}

const callKey = "arqd.call"

func callOf(ctx *fasthttp.RequestCtx) *call {
	c, _ := ctx.UserValue(callKey).(*call)
	return c
}

func (s *Server) begin(ctx *fasthttp.RequestCtx, start time.Time) *call {
	c, _ := calls.Get().(*call)
	c.ctx, c.srv, c.start = ctx, s, start
	c.headers.ctx = ctx
	c.newRequestID()
	c.globalID = globalRequestID(c.headers.Header(requestIDHeader))
	ctx.Response.Header.SetCanonical(requestIDKey, bytesOf(c.requestID))
	ctx.SetUserValue(callKey, c)
	return c
}

// end says what became of the request, in headers, metrics and the log.
func (c *call) end() {
	if c.srv.draining.Load() {
		c.ctx.SetConnectionClose()
	}
	took := time.Since(c.start)
	c.allowOrigin()
	c.srv.metrics.request(c.route, c.method(), c.ctx.Response.StatusCode(), took)
	switch opt := &c.srv.opt; {
	case c.shed: // told of in sum
	case c.isChange() && !opt.QuietAudit:
		c.logChange(took)
	case !opt.QuietAccess:
		c.logAccess(took)
	}
	c.conn.await(c.start.Add(took))
	c.ctx.RemoveUserValue(callKey)
	c.reset()
	calls.Put(c)
}

func (c *call) recoverPanic() {
	p := recover()
	if p == nil {
		return
	}
	c.srv.opt.Log.LogAttrs(c.srv.lifetime, slog.LevelError, "panic in a handler", c.attrs(
		slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))...)
	c.ctx.Response.ResetBody()
	c.failFault(errInternal)
}

// attrs say which request a log line is about. Tokens are in none of them:
// of the headers only the request id is logged.
func (c *call) attrs(more ...slog.Attr) []slog.Attr {
	attrs := make([]slog.Attr, 0, 6+len(more))
	attrs = append(attrs, slog.String("request_id", c.requestID))
	if !c.malformed {
		attrs = append(attrs,
			slog.String("method", string(c.ctx.Method())), slog.String("path", loggedPath(c.ctx.RequestURI())))
	}
	if c.globalID != "" {
		attrs = append(attrs, slog.String("global_request_id", c.globalID))
	}
	if id := c.identity; id != nil {
		attrs = append(attrs, slog.String("user_id", id.UserID))
		switch id.Scope() {
		case auth.ScopeProject:
			attrs = append(attrs, slog.String("project_id", id.ProjectID))
		case auth.ScopeDomain:
			attrs = append(attrs, slog.String("domain_id", id.DomainID))
		case auth.ScopeSystem:
			attrs = append(attrs, slog.String("system_scope", id.SystemScope))
		}
	}
	return append(attrs, more...)
}

const maxLoggedPath = 512

func loggedPath(uri []byte) string {
	if len(uri) > maxLoggedPath {
		return string(uri[:maxLoggedPath]) + "..."
	}
	return string(uri)
}

// maxReason bounds what a line says of a refusal: the text may quote the request.
const maxReason = 512

func bounded(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// logAccess writes the line that says what was asked, and what the answer was.
func (c *call) logAccess(took time.Duration) {
	log := c.srv.opt.Log
	if log.Enabled(c.srv.lifetime, slog.LevelInfo) {
		log.LogAttrs(c.srv.lifetime, slog.LevelInfo, "request", c.answered(nil, took)...)
	}
}

// answered adds what was asked and answered to the attributes of a line.
func (c *call) answered(more []slog.Attr, took time.Duration) []slog.Attr {
	r := &c.ctx.Response
	length := r.Header.ContentLength() // -1: not known beforehand
	if !r.IsBodyStream() {
		length = len(r.Body())
	}
	more = append(more, slog.Int("status", r.StatusCode()), slog.Int("bytes", length),
		slog.Duration("took", took), slog.String("peer", c.ctx.RemoteAddr().String()))
	if c.reason != "" {
		more = append(more, slog.String("reason", bounded(c.reason, maxReason)))
	}
	more = append(more, c.forwarded.attrs()...)
	return c.attrs(more...)
}

// run takes a routed call through the checks, in their order, to its handler.
func (s *Server) run(c *call) error {
	if !c.route.public {
		if err := s.admit(c); err != nil {
			return err
		}
	}
	if c.route.method == fasthttp.MethodGet {
		return s.carryOut(c)
	}
	if err := s.enter(c); err != nil {
		return err
	}
	defer s.gate.Leave(&c.pass)
	return s.carryOut(c)
}

// carryOut takes a call that was let in through the rest of the checks.
func (s *Server) carryOut(c *call) error {
	if !acceptsJSON(c.headers.Header(fasthttp.HeaderAccept)) {
		return errAccept
	}
	if !c.route.unversioned {
		if err := c.negotiate(); err != nil {
			return err
		}
	}
	if err := s.permit(c); err != nil {
		return err
	}
	return c.route.handle(c)
}

// admit lets in who has a valid token, once the service has started.
func (s *Server) admit(c *call) error {
	if !s.opened.Load() {
		if !s.backend.Serving() {
			return errStarting
		}
		s.opened.Store(true)
	}
	id, err := s.validator.Validate(s.lifetime, &c.headers)
	if err == nil {
		c.identity = id
		return s.rates.admit(id, c.start)
	}
	switch {
	case errors.Is(err, auth.ErrPeerRefused):
		s.opt.Log.LogAttrs(s.lifetime, slog.LevelWarn, "identity refused", c.attrs(
			slog.Any("error", err), slog.String("peer", c.ctx.RemoteAddr().String()))...)
		return errUnauthorized
	case errors.Is(err, auth.ErrUnauthorized), errors.Is(err, auth.ErrServiceUnauthorized):
		c.reason = err.Error()
		return errUnauthorized
	case errors.Is(err, auth.ErrUnavailable):
		return errIdentityUnknown
	}
	s.opt.Log.LogAttrs(s.lifetime, slog.LevelError, "identity unknown", c.attrs(slog.Any("error", err))...)
	return errIdentityUnknown
}

// permit asks the policy. The target is the caller's own project: what of
// another project's is named does not exist for the caller, which the handlers
// say with 404.
func (s *Server) permit(c *call) error {
	if c.route.rule == "" {
		return nil
	}
	c.target = auth.Target{ProjectID: c.identity.ProjectID, UserID: c.identity.UserID}
	if !s.policy.Enforce(c.route.rule, &c.target, c.identity) {
		return refuse(fasthttp.StatusForbidden, "The policy does not allow %s to a token with %v scope.",
			c.route.rule, c.identity.Scope())
	}
	return nil
}

// errNoServiceToken is CVE-2026-40213/40214: what belongs to an instance is
// changed by a service on behalf of the user only.
var errNoServiceToken = &fault{
	status:  fasthttp.StatusForbidden,
	message: "This needs a valid X-Service-Token.",
}

func (c *call) requireService() error {
	if !c.identity.Service {
		return errNoServiceToken
	}
	return nil
}
