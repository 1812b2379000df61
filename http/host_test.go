package http

import (
	"strings"
	"testing"
)

func TestHostsThatLinksAreMadeOf(t *testing.T) {
	h := serve(t)
	h.backend.devices = twoDevices()
	ask := func(host string) answer {
		return h.raw("GET /v2/devices HTTP/1.1\r\nX-Auth-Token: admin\r\nHost: " + host + "\r\n\r\n")
	}
	for _, host := range []string{
		"arqd.test", "ARQD_1.test:6666", "[2001:db8::1]:6666", "10.0.0.1", strings.Repeat("h", 255) + ":65535",
	} {
		if got := ask(host); got.status != 200 || !strings.Contains(got.body, `"http://`+host+"/accelerator/v2/") {
			t.Errorf("%s: %d %s", host, got.status, got.body)
		}
	}
	for _, host := range []string{
		`a"b`, "a/b", "a b", "a,b", "user@a", "a?b", "a#b", "<a>", "a%2f", "\u00fc.test", strings.Repeat("h", 262),
	} {
		ask(host).fails(400, "")
	}
	old := h.raw("GET /v2/devices HTTP/1.0\r\nX-Auth-Token: admin\r\n\r\n")
	if want := `"http://` + h.ln.Addr().String() + "/accelerator/v2/"; old.status != 200 || !strings.Contains(old.body, want) {
		t.Errorf("no host: %d %s, want links to %s", old.status, old.body, want)
	}
}

func TestHostsAreCheckedWithAPublicEndpoint(t *testing.T) {
	h := serve(t, func(o *Options) { o.PublicEndpoint = "https://api.test" })
	h.raw("GET /v2 HTTP/1.1\r\nHost: a,b\r\n\r\n").fails(400, "Host")
}
