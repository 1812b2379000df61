package test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// visitor is one who sends a request in a load on an arqd with Keystone.
type visitor struct {
	kind   string // known, new, service or bad
	header http.Header
}

// visit is what became of one request.
type visit struct {
	kind       string
	during     int32 // the phase that it fell into as a whole; between: into none
	status     int
	retryAfter string
}

// The phases of the load.
const (
	between int32 = iota
	before
	away
	after
)

// visits is a load of requests with all kinds of tokens.
type visits struct {
	client *client
	known  []string    // tokens that were checked before
	fresh  chan string // good tokens that nobody has shown yet
	vouch  string      // a service token, checked before
	phase  atomic.Int32
	stop   chan struct{}
	serial atomic.Int64

	mu   sync.Mutex
	seen []visit
	all  sync.WaitGroup
}

func (v *visits) run(workers int) {
	for worker := range workers {
		v.all.Go(func() {
			for i := worker; ; i++ {
				select {
				case <-v.stop:
					return
				default:
				}
				v.visit(v.next(i))
			}
		})
	}
}

func (v *visits) next(i int) visitor {
	switch i % 8 {
	case 0:
		return visitor{"bad", withToken(fmt.Sprintf("never-issued-%d", v.serial.Add(1)))}
	case 1:
		select {
		case token := <-v.fresh:
			return visitor{"new", withToken(token)}
		default:
		}
	case 2, 3:
		header := withToken(v.known[i%len(v.known)])
		header.Set("X-Service-Token", v.vouch)
		return visitor{"service", header}
	}
	return visitor{"known", withToken(v.known[i%len(v.known)])}
}

func (v *visits) visit(who visitor) {
	begun := v.phase.Load()
	got, err := v.client.with(who.header).do(http.MethodGet, "/accelerator_requests", nil)
	made := visit{kind: who.kind}
	if err == nil {
		made.status, made.retryAfter = got.status, got.header.Get("Retry-After")
	}
	if v.phase.Load() == begun {
		made.during = begun
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, made)
}

// during has a phase last until it has seen enough of every kind of token.
func (v *visits) during(t *testing.T, phase int32, fresh []string) {
	t.Helper()
	v.phase.Store(phase)
	for _, token := range fresh {
		v.fresh <- token
	}
	eventually(t, time.Minute, fmt.Sprintf("enough requests in phase %d", phase), func() bool {
		counts := map[string]int{}
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, s := range v.seen {
			if s.during == phase {
				counts[s.kind]++
			}
		}
		return min(counts["known"], counts["new"], counts["service"], counts["bad"]) >= 10
	})
}

// check holds every request against what its kind may get at its time.
func (v *visits) check(t *testing.T) {
	t.Helper()
	summary := map[string]int{}
	for _, s := range v.seen {
		summary[fmt.Sprintf("%s in %d: %d", s.kind, s.during, s.status)]++
		var ok bool
		switch s.kind {
		case "bad":
			ok = s.status == 401 || s.status == 503
		case "new":
			ok = s.status == 200 && s.during != away || s.status == 503 && s.during != after
		default: // nothing ever happens to those who are known
			ok = s.status == 200
		}
		if s.during == before {
			ok = ok && s.status != 503
		}
		if s.status == 503 {
			ok = ok && s.retryAfter != ""
		}
		if !ok {
			t.Errorf("%+v", s)
		}
	}
	t.Logf("%v", summary)
}

// TestKeystoneKilledUnderLoad kills Keystone while requests come in, and starts
// it again: nobody passes who should not, who was known before goes on, others
// are told to come back, and all is well again by itself.
func TestKeystoneKilledUnderLoad(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(options{"keystone_authtoken.http_connect_timeout": "5"}))
	p.mayFail = true
	v := &visits{client: p.client(), stop: make(chan struct{}), fresh: make(chan string, 100), vouch: c.token(t, "novasvc", "service")}
	for _, who := range []string{"demo", "demo2", "manager", "admin"} {
		v.known = append(v.known, c.token(t, who, homeOf(who)))
	}
	for _, token := range v.known {
		header := withToken(token)
		header.Set("X-Service-Token", v.vouch)
		v.client.with(header).want(200, http.MethodGet, "/accelerator_requests", nil)
	}
	strangers := func() (tokens []string) {
		for range 15 {
			tokens = append(tokens, c.token(t, "reader", "demo"))
		}
		return tokens
	}
	v.run(4)
	v.during(t, before, strangers())

	// In between neither what holds before nor what holds after is expected.
	newcomers := strangers()
	v.phase.Store(between)
	c.keystone.kill()
	defer func() { // whatever happens here, others need it
		if err := c.keystone.await(); err != nil {
			t.Error(err)
		}
	}()
	v.during(t, away, newcomers)
	if up := p.metrics().value(t, "arqd_keystone_up"); up != 0 {
		t.Errorf("arqd_keystone_up is %v", up)
	}

	v.phase.Store(between)
	if err := c.keystone.start(); err != nil {
		t.Fatal(err)
	}
	recovered := v.client.with(withToken(c.token(t, "demo", "demo")))
	eventually(t, time.Minute, "new tokens are accepted again", func() bool {
		return recovered.send(http.MethodGet, "/accelerator_requests", nil).status == 200
	})
	v.during(t, after, strangers())
	close(v.stop)
	v.all.Wait()
	v.check(t)
	if up := p.metrics().value(t, "arqd_keystone_up"); up != 1 {
		t.Errorf("arqd_keystone_up is %v", up)
	}

	// The log tells it in a few lines, not in one for each request.
	told := 0
	for _, line := range p.log.all() {
		if strings.Contains(line, "Keystone did not check a token") {
			told++
		}
	}
	if told < 1 || told > 10 || !p.log.says("Keystone checks tokens") {
		t.Errorf("%d log lines of the outage", told)
	}
}

// TestStartBeforeKeystone: arqd does not wait for it, and says to come back.
func TestStartBeforeKeystone(t *testing.T) {
	port := freePort(t)
	opts := (&cloud{keystone: &daemon{url: "http://127.0.0.1:" + port}}).with(nil)
	p := start(t, opts)
	p.mayFail = true
	p.client().want(401, http.MethodGet, "/devices", nil)
	p.client().want(200, http.MethodGet, "", nil)
	if got := p.client().with(withToken("any")).want(503, http.MethodGet, "/devices", nil); got.header.Get("Retry-After") == "" {
		t.Errorf("503 without Retry-After: %v", got.header)
	}
}

// TestExpiredTokens has Keystone make tokens that end soon: its users' and
// arqd's own. A user's is refused then, and accepted for a service; arqd's is
// replaced.
func TestExpiredTokens(t *testing.T) {
	c := theCloud(t)
	const life = 4 * time.Second
	c.restartKeystone(t, "expiration = 3600", "expiration = 4")
	p := start(t, c.with(nil))
	token, who, err := c.authenticate("manager", scopeProject("demo"))
	if err != nil {
		t.Fatal(err)
	}
	user := p.client().with(withToken(token))
	user.want(200, http.MethodGet, "/devices", nil)
	c.restartKeystone(t, "expiration = 4", "expiration = 3600")
	vouched := user.with(http.Header{"X-Service-Token": {c.token(t, "novasvc", "service")}})
	loose := user.with(http.Header{"X-Service-Token": {c.token(t, "demo", "demo")}})
	<-time.After(time.Until(who.ExpiresAt) + life/4) // and the end of arqd's own
	user.want(401, http.MethodGet, "/devices", nil)
	vouched.want(200, http.MethodGet, "/devices", nil)
	user.want(401, http.MethodGet, "/devices", nil)
	vouched.want(200, http.MethodGet, "/devices", nil)
	loose.want(401, http.MethodGet, "/devices", nil)
	c.revoke(t, c.token(t, "manager", "demo")) // of another token nothing follows
	vouched.want(200, http.MethodGet, "/devices", nil)
}
