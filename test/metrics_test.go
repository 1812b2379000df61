package test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestMetricsAreThereFromTheStart: an empty store has counts of everything, zeros.
func TestMetricsAreThereFromTheStart(t *testing.T) {
	p := start(t, nil)
	p.client().devices() // counters of requests come with the first of them
	m := p.metrics()
	for _, state := range []string{"Initial", "BindStarted", "Bound", "Unbound", "BindFailed", "UnbindFailed", "Deleting"} {
		if got := m.value(t, "arqd_arqs", "state", state); got != 0 {
			t.Errorf("%v ARQs %s in an empty store", got, state)
		}
	}
}

// TestMetricsMove follows the numbers through the life of two ARQs.
func TestMetricsMove(t *testing.T) {
	p := start(t, nil)
	c := p.client()
	before := p.metrics()
	at := func(m page, name string, labels ...string) float64 { return m.value(t, name, labels...) }
	if got := before.handles(t); got != (handles{free: 16}) {
		t.Errorf("at first: %+v", got)
	}
	c.createProfile("two", 2)
	uuids, instance := c.create("two"), newUUID()
	created := p.metrics()
	if got := at(created, "arqd_arqs", "state", "Initial"); got != 2 {
		t.Errorf("after a creation of two %v are Initial", got)
	}
	if got := at(created, "arqd_device_profiles"); got != 1 {
		t.Errorf("%v profiles, want 1", got)
	}
	c.bind(c.deployable(), instance, uuids...)
	bound := p.metrics()
	if got := at(bound, "arqd_arqs", "state", "Bound"); got != 2 {
		t.Errorf("after a bind of two %v are Bound", got)
	}
	if got := bound.handles(t); got != (handles{free: 14, taken: 2}) {
		t.Errorf("after a bind of two: %+v", got)
	}
	c.want(404, http.MethodGet, "/accelerator_requests/"+newUUID(), nil)
	c.delete(uuids...)
	// The event of the bind leaves the outbox, and the actors rest, by and by.
	eventually(t, 10*time.Second, "the outbox is empty", func() bool {
		m := p.metrics()
		return at(m, "arqd_outbox_depth") == 0 && at(m, "arqd_outbox_oldest_seconds") == 0
	})
	eventually(t, 10*time.Second, "no operation is under way", func() bool {
		return at(p.metrics(), "arqd_actors", "kind", "operation") == 0
	})
	after := p.metrics()
	if got := after.handles(t); got != (handles{free: 16}) {
		t.Errorf("in the end: %+v", got)
	}
	if got := at(after, "arqd_actors", "kind", "device"); got != 1 {
		t.Errorf("%v device actors, want 1", got)
	}
	requests := map[[3]string]float64{
		{"/v2/device_profiles", "POST", "201"}:           1,
		{"/v2/accelerator_requests", "POST", "201"}:      1,
		{"/v2/accelerator_requests", "PATCH", "202"}:     1,
		{"/v2/accelerator_requests", "DELETE", "204"}:    1,
		{"/v2/accelerator_requests/{id}", "GET", "404"}:  1,
		{"/v2/deployables", "GET", "200"}:                1,
		{"/v2/accelerator_requests/{id}", "PATCH", "42"}: 0,
	}
	for r, want := range requests {
		if got := at(after, "arqd_http_requests_total", "route", r[0], "method", r[1], "code", r[2]); got != want {
			t.Errorf("%v: %v requests counted, want %v", r, got, want)
		}
	}
	if got := at(after, "arqd_http_request_duration_seconds", "route", "/v2/accelerator_requests", "method", "PATCH"); got != 1 {
		t.Errorf("%v PATCH requests timed, want 1", got)
	}
	for _, name := range []string{
		"arqd_store_batch_transitions", "arqd_store_batch_records", "arqd_store_batch_bytes", "arqd_store_commit_duration_seconds",
	} {
		if grown := at(after, name) - at(before, name); grown < 4 {
			t.Errorf("%s saw %v commits, want at least 4", name, grown)
		}
	}
	won := at(after, "arqd_store_transitions_total", "outcome", "won") - at(before, "arqd_store_transitions_total", "outcome", "won")
	if won < 4 {
		t.Errorf("%v transitions won, want at least 4", won)
	}
}

// TestMetricLabelsAreBounded: whatever clients send, the page has the same
// series as before.
func TestMetricLabelsAreBounded(t *testing.T) {
	seed := seedOf(t)
	p := start(t, nil)
	hammer(t, p, rand.New(rand.NewPCG(seed, 1)))
	first := p.metrics()
	hammer(t, p, rand.New(rand.NewPCG(seed, 2)))
	second := p.metrics()
	if first.series() != second.series() {
		t.Errorf("%d series became %d", first.series(), second.series())
	}
	for name, family := range second {
		if n := len(family.GetMetric()); n > 400 {
			t.Errorf("%s has %d label sets", name, n)
		}
	}
	methods := map[string]bool{}
	for _, metric := range second["arqd_http_requests_total"].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "method" {
				methods[label.GetValue()] = true
			}
		}
	}
	if len(methods) > 8 {
		t.Errorf("methods in labels: %v", methods)
	}
}

// hammer sends requests that differ in everything that a client chooses, and
// the same kinds of them each time.
func hammer(t *testing.T, p *process, rng *rand.Rand) {
	t.Helper()
	word := func() string { return fmt.Sprintf("x%x", rng.Uint64()) }
	w, err := dial(host(p.api))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { w.close() }()
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
	for i := range 600 {
		method := methods[i%len(methods)]
		if i%5 == 0 {
			method = strings.ToUpper(word())
		}
		path := []string{
			"/" + word(), "/v2/" + word(), "/v2/devices/" + word(), "/v2/device_profiles/" + newUUID(),
			"/v2/accelerator_requests/" + newUUID(), "/v2/devices/" + word() + "/disable", "/accelerator/v2/deployables/" + word(),
			"/v2/" + word() + "/" + word() + "/" + word(), "/v2/devices?" + word() + "=" + word(),
		}[i%9]
		header := http.Header{"User-Agent": {word()}, "X-" + word(): {word()}}
		got, err := w.roundTrip(method, path, header, nil)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		if got.header.Get("Connection") == "close" {
			w.close()
			if w, err = dial(host(p.api)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestHealth(t *testing.T) {
	p := start(t, nil)
	plain := p.operators().want(200, http.MethodGet, "/healthcheck", nil)
	if string(plain.body) != "OK" {
		t.Errorf("/healthcheck says %q, want OK", plain.body)
	}
	detailed := p.operators().with(http.Header{"Accept": {jsonType}}).want(200, http.MethodGet, "/healthcheck", nil)
	var health struct {
		Detailed *bool
		Reasons  []string
	}
	detailed.read(t, &health)
	if health.Detailed == nil || len(health.Reasons) != 1 {
		t.Errorf("/healthcheck as JSON: %s", detailed.body)
	}
	if status, state := p.readyz(); status != 200 || !state.Ready || len(state.Reasons) != 0 {
		t.Errorf("/readyz: %d %+v", status, state)
	}
	p.operators().want(405, http.MethodPost, "/metrics", nil)
	p.operators().want(404, http.MethodGet, "/v2/devices", nil)
	p.operators().want(404, http.MethodGet, "/debug/pprof/heap", nil)
}

// TestReadyOnlyWhenReady looks at the service from the moment of its start:
// until it is ready it does not listen, or says why it is not.
func TestReadyOnlyWhenReady(t *testing.T) {
	n := newNode(t, nil)
	n.prefill(200)
	api, admin := freePort(t), freePort(t)
	n.configure(options{"api.port": api, "arqd.admin_port": admin})
	p := n.launch()
	p.api, p.admin = "http://127.0.0.1:"+api, "http://127.0.0.1:"+admin
	c, operators := p.client(), p.operators()
	var early int
	eventually(t, readyLimit, "the service is ready", func() bool {
		// The request comes first: if it is before readiness, so may be the other.
		resource, err := c.do(http.MethodGet, "/accelerator_requests", nil)
		if err != nil {
			return false
		}
		a, err := operators.do(http.MethodGet, "/readyz", nil)
		if err != nil {
			t.Fatalf("the API is served and readiness is not: %v", err)
		}
		var state readiness
		a.read(t, &state)
		if resource.status == 503 {
			early++
			checkEnvelope(t, "while starting", resource)
			if resource.header.Get("Retry-After") == "" {
				t.Error("503 while starting has no Retry-After")
			}
		} else if got := len(resource.arqs(c)); resource.status != 200 || got != 200 {
			t.Errorf("the list has status %d and %d ARQs, want all 200 or a 503", resource.status, got)
		}
		switch {
		case a.status == 200 && state.Ready:
			return true
		case a.status != 503 || len(state.Reasons) == 0 || state.Ready:
			t.Errorf("/readyz before readiness: %d %s", a.status, a.body)
		}
		return false
	})
	t.Logf("%d requests were answered 503 while starting", early)
	p.mayFail = early > 0
}

// prefill leaves n ARQs in the node's store.
func (n *node) prefill(count int) {
	n.t.Helper()
	p := n.start()
	c := p.client()
	c.createProfile("prefill", 200)
	for made := 0; made < count; {
		made += len(c.create("prefill"))
	}
	p.stop()
}
