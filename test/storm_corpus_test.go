package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// stormHost is where the devices are that storms may touch; it has this name
// in the recorded exchanges.
const stormHost = "fakehost2"

// ground is what a storm plays with: the recorded requests, and the things
// that it may change.
type ground struct {
	requests   []exchange
	replayer   *replayer // knows identities and the variables that do not change
	deployable deployable
	headers    bool     // auth_strategy = headers
	reported   []string // attributes

	mu   sync.Mutex
	arqs []string // some that exist, or did
}

// newGround looks up, and makes, what the recorded requests are about.
func newGround(t *testing.T, c *client, headers bool) *ground {
	t.Helper()
	exchanges := readExchanges(t, "testdata/exchanges.jsonl")
	g := &ground{requests: exchanges[1:], headers: headers, deployable: c.deployables()[stormHost]}
	g.replayer = &replayer{identities: exchanges[0].Identities, values: map[string]string{}}
	for name, id := range g.replayer.identities {
		g.replayer.set("project_id:"+name, id.ProjectID)
		g.replayer.set("user_id:"+name, id.UserID)
	}
	g.replayer.set("run", "storm")
	g.replayer.set("base", "http://a")
	g.replayer.set("rp1", g.deployable.Provider)
	g.replayer.set("dep1", g.deployable.UUID)
	for _, d := range c.devices() {
		if d.Hostname == stormHost {
			g.replayer.set("dev1", d.UUID)
		}
	}
	for _, a := range c.attributes() {
		g.reported = append(g.reported, a.UUID)
	}
	return g
}

// sow makes the ARQs that a storm begins with.
func (g *ground) sow(c *client) {
	c.t.Helper()
	c.createProfile("storm", 16)
	g.made(c.want(http.StatusCreated, http.MethodPost, "/accelerator_requests", createBody("storm")))
}

// clear takes away what a storm has made, and brings its device back.
func (g *ground) clear(c *client, kept *load) {
	c.t.Helper()
	profiles, keys := map[string]bool{}, map[string]bool{}
	for _, w := range kept.workers {
		profiles[w.profile], profiles[w.spare], keys[w.name] = true, true, true
	}
	var arqs []string
	for _, a := range c.arqs("") {
		if !profiles[a.Profile] {
			arqs = append(arqs, a.UUID)
		}
	}
	for some := range slices.Chunk(arqs, 50) {
		c.delete(some...)
	}
	for _, p := range c.profiles() {
		if !profiles[p.Name] {
			c.want(http.StatusNoContent, http.MethodDelete, "/device_profiles/"+p.UUID, nil)
		}
	}
	for _, a := range c.attributes() {
		if !keys[a.Key] && !slices.Contains(g.reported, a.UUID) {
			c.want(http.StatusNoContent, http.MethodDelete, "/attributes/"+a.UUID, nil)
		}
	}
	c.want(http.StatusNoContent, http.MethodPost, "/devices/"+g.replayer.values["dev1"]+"/enable", nil)
}

// keptARQs bounds the memory of a storm.
const keptARQs = 64

// made takes note of the ARQs of an answer, which later requests may name.
func (g *ground) made(a *answer) {
	const before = `"uuid": "`
	g.mu.Lock()
	defer g.mu.Unlock()
	for rest := a.body; ; {
		_, after, found := bytes.Cut(rest, []byte(before))
		if !found || len(after) < 36 {
			break
		}
		g.arqs = append(g.arqs, string(after[:36]))
		rest = after
	}
	if len(g.arqs) > 2*keptARQs {
		g.arqs = slices.Clone(g.arqs[len(g.arqs)-keptARQs:])
	}
}

func (g *ground) anARQ(rng *rand.Rand) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.arqs[rng.IntN(len(g.arqs))]
}

// fill puts values into the place of variables.
func (g *ground) fill(text string, rng *rand.Rand) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		if value, known := g.replayer.values[name[2:len(name)-1]]; known {
			return value
		}
		if rng.IntN(8) == 0 {
			return newUUID()
		}
		return g.anARQ(rng)
	})
}

// draft gives a request, mutated as often as not.
func (g *ground) draft(rng *rand.Rand) *draft {
	d := g.good(rng)
	for range rng.IntN(4) {
		if g.headers && rng.IntN(3) == 0 {
			d.mutateIdentity(rng)
		} else {
			d.mutate(rng)
		}
	}
	return d
}

// good gives a request that is as good as a recorded one, or a bind that is good
// as often as not.
func (g *ground) good(rng *rand.Rand) *draft {
	d := &draft{version: "HTTP/1.1", id: newCanary(), lines: []headerLine{{"Host", "a"}}}
	as, service := "admin", "svc"
	if rng.IntN(6) == 0 {
		instance := newUUID()
		d.method, d.target = http.MethodPatch, "/v2/accelerator_requests"
		d.body = bindBody(g.deployable, instance, g.anARQ(rng), g.anARQ(rng))
		if rng.IntN(3) == 0 {
			d.body = unbindBody(g.anARQ(rng), g.anARQ(rng))
		}
		d.set("Content-Type", jsonType)
	} else {
		x := &g.requests[rng.IntN(len(g.requests))]
		d.method, d.target = x.Request.Method, g.fill(x.Request.Path, rng)
		for _, name := range slices.Sorted(maps.Keys(x.Request.Headers)) {
			d.set(name, g.fill(x.Request.Headers[name], rng))
		}
		switch {
		case x.Request.Raw != nil:
			d.body = []byte(g.fill(*x.Request.Raw, rng))
		case x.Request.Body != nil:
			d.body = []byte(g.fill(string(x.Request.Body), rng))
		}
		if rng.IntN(4) > 0 {
			as, service = x.Request.As, x.Request.Service
		}
	}
	if d.target == "" {
		d.target = "/"
	}
	if g.headers {
		identity := http.Header{}
		g.replayer.identify(identity, as, "X-")
		g.replayer.identify(identity, service, "X-Service-")
		for _, name := range slices.Sorted(maps.Keys(identity)) {
			d.set(name, identity.Get(name))
		}
	}
	return d
}

// confirmed tells whether the draft says that its caller was found to be who
// he is. In no other case may it be served.
func (g *ground) confirmed(d *draft) bool {
	return !g.headers || d.says("X-Identity-Status", "Confirmed")
}

// public tells whether anybody may ask for a path: the documents of versions.
func public(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	path = strings.TrimPrefix(path, "http://a")
	path = strings.TrimPrefix(strings.Trim(path, "/"), "accelerator")
	return path == "" || path == "v2" || path == "/v2"
}

// judge holds an answer against what every answer has to be.
func (g *ground) judge(d *draft, a *answer) string {
	if a.status == http.StatusCreated && d != nil && strings.Contains(d.target, "accelerator_requests") {
		g.made(a)
	}
	switch {
	case a.status >= 500:
		return "a failure of the service"
	case a.header.Get("X-Openstack-Request-Id") == "":
		return "no request id"
	case a.status >= 400 && len(a.body) > 0:
		if text, err := a.fault(); err != nil || text == "" {
			return fmt.Sprintf("no error envelope: %v", err)
		}
	case len(a.body) > 0 && !json.Valid(a.body):
		return "no JSON"
	case a.status < 300 && d != nil && !g.confirmed(d) && !public(d.target):
		return "served to somebody whose identity was not confirmed"
	}
	if len(a.body) > 0 && a.header.Get("Content-Type") != jsonType {
		return "content type " + a.header.Get("Content-Type")
	}
	return ""
}
