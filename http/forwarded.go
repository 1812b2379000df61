package http

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
)

// forwarded is what a proxy says of the request that it passes on. The texts are
// valid during the request only.
type forwarded struct {
	scheme string // http or https
	host   string
	client string // who asked the proxy
	prefix string // of the path, that the proxy has cut off; without a / at its end
}

// readForwarded takes the word of a trusted proxy, as oslo.middleware's
// http_proxy_to_wsgi reads it: of the header Forwarded (RFC 7239) what the first
// proxy said, without it the headers X-Forwarded-*. It changes what links begin
// with and what the log calls the client. Who may come without a token, or with
// identity headers, is still for the address of the connection to tell.
func (c *call) readForwarded() error {
	if len(c.srv.opt.TrustedProxies) == 0 || !c.srv.trusts(c.headers.Peer()) {
		return nil
	}
	f := &c.forwarded
	if text := first(c.headers.Header("Forwarded")); text != "" {
		f.parse(text)
	} else {
		f.scheme = first(c.headers.Header("X-Forwarded-Proto"))
		f.host = first(c.headers.Header("X-Forwarded-Host"))
		f.client = first(c.headers.Header("X-Forwarded-For"))
	}
	f.prefix = strings.TrimRight(first(c.headers.Header("X-Forwarded-Prefix")), "/")
	return f.check()
}

func (s *Server) trusts(peer netip.Addr) bool {
	peer = peer.Unmap()
	return slices.ContainsFunc(s.opt.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// first gives the first of the values that a chain of proxies has collected.
func first(header string) string {
	if end := strings.IndexAny(header, ",\n"); end >= 0 {
		header = header[:end]
	}
	return strings.Trim(header, " \t")
}

// parse reads one element of the header Forwarded.
func (f *forwarded) parse(element string) {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(pair, "=")
		value = strings.Trim(strings.Trim(value, " \t"), `"`)
		switch strings.ToLower(strings.Trim(name, " \t")) {
		case "proto":
			f.scheme = value
		case "host":
			f.host = value
		case "for":
			f.client = value
		}
	}
}

func (f *forwarded) check() error {
	f.scheme = strings.ToLower(f.scheme)
	switch {
	case f.scheme != "" && f.scheme != "http" && f.scheme != "https":
		return invalid("Forwarded: the protocol is neither http nor https.")
	case !validHost([]byte(f.host)):
		return invalid("Forwarded: the host is not a name or an address with or without a port.")
	case !validHost([]byte(f.client)): // or "unknown", or "_hidden"
		return invalid("Forwarded: the client is not an address or a name.")
	case !validPrefix(f.prefix):
		return invalid("X-Forwarded-Prefix: not a path.")
	}
	return nil
}

// validPrefix tells whether the path of a link may begin so.
func validPrefix(path string) bool {
	if path == "" {
		return true
	}
	if path[0] != '/' || len(path) > maxHost || strings.Contains(path, "//") {
		return false
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~"
	return strings.Trim(path, plain) == ""
}

// attrs name the client for the log, if a proxy named it.
func (f *forwarded) attrs() []slog.Attr {
	if f.client == "" {
		return nil
	}
	return []slog.Attr{slog.String("client", f.client)}
}
