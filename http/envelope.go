package http

import (
	"errors"
	"log/slog"
	"strconv"

	"github.com/valyala/fasthttp"
)

const retryAfterSeconds = 1

// fail answers with an error, in the shape that the API has for its kind.
func (c *call) fail(err error) {
	var route *routeError
	switch {
	case errors.As(err, &route):
		c.reason = route.message
		c.failRoute(route)
	case errors.Is(err, errUnauthorized): // the log has the reason, the answer has not
		c.failUnauthorized()
	case errors.Is(err, errLocked):
		c.reason = errLocked.Error()
		c.json(fasthttp.StatusLocked, append(c.scratch(), `{"error_message": "null"}`...))
	default:
		f := faultOf(err)
		c.unknown = f == errOutcomeUnknown
		if f.status >= fasthttp.StatusInternalServerError && !f.retry {
			c.srv.opt.Log.LogAttrs(c.srv.lifetime, slog.LevelError, "request failed",
				c.attrs(slog.Any("error", err))...)
		}
		c.failFault(f)
	}
}

func (c *call) failFault(f *fault) {
	c.reason = f.message
	if f.retry {
		c.ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(max(f.after, retryAfterSeconds)))
	}
	c.json(f.status, appendFault(c.scratch(), f))
}

// appendFault writes JSON inside a JSON string, as the clients expect it.
func appendFault(dst []byte, f *fault) []byte {
	code := "Client"
	if f.status >= fasthttp.StatusInternalServerError {
		code = "Server"
	}
	inner := append(make([]byte, 0, 96+len(f.message)), `{"faultcode": "`...)
	inner = append(inner, code...)
	inner = append(inner, `", "faultstring": `...)
	inner = appendString(inner, f.message)
	inner = append(inner, `, "debuginfo": null}`...)
	return appendEnvelope(dst, string(inner))
}

func appendEnvelope(dst []byte, text string) []byte {
	dst = append(dst, `{"error_message": `...)
	dst = appendString(dst, text)
	return append(dst, '}')
}

func (c *call) failRoute(e *routeError) {
	if e.allow != "" {
		c.ctx.Response.Header.Set(fasthttp.HeaderAllow, e.allow)
	}
	if e.versions {
		c.writeVersionRange()
	}
	c.json(e.status, appendEnvelope(c.scratch(), e.message))
}

func (c *call) failUnauthorized() {
	c.ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, c.srv.challenge)
	c.json(fasthttp.StatusUnauthorized, append(c.scratch(),
		`{"error": {"code": 401, "title": "Unauthorized", `+
			`"message": "The request you have made requires authentication."}}`...))
}
