package http

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// CORS says which web pages of others may use the API from a browser, as
// oslo.middleware's section [cors] does. Without Origins no page may.
type CORS struct {
	Origins     []string // scheme://host[:port] each, or * for any page
	Credentials bool     // pages may send cookies and client certificates; never with *
	Expose      []string // headers of answers that pages may read
	Methods     []string
	Headers     []string // of requests; case does not matter
	MaxAge      time.Duration
}

// corsSimple are headers that a page may always send.
var corsSimple = []string{
	"Accept", "Accept-Language", "Content-Type", "Cache-Control", "Content-Language", "Expires", "Last-Modified", "Pragma",
}

// origin gives what the answer may allow: the page's own origin, or *. "": nothing.
func (o *CORS) origin(asked string) string {
	switch {
	case asked == "":
		return ""
	case slices.Contains(o.Origins, asked):
		return asked
	case slices.Contains(o.Origins, "*"):
		return "*"
	}
	return ""
}

// allows tells whether a page may send such a request.
func (o *CORS) allows(method, headers string) bool {
	if !slices.Contains(o.Methods, method) {
		return false
	}
	for name := range strings.FieldsFuncSeq(headers, func(r rune) bool { return r == ',' || r == '\n' }) {
		name = strings.Trim(name, " \t")
		same := func(allowed string) bool { return strings.EqualFold(allowed, name) }
		if name != "" && !slices.ContainsFunc(o.Headers, same) && !slices.ContainsFunc(corsSimple, same) {
			return false
		}
	}
	return true
}

// preflight answers the question of a browser whether it may send a request for
// a page of another origin. Such a question has no token.
func (c *call) preflight() bool {
	cors := &c.srv.opt.CORS
	if len(cors.Origins) == 0 || !c.ctx.IsOptions() {
		return false
	}
	method := c.headers.Header(fasthttp.HeaderAccessControlRequestMethod)
	if method == "" {
		return false
	}
	if cors.origin(c.headers.Header(fasthttp.HeaderOrigin)) == "" {
		return false
	}
	c.empty(fasthttp.StatusOK)
	asked := c.headers.Header(fasthttp.HeaderAccessControlRequestHeaders)
	if !cors.allows(method, asked) {
		c.forbidden = true
		return true
	}
	h := &c.ctx.Response.Header
	h.Set(fasthttp.HeaderAccessControlAllowMethods, method)
	if asked != "" {
		h.Set(fasthttp.HeaderAccessControlAllowHeaders, strings.ReplaceAll(asked, "\n", ","))
	}
	if age := cors.MaxAge; age > 0 {
		h.Set(fasthttp.HeaderAccessControlMaxAge, strconv.Itoa(int(age/time.Second)))
	}
	return true
}

// allowOrigin says in an answer, whatever it is, which page may read it.
func (c *call) allowOrigin() {
	cors := &c.srv.opt.CORS
	if len(cors.Origins) == 0 {
		return
	}
	h := &c.ctx.Response.Header
	if vary := h.Peek(fasthttp.HeaderVary); len(vary) > 0 {
		h.Set(fasthttp.HeaderVary, string(vary)+", "+fasthttp.HeaderOrigin)
	} else {
		h.Set(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	}
	origin := cors.origin(c.headers.Header(fasthttp.HeaderOrigin))
	if origin == "" || c.forbidden {
		return
	}
	h.Set(fasthttp.HeaderAccessControlAllowOrigin, origin)
	if cors.Credentials && origin != "*" {
		h.Set(fasthttp.HeaderAccessControlAllowCredentials, "true")
	}
	if len(cors.Expose) > 0 && !c.ctx.IsOptions() {
		h.Set(fasthttp.HeaderAccessControlExposeHeaders, strings.Join(cors.Expose, ","))
	}
}
