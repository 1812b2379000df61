package test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// gate stands before a real Keystone and counts what it is asked.
type gate struct {
	*httptest.Server

	mu    sync.Mutex
	asked map[string]int // questions, by the token that they are about
}

func newGate(t *testing.T, c *cloud) *gate {
	t.Helper()
	behind, err := url.Parse(c.keystone.url)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{asked: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subject := r.Header.Get("X-Subject-Token"); subject != "" {
			g.mu.Lock()
			g.asked[subject]++
			g.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gate) about(token string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[token]
}

// behind gives options by which arqd comes to Keystone through the gate: in no
// region of the catalog is another one.
func (g *gate) behind(c *cloud, opts options) options {
	all := c.with(opts)
	all["keystone_authtoken.auth_url"], all["keystone_authtoken.region_name"] = g.URL, "elsewhere"
	all["nova.enabled"] = "false"
	return all
}

// TestOneQuestionForAThousandCalls: a real Keystone is asked once about a token,
// also when it comes 64 times at once at first, and once about a refused one.
func TestOneQuestionForAThousandCalls(t *testing.T) {
	const atOnce = 64
	c := theCloud(t)
	g := newGate(t, c)
	user := start(t, g.behind(c, nil)).client()
	token, bad := c.token(t, "manager", "demo"), "gAAAAABn-never-issued"
	for _, who := range []struct {
		token  string
		status int
		calls  int // of the refused one few: that is remembered for seconds
	}{{token, 200, 1000}, {bad, 401, 2 * atOnce}} {
		caller := user.with(withToken(who.token))
		begin := make(chan struct{})
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				<-begin
				for range (who.calls + atOnce - 1) / atOnce {
					if got, err := caller.do(http.MethodGet, "/devices", nil); err != nil || got.status != who.status {
						t.Errorf("%+v, %v; want status %d", got, err, who.status)
						return
					}
				}
			})
		}
		close(begin)
		all.Wait()
		if n := g.about(who.token); n != 1 {
			t.Errorf("Keystone was asked %d times about a token that is answered with %d", n, who.status)
		}
	}
}

// TestNothingIsRemembered: without a cache each call asks, and a revoked token
// is refused at once.
func TestNothingIsRemembered(t *testing.T) {
	c := theCloud(t)
	g := newGate(t, c)
	token := c.token(t, "manager", "demo")
	user := start(t, g.behind(c, options{"keystone_authtoken.token_cache_time": "0"})).client().with(withToken(token))
	const calls = 5
	for n := range calls {
		user.want(200, http.MethodGet, "/devices", nil)
		if asked := g.about(token); asked != n+1 {
			t.Fatalf("Keystone was asked %d times in %d calls", asked, n+1)
		}
	}
	c.revoke(t, token)
	user.want(401, http.MethodGet, "/devices", nil)
}
