package test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stormTime is how long storms last: ARQD_STORM in seconds, or a little.
func stormTime(t *testing.T) time.Duration {
	t.Helper()
	seconds, err := strconv.Atoi(os.Getenv("ARQD_STORM"))
	if err != nil {
		return 6 * time.Second
	}
	return time.Duration(seconds) * time.Second
}

// stormSlices cuts a storm into parts, after each of which the service is looked at:
// a short one that wakes everything up, and what has to leave nothing behind.
func stormSlices(length time.Duration) []time.Duration {
	const longest = 20 * time.Second
	parts := []time.Duration{time.Second}
	rest := max(length-time.Second, time.Second)
	n := (rest + longest - 1) / longest
	for range n {
		parts = append(parts, rest/n)
	}
	return parts
}

var rough = options{
	"fake.hosts":              "compute1,compute2,spare," + stormHost,
	"fake.handles_per_device": "64",
}

const roughHandles = 4 * 64

// TestStorm sends what no client should, random and mutated, while others work:
// every answer is HTTP and no failure, nothing but requests is served, those
// who behave are served as ever, nothing grows, and the store is sound.
func TestStorm(t *testing.T) {
	seed := seedOf(t)
	for _, strategy := range []string{"none", "headers"} {
		t.Run(strategy, func(t *testing.T) {
			n := newNode(t, nil)
			opts := maps.Clone(rough)
			opts["api.auth_strategy"] = strategy
			n.configure(opts)
			p := n.start()
			weather(t, p, seed, strategy == "headers")
			p.stop()
			n.store("verify") // fails for any violation
		})
	}
}

func weather(t *testing.T, p *process, seed uint64, headers bool) {
	t.Helper()
	c := p.client()
	if headers {
		c = c.with(as("admin")).with(serviceToken("service"))
	}
	l := newLoad(c, 4, seed, "spare")
	l.spare(stormHost)
	g := newGround(t, c, headers)
	s := newStorm(p.api, seed)
	s.draft, s.judge = g.draft, g.judge
	var before vitals
	for i, slice := range stormSlices(stormTime(t) / 2) {
		g.sow(c)
		all := l.run(p, -1)
		s.rage(slice)
		l.resting.Store(true)
		all.Wait()
		s.report(p)
		l.verify(t, c)
		g.clear(c, l)
		p.checkHandles(c, roughHandles)
		c.http.CloseIdleConnections()
		now := p.rest()
		t.Logf("%d requests of those who behave; %v", l.answered.Load(), now)
		if i == 0 { // everything has been used once
			before = now
		}
		p.checkGrowth(before, now)
		if t.Failed() {
			return
		}
	}
	for method, status := range map[string]int{"GET": 200, "POST": 201, "PATCH": 202, "DELETE": 204} {
		if !s.got(method, status) {
			t.Errorf("no %s of the storm got %d: it did not reach far", method, status)
		}
	}
}

// spare has the workers leave a host to others.
func (l *load) spare(host string) {
	var left []deployable
	for _, d := range l.deployables {
		if d.host != host {
			left = append(left, d)
		}
	}
	l.deployables = left
}

// TestStormOnOperators does the same to the listener that needs no token, of a service
// that has something to tell: each page is whole, and a backup that nobody read to its
// end keeps nobody from the next one.
func TestStormOnOperators(t *testing.T) {
	seed := seedOf(t)
	n := newNode(t, nil)
	n.configure(n.onePort(rough))
	p := n.start()
	c := p.client()
	c.createProfile("one", 1)
	c.create("one")
	c.http.CloseIdleConnections()
	s := newStorm(p.admin, seed)
	s.draft, s.judge = draftForOperators, judgeOperators
	s.rage(time.Second)
	before := p.rest()
	s.rage(stormTime(t) / 6)
	s.report(p)
	p.checkGrowth(before, p.rest())
	if status, _ := p.readyz(); status != 200 || !s.got("GET", 200) || !s.got("GET", 400) || !s.got("POST", 405) {
		t.Errorf("/readyz after the storm: %d", status)
	}
	saved := n.savedAs("after-the-storm")
	n.store("verify", "--backup", saved)
	p.kill()
	n.store("verify")
	p = n.start()
	if got := p.client().arqs(""); len(got) != 1 {
		t.Errorf("%d ARQs after the storm", len(got))
	}
}

func draftForOperators(rng *rand.Rand) *draft {
	d := &draft{method: "GET", version: "HTTP/1.1", id: newCanary(), lines: []headerLine{{"Host", "a"}}}
	d.target = pickOne(rng, "/metrics", "/healthcheck", "/readyz", "/store/backup", "/placement", "/placement", "/")
	if rng.IntN(2) == 0 && d.target == "/placement" {
		d.target += "?" + pickOne(rng, "state", "hostname", "device", "hostname", "host") + "=" + pickOne(rng, "off", "compute1", "%00", "\xff", "", "x&state=off", "&&", "00000000-0000-0000-0000-000000000000")
	}
	if rng.IntN(8) == 0 {
		d.method, d.body = pickOne(rng, "POST", "PUT", "DELETE"), []byte(oddScalar(rng))
	}
	for range rng.IntN(4) {
		d.mutate(rng)
	}
	return d
}

// judgeOperators holds an answer against what pages of operators are: metrics, JSON, a
// backup, or a line of text.
func judgeOperators(d *draft, a *answer) string {
	kind := a.header.Get("Content-Type")
	switch {
	case a.status >= 500:
		return "a failure of the service"
	case a.status >= 300 && len(a.body) > 0 && (!strings.HasPrefix(kind, "text/plain") || !strings.HasSuffix(string(a.body), "\n")):
		return "a refusal that is no line of text: " + kind
	case kind == jsonType && len(a.body) > 0 && !json.Valid(a.body):
		return "no JSON"
	case d != nil && a.status == 200 && d.method != http.MethodHead && len(a.body) == 0:
		return "an empty page"
	}
	return ""
}
