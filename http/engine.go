package http

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/valyala/fasthttp"
)

// engineLog takes what fasthttp itself has to say: broken connections, mostly.
type engineLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (l engineLog) Printf(format string, args ...any) {
	l.log.Debug("connection", "text", fmt.Sprintf(format, args...))
}

// refuseMalformed answers what never became a request: the handler is not
// called for it, so it has no route and counts as unmatched.
func (s *Server) refuseMalformed(ctx *fasthttp.RequestCtx, err error) {
	c := s.begin(ctx)
	defer c.end()
	c.fail(malformed(err))
}

func malformed(err error) *fault {
	var tooLong *fasthttp.ErrSmallBuffer
	var network interface {
		error
		Timeout() bool
	}
	switch {
	case errors.As(err, &tooLong):
		return refuse(fasthttp.StatusRequestHeaderFieldsTooLarge, "The request line and headers are too long.")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return refuse(fasthttp.StatusRequestEntityTooLarge, "The request body is too long.")
	case errors.As(err, &network) && network.Timeout():
		return refuse(fasthttp.StatusRequestTimeout, "The request did not arrive in time.")
	default:
		return refuse(fasthttp.StatusBadRequest, "The request is not valid HTTP.")
	}
}
