package agents

import (
	"encoding/json"
	"errors"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/devices/protocol"
)

var (
	errNoPath       = &protocol.Error{Code: protocol.CodeNotFound, Message: "there is no such path"}
	errInternal     = &protocol.Error{Code: protocol.CodeInternal, Message: "internal error"}
	errStarting     = &protocol.Error{Code: protocol.CodeUnavailable, Message: "the service is starting or stopping"}
	errGaveWay      = &protocol.Error{Code: protocol.CodeUnavailable, Message: "the connection has given way to others"}
	errNoRoom       = &protocol.Error{Code: protocol.CodeUnavailable, Message: "too many bodies are being read"}
	errBusy         = &protocol.Error{Code: protocol.CodeBusy, Message: "the host has too many requests in flight"}
	errUnauthorized = &protocol.Error{Code: protocol.CodeUnauthorized, Message: "a certificate or a token of a host is needed"}
	errTooLarge     = &protocol.Error{Code: protocol.CodeTooLarge, Message: "the body is too large"}
	errLongHeader   = &protocol.Error{Code: protocol.CodeTooLarge, Message: "the request line and the headers are too long"}
	errMalformed    = &protocol.Error{Code: protocol.CodeInvalid, Message: "the request is not valid HTTP"}
	errTooSlow      = &protocol.Error{Code: protocol.CodeUnavailable, Message: "the request did not arrive in time"}
)

func invalid(message string) error {
	return &protocol.Error{Code: protocol.CodeInvalid, Message: message}
}

func forbidden(message string) error {
	return &protocol.Error{Code: protocol.CodeForbidden, Message: message}
}

// statuses are the statuses of the codes.
var statuses = map[string]int{
	protocol.CodeInvalid:         fasthttp.StatusBadRequest,
	protocol.CodeNoCommonVersion: fasthttp.StatusBadRequest,
	protocol.CodeUnauthorized:    fasthttp.StatusUnauthorized,
	protocol.CodeForbidden:       fasthttp.StatusForbidden,
	protocol.CodeNotFound:        fasthttp.StatusNotFound,
	protocol.CodeSessionUnknown:  fasthttp.StatusConflict,
	protocol.CodeSessionReplaced: fasthttp.StatusConflict,
	protocol.CodeStale:           fasthttp.StatusConflict,
	protocol.CodeResultDiffers:   fasthttp.StatusConflict,
	protocol.CodeDigestDiffers:   fasthttp.StatusPreconditionFailed,
	protocol.CodeTooLarge:        fasthttp.StatusRequestEntityTooLarge,
	protocol.CodeBusy:            fasthttp.StatusTooManyRequests,
	protocol.CodeUnavailable:     fasthttp.StatusServiceUnavailable,
	protocol.CodeInternal:        fasthttp.StatusInternalServerError,
}

// retryAfter is the header of those answers after which an agent comes again.
const retryAfter = "2"

// fail answers with an error.
func (s *Server) fail(ctx *fasthttp.RequestCtx, host string, err error) {
	e := s.known(host, err)
	s.refuse(ctx, e)
	s.stats.count(ctx.Response.StatusCode())
	log := s.opt.Log.Debug
	if (e.Code == protocol.CodeInvalid || e.Code == protocol.CodeTooLarge) && host != "" && s.mayWarn() {
		log = s.opt.Log.Warn // the agent does not come to terms with this by itself
	}
	log("an agent was refused", "host", shortened(host), "code", e.Code, "message", e.Message)
}

func (s *Server) refuse(ctx *fasthttp.RequestCtx, e *protocol.Error) {
	ctx.Response.ResetBody()
	ctx.SetStatusCode(statuses[e.Code])
	switch e.Code {
	case protocol.CodeUnauthorized:
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
	case protocol.CodeBusy, protocol.CodeUnavailable:
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retryAfter)
	}
	s.reply(ctx, e)
}

// refuseMalformed answers what never became a request, and so is not counted as one: a
// connection that says nothing is no failure. The engine closes the connection after
// the answer. What is wrong is not said: it might quote a token.
func (s *Server) refuseMalformed(ctx *fasthttp.RequestCtx, err error) {
	var network net.Error
	switch {
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		s.refuse(ctx, errLongHeader)
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		s.refuse(ctx, errTooLarge)
	case errors.As(err, &network) && network.Timeout():
		s.refuse(ctx, errTooSlow)
	default:
		s.refuse(ctx, errMalformed)
	}
}

// known gives an error as the agent gets to know it.
func (s *Server) known(host string, err error) *protocol.Error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e
	}
	switch actors.ErrorCode(err) {
	case actors.CodeUnavailable, actors.CodeTimeout, actors.CodeConflict:
		s.opt.Log.Warn("an agent's call could not be served at present", "host", host, "error", err)
		return &protocol.Error{Code: protocol.CodeUnavailable, Message: "not at present"}
	case actors.CodeInvalid:
		return &protocol.Error{Code: protocol.CodeInvalid, Message: err.Error()}
	case actors.CodeNotFound:
		return &protocol.Error{Code: protocol.CodeNotFound, Message: err.Error()}
	case actors.CodeForbidden:
		return &protocol.Error{Code: protocol.CodeForbidden, Message: err.Error()}
	default:
		s.opt.Log.Error("an agent's call failed", "host", host, "error", err)
		return errInternal
	}
}

func (s *Server) reply(ctx *fasthttp.RequestCtx, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.opt.Log.Error("an answer does not encode", "error", err)
		ctx.SetStatusCode(fasthttp.StatusInternalServerError)
		return
	}
	ctx.SetContentType("application/json")
	ctx.Response.SetBodyRaw(text)
}
