package http

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/admission"
	"github.com/arqd/arqd/http/auth"
)

// call is one request on its way through the server. It is reused: nothing
// may keep it, or anything that it gives out uncopied, after the answer.
type call struct {
	ctx       *fasthttp.RequestCtx
	srv       *Server
	conn      *connection // nil: malformed, or none
	headers   headerSource
	route     *route // nil: none matched
	malformed bool   // it never became a request: no method, no path
	identity  *auth.Identity
	target    auth.Target
	minor     int // microversion 2.minor
	start     time.Time
	random    uuid.UUID // of the request id
	requestID string
	globalID  string // the caller's request id, if valid
	linkBase  []byte // JSON text
	forwarded forwarded
	forbidden bool   // a page of another origin may not send this
	unknown   bool   // the outcome is
	shed      bool   // refused because there is too much to do
	reason    string // why it was refused, or failed; for the log
	pass      admission.Pass
	touched   []uuid.UUID // by a change
	buffer    []byte      // for the answer
}

// method is that of the request, none if it is malformed: the engine would
// say GET.
func (c *call) method() []byte {
	if c.malformed {
		return nil
	}
	return c.ctx.Method()
}

var calls = sync.Pool{New: func() any { return new(call) }}

// What an idle call holds on to is bounded.
const (
	maxKeptBuffer  = 128 << 10
	maxKeptTouched = 1 << 10
)

func (c *call) reset() {
	*c = call{linkBase: c.linkBase[:0], buffer: c.buffer, touched: c.touched[:0], pass: c.pass}
	if cap(c.touched) > maxKeptTouched {
		c.touched = nil
	}
	if cap(c.buffer) > maxKeptBuffer {
		c.buffer = nil
	}
}

// scratch is an empty buffer for the body of the answer, to append to and to
// give to json.
func (c *call) scratch() []byte { return c.buffer[:0] }

var contentTypeJSON = []byte("application/json")

// json answers with body, which may be scratch and is gone after it: the
// buffer changes place with the one of the response.
func (c *call) json(status int, body []byte) {
	r := &c.ctx.Response
	r.SetStatusCode(status)
	r.Header.SetContentTypeBytes(contentTypeJSON)
	c.buffer = r.SwapBody(body)
}

// empty answers without a body.
func (c *call) empty(status int) { c.ctx.Response.SetStatusCode(status) }

// scope is what of the ARQs the caller may see and touch.
func (c *call) scope() actors.Scope {
	return actors.Scope{ProjectID: c.identity.ProjectID, Admin: c.identity.IsAdmin()}
}

// originID is the id by which others may know the request: the caller's, or
// our own.
func (c *call) originID() string {
	if c.globalID != "" {
		return c.globalID
	}
	return c.requestID
}

// lifetime is the context of a change. It outlives the connection on purpose:
// a client that goes away does not undo what it asked for. The time limit is
// the Backend's.
func (c *call) lifetime() context.Context { return c.srv.lifetime }

// pathID is the {id} of the path, percent-decoded. The router has copied it.
func (c *call) pathID() string {
	text, _ := c.ctx.UserValue("id").(string)
	decoded, ok := percentDecode(text, false)
	if !ok {
		return text
	}
	return decoded
}

// base is what links begin with, as JSON text without quotes.
func (c *call) base() []byte {
	if c.srv.base != nil {
		return c.srv.base
	}
	if len(c.linkBase) == 0 {
		c.linkBase = c.appendRequestBase(c.linkBase)
	}
	return c.linkBase
}

func (c *call) appendRequestBase(dst []byte) []byte {
	f := &c.forwarded
	switch {
	case f.scheme != "":
		dst = append(dst, f.scheme...)
	case c.ctx.IsTLS():
		dst = append(dst, "https"...)
	default:
		dst = append(dst, "http"...)
	}
	dst = append(dst, "://"...)
	host := f.host
	if host == "" {
		host = aliasOf(c.ctx.Request.Header.Host())
	}
	if host == "" {
		host = c.ctx.LocalAddr().String()
	}
	return append(appendStringContent(dst, host), f.prefix...)
}

// headerSource is the request as validators see it.
type headerSource struct{ ctx *fasthttp.RequestCtx }

// Header joins the values of a header sent several times by "\n"; the text is
// valid during the request only.
func (h *headerSource) Header(name string) string {
	values := h.ctx.Request.Header.PeekAll(name)
	switch len(values) {
	case 0:
		return ""
	case 1:
		return aliasOf(values[0])
	}
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return strings.Join(all, "\n")
}

// Peer is the address at the other end of the connection.
func (h *headerSource) Peer() netip.Addr {
	if tcp, ok := h.ctx.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

// PeerVerified tells of a client certificate that the listener accepted.
func (h *headerSource) PeerVerified() bool {
	state := h.ctx.TLSConnectionState()
	return state != nil && len(state.VerifiedChains) > 0
}

// Method is the request's method, valid during the request only.
func (h *headerSource) Method() string { return aliasOf(h.ctx.Method()) }

// Path is the path as the router sees it: as it was sent, without trailing
// slashes. It is valid during the request only.
func (h *headerSource) Path() string { return aliasOf(h.ctx.URI().PathOriginal()) }

// bytesOf is text as bytes without a copy, not to be altered.
func bytesOf(text string) []byte {
	return unsafe.Slice(unsafe.StringData(text), len(text))
}

// aliasOf is b as text without a copy: for the time of the request only.
func aliasOf(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
