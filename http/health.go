package http

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// health answers as oslo.middleware's healthcheck does: the process is there.
// Whether it should get requests is what readiness tells.
func (o *Operators) health(ctx *fasthttp.RequestCtx) {
	accept := string(ctx.Request.Header.Peek(fasthttp.HeaderAccept))
	switch {
	case strings.Contains(accept, "application/json"):
		ctx.SetContentTypeBytes(contentTypeJSON)
		ctx.SetBodyString(`{"detailed": false, "reasons": ["OK"]}`)
	case strings.Contains(accept, "text/html"):
		ctx.SetContentType("text/html; charset=utf-8")
		ctx.SetBodyString("<HTML>\n<HEAD><TITLE>Healthcheck Status</TITLE></HEAD>\n<BODY>\n<UL>\n<LI>OK</LI>\n</UL>\n</BODY>\n</HTML>\n")
	default:
		o.text(ctx, fasthttp.StatusOK, "OK")
	}
}

// ready tells whether requests should come here, and if not, why; and what
// else operators should know, if there is anything.
func (o *Operators) ready(ctx *fasthttp.RequestCtx) {
	reasons := o.api.unready()
	body := []byte(`{"ready": true, "reasons": `)
	status := fasthttp.StatusOK
	if len(reasons) > 0 {
		body = []byte(`{"ready": false, "reasons": `)
		status = fasthttp.StatusServiceUnavailable
	}
	body = appendStrings(body, reasons)
	if notes := o.backend.Notes(); len(notes) > 0 {
		body = appendStrings(append(body, `, "notes": `...), notes)
	}
	ctx.SetStatusCode(status)
	ctx.SetContentTypeBytes(contentTypeJSON)
	ctx.SetBody(append(body, '}'))
}

func appendStrings(dst []byte, all []string) []byte {
	dst = append(dst, '[')
	for i, s := range all {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// unready are the reasons why requests should not come here; none when all is well.
func (s *Server) unready() []string {
	reasons := s.backend.Ready()
	if s.draining.Load() {
		reasons = append([]string{"the service is shutting down"}, reasons...)
	}
	return reasons
}
