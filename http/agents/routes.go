package agents

import (
	"fmt"
	"runtime/debug"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/devices/protocol"
)

func (s *Server) newRouter() *router.Router {
	r := router.New()
	r.RedirectTrailingSlash = false
	r.RedirectFixedPath = false
	r.HandleOPTIONS = false
	r.HandleMethodNotAllowed = false
	r.NotFound = func(ctx *fasthttp.RequestCtx) { s.fail(ctx, "", errNoPath) }
	const host = protocol.Prefix + "/hosts/{host}"
	r.POST(host+"/session", s.of(openSession))
	r.PUT(host+"/inventory", s.of(putInventory))
	r.POST(host+"/heartbeat", s.of(heartbeat))
	r.GET(host+"/commands", s.of(awaitCommands))
	r.POST(host+"/commands/{id}/result", s.of(commandResult))
	r.GET(protocol.Prefix+"/images/{image}", s.of(openImage))
	return r
}

func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	defer func() {
		if p := recover(); p != nil {
			s.opt.Log.Error("panic in the agents' listener", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.fail(ctx, "", errInternal)
		}
	}()
	if s.drained.Err() != nil {
		ctx.SetConnectionClose()
	}
	s.router.Handler(ctx)
}

// call is a request of a host that is who it says it is.
type call struct {
	*Server
	ctx   *fasthttp.RequestCtx
	host  string
	names []string // that it has proven, host among them
	leave func()   // ends its count; what outlasts its handler takes it over
}

// of makes a handler of one that is only for the host itself.
func (s *Server) of(handle func(*call) (any, error)) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		c, err := s.admit(ctx)
		if err != nil {
			ctx.SetConnectionClose() // the body is still on the wire
			host, _ := ctx.UserValue("host").(string)
			s.fail(ctx, host, err)
			return
		}
		defer func() { c.leave() }()
		reply, err := handle(c)
		if err != nil {
			s.fail(ctx, c.host, err)
			return
		}
		if reply != nil {
			s.reply(ctx, reply)
		}
		s.stats.count(ctx.Response.StatusCode())
	}
}

// admit says who asks, and why he may not; nil: he may.
func (s *Server) admit(ctx *fasthttp.RequestCtx) (*call, error) {
	if !s.backend.Serving() || s.drained.Err() != nil {
		return nil, errStarting
	}
	host, ok := ctx.UserValue("host").(string)
	if !ok {
		host = string(ctx.QueryArgs().Peek(protocol.ParamHost))
	}
	names, err := s.identify(ctx, host)
	if err != nil {
		return nil, err
	}
	if !s.unknown.known(ctx.Conn()) {
		return nil, errGaveWay
	}
	leave, ok := s.gate.enter(host)
	if !ok {
		return nil, errBusy
	}
	return &call{Server: s, ctx: ctx, host: host, names: names, leave: leave}, nil
}

func openSession(c *call) (any, error) {
	var body protocol.OpenSession
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if err := c.provesProvider(body.Provider); err != nil {
		return nil, err
	}
	return c.backend.OpenSession(c.life, c.host, &body)
}

func heartbeat(c *call) (any, error) {
	var body protocol.Heartbeat
	if err := c.body(&body); err != nil {
		return nil, err
	}
	return c.backend.Heartbeat(c.life, c.host, &body)
}

func putInventory(c *call) (any, error) {
	var ifMatch *string
	if header := string(c.ctx.Request.Header.Peek(fasthttp.HeaderIfMatch)); header != "" {
		digest, ok := protocol.ParseETag(header)
		if !ok {
			return nil, invalid("If-Match is no digest in quotation marks")
		}
		ifMatch = &digest
	}
	var body protocol.Inventory
	if err := c.body(&body); err != nil {
		return nil, err
	}
	return c.backend.ReportInventory(c.life, c.host, c.names, &body, ifMatch)
}
