package agents

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
)

// identify gives the names of whoever has opened the connection, and refuses
// him who is not the host that he speaks for.
func (s *Server) identify(ctx *fasthttp.RequestCtx, host string) ([]string, error) {
	names := s.namesOf(ctx)
	switch {
	case len(names) == 0:
		s.stats.strangers.Add(1)
		s.logStranger("an agent without a certificate or a token that counts", ctx, host, nil)
		return nil, errUnauthorized
	case host == "" || !slices.Contains(names, host):
		s.stats.impostors.Add(1)
		s.logStranger("an agent speaks for a host that it is not", ctx, host, names)
		return nil, forbidden(fmt.Sprintf("the certificate or token is not that of host %q", shortened(host)))
	}
	return names, nil
}

// provesProvider refuses a resource provider that is not the host's: the devices of
// one would go below another's, and be bound to its guests. Whoever has proven a name
// may speak for the host of that name anyway.
func (c *call) provesProvider(name string) error {
	if name == "" || slices.Contains(c.names, name) {
		return nil
	}
	c.stats.impostors.Add(1)
	c.logStranger("an agent names a resource provider that is not its host's", c.ctx, c.host, c.names)
	return forbidden(fmt.Sprintf("resource_provider_name: %q is none of the names that the certificate or token of host %q stands for",
		shortened(name), shortened(c.host)))
}

// namesOf gives the names that a certificate, which the listener has verified,
// or else a token stands for. A certificate that has ended since the connection
// was opened stands for nobody.
func (s *Server) namesOf(ctx *fasthttp.RequestCtx) []string {
	if state := ctx.TLSConnectionState(); state != nil && len(state.VerifiedChains) > 0 {
		leaf := state.VerifiedChains[0][0]
		if s.opt.now().After(leaf.NotAfter) {
			return nil
		}
		names := slices.Clone(leaf.DNSNames)
		if cn := leaf.Subject.CommonName; cn != "" && !slices.Contains(names, cn) {
			names = append(names, cn)
		}
		return names
	}
	token, ok := bytes.CutPrefix(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization), []byte("Bearer "))
	if !ok || s.opt.Tokens == nil {
		return nil
	}
	return s.opt.Tokens.names(token)
}

// warnPause is how long the log is quiet after a warning: agents and strangers
// must not fill it. All of them are counted.
const warnPause = 100 * time.Millisecond

// mayWarn says whether the log may have another warning.
func (s *Server) mayWarn() bool {
	now := time.Now().UnixNano()
	until := s.quiet.Load()
	passed := now >= until || until-now > int64(warnPause) // or else the clock was set back
	return passed && s.quiet.CompareAndSwap(until, now+int64(warnPause))
}

func (s *Server) logStranger(text string, ctx *fasthttp.RequestCtx, host string, names []string) {
	if !s.mayWarn() {
		return
	}
	s.opt.Log.Warn("refused", "reason", text, "host", shortened(host), "names", names, "peer", ctx.RemoteAddr().String(), "path", shortened(string(ctx.Path())))
}

func shortened(s string) string { return s[:min(len(s), 256)] }
