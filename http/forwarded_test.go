package http

import (
	"net"
	"net/netip"
	"testing"

	"github.com/valyala/fasthttp"
)

// behindProxy believes the peer of the tests' connections, or another one.
func behindProxy(peers string) func(*Options) {
	return func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(peers)} }
}

// overTCP has the requests come over a socket, where connections have an address.
func (h *harness) overTCP() *harness {
	h.t.Helper()
	addr := h.listenTCP(plain)
	h.connect = func() (net.Conn, error) { return net.Dial(addr.Network(), addr.String()) }
	return h
}

// TestLinksFollowTheProxy: links begin with what the client of a trusted proxy
// asked for, in either form of the headers.
func TestLinksFollowTheProxy(t *testing.T) {
	h := serve(t, behindProxy("127.0.0.0/8")).overTCP()
	for name, tc := range map[string]struct {
		headers map[string]string
		want    string
	}{
		"none":         {nil, "http://arqd.test/accelerator/v2"},
		"x-forwarded":  {map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.example"}, "https://api.example/accelerator/v2"},
		"proto alone":  {map[string]string{"X-Forwarded-Proto": "HTTPS"}, "https://arqd.test/accelerator/v2"},
		"first wins":   {map[string]string{"X-Forwarded-Host": "api.example:8443, inner.example"}, "http://api.example:8443/accelerator/v2"},
		"prefix":       {map[string]string{"X-Forwarded-Prefix": "/cloud/"}, "http://arqd.test/cloud/accelerator/v2"},
		"rfc 7239":     {map[string]string{"Forwarded": `for="[2001:db8::1]:4711";Proto=https; host="api.example", for=10.0.0.1;host=inner`}, "https://api.example/accelerator/v2"},
		"7239 is more": {map[string]string{"Forwarded": "host=api.example", "X-Forwarded-Host": "other", "X-Forwarded-Proto": "https"}, "http://api.example/accelerator/v2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			got := h.do("GET", "/v2", ask{as: "none", headers: tc.headers})
			got.is(fasthttp.StatusOK)
			got.contains(`"` + tc.want)
		})
	}
}

// TestStrangersAreNoProxies: what others say in these headers is not looked at.
func TestStrangersAreNoProxies(t *testing.T) {
	for name, peers := range map[string]string{"other peers": "192.0.2.0/24", "none": ""} {
		t.Run(name, func(t *testing.T) {
			var h *harness
			if peers == "" {
				h = serve(t).overTCP()
			} else {
				h = serve(t, behindProxy(peers)).overTCP()
			}
			got := h.do("GET", "/v2", ask{as: "none", headers: map[string]string{
				"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Prefix": "/x",
			}})
			got.is(fasthttp.StatusOK)
			got.contains(`"http://arqd.test/accelerator/v2`)
			if client, named := h.log.find(t, "request")["client"]; named {
				t.Errorf("the log names %q as the client", client)
			}
		})
	}
}

// TestTheLogNamesTheClientOfTheProxy, besides the proxy.
func TestTheLogNamesTheClientOfTheProxy(t *testing.T) {
	h := serve(t, behindProxy("127.0.0.1/32")).overTCP()
	h.do("GET", "/v2", ask{headers: map[string]string{"X-Forwarded-For": "203.0.113.7, 10.0.0.1"}})
	line := h.log.find(t, "request")
	if line["client"] != "203.0.113.7" || line["peer"] == "" {
		t.Errorf("client %q, peer %q", line["client"], line["peer"])
	}
}

func TestNonsenseOfAProxyIsRefused(t *testing.T) {
	h := serve(t, behindProxy("127.0.0.1/32")).overTCP()
	for _, headers := range []map[string]string{
		{"X-Forwarded-Proto": "ftp"},
		{"X-Forwarded-Host": "a/b"},
		{"X-Forwarded-Host": `"><script>`},
		{"X-Forwarded-For": "10.0.0.1 evil"},
		{"X-Forwarded-Prefix": "accelerator"},
		{"X-Forwarded-Prefix": "//evil.example"},
		{"X-Forwarded-Prefix": "/a?b"},
		{"Forwarded": "host=a b"},
	} {
		got := h.do("GET", "/v2/devices", ask{headers: headers})
		got.is(fasthttp.StatusBadRequest)
		got.contains("Forwarded")
	}
}
