package http

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// engineLog takes what fasthttp itself has to say: broken connections, mostly.
type engineLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger.
func (l engineLog) Printf(format string, args ...any) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = unquoted(err)
		}
	}
	l.log.Debug("connection", "text", fmt.Sprintf(format, args...))
}

// unquoted is the text of an error of the engine as far as it quotes nothing:
// some quote headers, and headers hold tokens.
func unquoted(err error) string {
	text, _, _ := strings.Cut(err.Error(), `"`)
	return text
}

// headerReceived keeps the engine from asking for a body that it then refuses:
// without the header Expect it refuses at once. And it keeps the engine from
// taking memory for one that there is none for.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	length := h.ContentLength()
	if length == chunkedLength {
		length = s.opt.MaxBodyBytes // at most
	}
	switch {
	case length > s.opt.MaxBodyBytes:
		h.Del(fasthttp.HeaderExpect)
	case length > s.open.bodies.small && !s.open.roomForBody(int64(length)):
		h.Del(fasthttp.HeaderExpect)
		return fasthttp.RequestConfig{MaxRequestBodySize: 1}
	}
	return fasthttp.RequestConfig{}
}

// chunkedLength is what the engine gives as the length of a body in chunks.
const chunkedLength = -1

// refuseMalformed answers what never became a request: the handler is not
// called for it, so it has no route and counts as unmatched. The engine closes
// the connection after the answer.
func (s *Server) refuseMalformed(ctx *fasthttp.RequestCtx, err error) {
	if connectionOf(ctx.Conn()).silent.Load() {
		_ = ctx.Conn().Close() // the answer that the engine still makes goes nowhere
		return
	}
	connectionOf(ctx.Conn()).linger()
	c := s.begin(ctx, time.Now())
	defer c.end()
	c.malformed = true
	s.opt.Log.LogAttrs(s.lifetime, slog.LevelDebug, "malformed request", c.attrs(
		slog.String("reason", unquoted(err)), slog.String("peer", ctx.RemoteAddr().String()))...)
	if errors.Is(err, fasthttp.ErrBodyTooLarge) && s.noRoomFor(&ctx.Request.Header) {
		err = errNoBodyMemory
	}
	c.fail(malformed(err))
}

// noRoomFor tells whether a body was refused that is not too long. Of one in chunks
// nobody knows, and who tries again hears.
func (s *Server) noRoomFor(h *fasthttp.RequestHeader) bool {
	if length := h.ContentLength(); length > 0 {
		return length <= s.opt.MaxBodyBytes
	}
	return s.open.bodies.held.Load()+int64(s.opt.MaxBodyBytes) > s.open.bodies.most
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
	case errors.Is(err, errNoBodyMemory):
		return &fault{
			status: fasthttp.StatusServiceUnavailable, retry: true,
			message: "Too many long requests are under way; nothing was done.",
		}
	case errors.As(err, &network) && network.Timeout():
		return refuse(fasthttp.StatusRequestTimeout, "The request did not arrive in time.")
	default:
		return refuse(fasthttp.StatusBadRequest, "The request is not valid HTTP.")
	}
}
