package test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestProxiesAndPages sends a request through a proxy that is trusted and one
// that is not, and asks as a browser does for pages of two origins.
func TestProxiesAndPages(t *testing.T) {
	t.Parallel()
	forwarded := http.Header{"Forwarded": {"for=192.0.2.7;proto=https;host=accelerator.example.org"}}
	links := func(trusted string) string {
		t.Helper()
		c := start(t, options{
			"oslo_middleware.enable_proxy_headers_parsing": "true", "oslo_middleware.trusted_proxies": trusted,
		}).client()
		return string(c.with(forwarded).want(200, http.MethodGet, "/devices", nil).body)
	}
	if got := links("127.0.0.0/8"); !strings.Contains(got, `"https://accelerator.example.org/`) {
		t.Errorf("links for a trusted proxy: %.300s", got)
	}
	if got := links("192.0.2.1"); strings.Contains(got, "example.org") {
		t.Errorf("links for a stranger: %.300s", got)
	}

	c := start(t, options{"cors.allowed_origin": "https://horizon.example.org"}).client()
	for origin, allowed := range map[string]string{"https://horizon.example.org": "https://horizon.example.org", "https://else.example.org": ""} {
		ask := http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"x-auth-token,content-type"},
		}
		if got := c.with(ask).send(http.MethodOptions, "/device_profiles", nil).header.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("a page of %s asks first: allowed origin %q, want %q", origin, got, allowed)
		}
		read := c.with(http.Header{"Origin": {origin}}).want(200, http.MethodGet, "/device_profiles", nil)
		if got := read.header.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("a page of %s reads: allowed origin %q, want %q", origin, got, allowed)
		}
	}
}

// TestRateOfAProject lets a project send its burst, refuses what follows, and
// takes it again later. Nova, with its service
// token, and other projects are not held up.
func TestRateOfAProject(t *testing.T) {
	t.Parallel()
	const burst = 5
	p := start(t, options{"api.auth_strategy": "headers", "api.rate_limit": "0.5", "api.rate_burst": strconv.Itoa(burst)})
	as := func(project string, more ...string) *client {
		h := http.Header{
			"X-Identity-Status": {"Confirmed"}, "X-User-Id": {"u"}, "X-Project-Id": {project}, "X-Roles": {"admin"},
		}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = []string{more[i+1]}
		}
		return p.client().with(h)
	}
	eager := as("eager")
	var refused *answer
	for range 3 * burst {
		if a := eager.send(http.MethodGet, "/devices", nil); a.status != 200 {
			refused = a
			break
		}
	}
	if refused == nil || refused.status != 429 {
		t.Fatalf("%d requests at once: %+v, want a 429", 3*burst, refused)
	}
	if text, err := refused.fault(); err != nil || !strings.Contains(text, "0.5 a second") {
		t.Errorf("the refusal says %q (%v)", text, err)
	}
	as("patient").want(200, http.MethodGet, "/devices", nil)
	nova := as("eager", "X-Service-Identity-Status", "Confirmed", "X-Service-Roles", "service")
	for range 3 * burst {
		nova.want(200, http.MethodGet, "/devices", nil)
	}
	wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 2 {
		t.Fatalf("Retry-After %q, want 1 or 2 seconds", refused.header.Get("Retry-After"))
	}
	eventually(t, time.Minute, "the project may ask again", func() bool {
		return eager.send(http.MethodGet, "/devices", nil).status == 200
	})
}

// TestChangesAreAudited: the log says of every change who made it, to what, and
// what became of it, even if it was refused and the access log is off.
func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	p := start(t, options{"api.access_log": "false"})
	c := p.client()
	c.want(201, http.MethodPost, "/device_profiles", `[{"name": "audited", "groups": [{"resources:FPGA": "1"}]}]`)
	c.want(404, http.MethodDelete, "/accelerator_requests/10000000-0000-4000-8000-000000000001", nil)
	for action, outcome := range map[string]string{"cyborg:device_profile:create": "success", "cyborg:arq:delete": "refused"} {
		want := fmt.Sprintf(`"action":%q,"outcome":%q`, action, outcome)
		eventually(t, time.Minute, "a line with "+want, func() bool { return strings.Contains(p.log.tail(), want) })
	}
	if !strings.Contains(p.log.tail(), `"reason":"accelerator request`) {
		t.Errorf("the log does not say why a deletion was refused:\n%s", p.log.tail())
	}
}
