package http

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/arqd/arqd/actors"
)

// operators serves the operators' listener of an API server.
func operators(t *testing.T, api *harness) *harness {
	t.Helper()
	o := NewOperators(api.server, api.backend)
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- o.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := o.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
	})
	return &harness{t: t, ln: ln, log: api.log}
}

func TestMetricsPage(t *testing.T) {
	api := serve(t)
	ops := operators(t, api)
	api.backend.stats = actors.Stats{
		ARQs: [7]int{1, 2, 3, 4, 5, 6, 7}, Devices: 8, Profiles: 9, ARQsHeld: 29,
		HandlesFree: 10, HandlesTaken: 11, HandlesReleasing: 12,
		BindOldest: 2500 * time.Millisecond, ReleaseOldest: 3500 * time.Millisecond,
		ActiveActors: map[string]int{"arq": 13, "device": 14}, OutboxDepth: 15, OutboxOldest: 1500 * time.Millisecond,
		EventsDelivered: 25, EventsRefused: 26, EventsRetried: 27, EventsExpired: 28, EventsRepeated: 30,
	}
	m := api.server.metrics
	m.BatchCommitted(3, 7, 999, 2*time.Millisecond)
	m.SetStore(func() StoreCounts { return StoreCounts{QueueDepth: 16, Won: 17, Lost: 18, Unknown: 19} })

	m.SetNova(func() NovaCounts {
		return NovaCounts{Accepted: 20, UnknownInstance: 21, NoHost: 22, Rejected: 23, Failed: 24, Requests: 31, Away: true}
	})

	api.do("GET", "/v2/devices", ask{})
	api.do("GET", "/accelerator/devices/", ask{})
	api.do("GET", "/v2/devices/"+nobody, ask{})
	api.do("GET", "/v2/devices/disable", ask{})
	api.do("GET", "/secret/path", ask{})
	api.do("BREW", "/v2/devices", ask{})
	api.do("PUT", "/v2/devices", ask{})
	api.do("OPTIONS", "/accelerator/v2/devices/"+nobody, ask{})
	api.do("PUT", "/v2/devices", ask{as: "none"})
	api.do("DELETE", "/v2", ask{})
	api.do("PUT", "/secret/path", ask{})
	api.raw("junk\r\n\r\n")
	api.do("GET", "/", ask{})

	got := ops.do("GET", "/metrics", ask{as: "none"})
	if got.status != 200 || !strings.HasPrefix(got.header["content-type"], "text/plain; version=0.0.4") {
		t.Fatalf("%d %v", got.status, got.header)
	}
	for _, line := range []string{
		`arqd_http_requests_total{code="200",method="GET",route="/v2/devices"} 2`,
		`arqd_http_requests_total{code="404",method="GET",route="/v2/devices/{id}"} 2`,
		`arqd_http_requests_total{code="404",method="GET",route="unmatched"} 1`,
		`arqd_http_requests_total{code="405",method="other",route="/v2/devices"} 1`,
		`arqd_http_requests_total{code="405",method="PUT",route="/v2/devices"} 1`,
		`arqd_http_requests_total{code="204",method="OPTIONS",route="/v2/devices/{id}"} 1`,
		`arqd_http_requests_total{code="401",method="PUT",route="/v2/devices"} 1`,
		`arqd_http_requests_total{code="405",method="DELETE",route="/v2"} 1`,
		`arqd_http_requests_total{code="404",method="PUT",route="unmatched"} 1`,
		`arqd_http_requests_total{code="400",method="other",route="unmatched"} 1`,
		`arqd_http_requests_total{code="200",method="GET",route="/"} 1`,
		`arqd_http_request_duration_seconds_count{method="GET",route="/v2/devices"} 2`,
		`arqd_arqs{state="Initial"} 1`,
		`arqd_arqs{state="Deleting"} 7`,
		`arqd_attach_handles{state="free"} 10`,
		`arqd_attach_handles{state="taken"} 11`,
		`arqd_attach_handles{state="releasing"} 12`,
		`arqd_actors{kind="device"} 14`,
		`arqd_devices 8`,
		`arqd_arqs_held 29`,
		`arqd_bind_oldest_seconds 2.5`,
		`arqd_release_oldest_seconds 3.5`,
		`arqd_device_profiles 9`,
		`arqd_outbox_depth 15`,
		`arqd_outbox_oldest_seconds 1.5`,
		`arqd_outbox_events_total{outcome="delivered"} 25`,
		`arqd_outbox_events_total{outcome="refused"} 26`,
		`arqd_outbox_events_total{outcome="retried"} 27`,
		`arqd_outbox_events_total{outcome="expired"} 28`,
		`arqd_outbox_events_total{outcome="repeated"} 30`,
		`arqd_store_batch_transitions_sum 3`,
		`arqd_store_batch_records_sum 7`,
		`arqd_store_batch_bytes_sum 999`,
		`arqd_store_commit_duration_seconds_sum 0.002`,
		`arqd_store_transitions_total{outcome="won"} 17`,
		`arqd_store_transitions_total{outcome="lost"} 18`,
		`arqd_store_transitions_total{outcome="unknown"} 19`,
		`arqd_store_queue_depth 16`,
		`arqd_nova_events_total{verdict="accepted"} 20`,
		`arqd_nova_events_total{verdict="unknown_instance"} 21`,
		`arqd_nova_events_total{verdict="without_host"} 22`,
		`arqd_nova_events_total{verdict="rejected"} 23`,
		`arqd_nova_failed_requests_total 24`,
		`arqd_nova_requests_total 31`,
		`arqd_nova_up 0`,
		`arqd_http_inflight_writes 0`,
	} {
		if !strings.Contains(got.body, "\n"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "arqd_http_open_connections"} {
		if !regexp.MustCompile(`(?m)^` + name + ` [0-9]`).MatchString(got.body) {
			t.Errorf("missing: %s", name)
		}
	}
	for _, leaked := range []string{"secret", "BREW", nobody} {
		if strings.Contains(got.body, leaked) {
			t.Errorf("%q became a label", leaked)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	ops := operators(t, serve(t))
	got := ops.do("GET", "/healthcheck", ask{as: "none"})
	if got.status != 200 || got.body != "OK" || !strings.HasPrefix(got.header["content-type"], "text/plain") {
		t.Errorf("%d %q %v", got.status, got.body, got.header)
	}
	asJSON := ask{headers: map[string]string{"Accept": "application/json"}}
	ops.do("GET", "/healthcheck/", asJSON).gives(200, `{"detailed": false, "reasons": ["OK"]}`)
	asHTML := ask{headers: map[string]string{"Accept": "text/html,*/*"}}
	if got = ops.do("GET", "/healthcheck", asHTML); !strings.Contains(got.body, "<LI>OK</LI>") {
		t.Errorf("HTML: %s", got.body)
	}
	ops.do("HEAD", "/healthcheck", ask{}).gives(200, "")
	if got = ops.do("POST", "/healthcheck", ask{}); got.status != 405 || got.header["allow"] != "GET, HEAD" {
		t.Errorf("POST: %d %v", got.status, got.header)
	}
	if got = ops.do("GET", "/nope", ask{}); got.status != 404 {
		t.Errorf("/nope: %d", got.status)
	}
}

func TestReadiness(t *testing.T) {
	api := serve(t)
	ops := operators(t, api)
	ops.do("GET", "/readyz", ask{as: "none"}).gives(200, `{"ready": true, "reasons": []}`)
	api.backend.notes = []string{"a host is missing", "another too"}
	ops.do("GET", "/readyz", ask{}).gives(200, `{"ready": true, "reasons": [], "notes": ["a host is missing", "another too"]}`)
	api.backend.notes = nil
	api.backend.ready = func() []string { return []string{"store: disk full", `a "quoted" one`} }
	ops.do("GET", "/readyz", ask{}).gives(503, `{"ready": false, "reasons": ["store: disk full", "a \"quoted\" one"]}`)
	api.backend.ready = nil
	api.server.Drain()
	ops.do("GET", "/readyz", ask{}).gives(503, `{"ready": false, "reasons": ["the service is shutting down"]}`)
	got := api.do("GET", "/v2", ask{})
	got.gives(200, v2JSON)
	got.has("connection", "close")
}

func TestPlacementPage(t *testing.T) {
	api := serve(t)
	ops := operators(t, api)
	ops.do("GET", "/placement", ask{as: "none"}).gives(200, `{"devices":[]}`)
	if got := ops.do("GET", "/placement?colour=red", ask{}); got.status != 400 || !strings.Contains(got.body, "colour") {
		t.Errorf("an unknown parameter: %d %s", got.status, got.body)
	}
	at := time.Date(2026, 11, 29, 23, 0, 0, 5, time.FixedZone("", 3600))
	one, provider := uuid.MustParse("10000000-0000-4000-8000-000000000001"), uuid.MustParse("20000000-0000-4000-8000-000000000002")
	api.backend.shown = []*actors.SupplyStatus{
		{Device: one, Host: "c1", Root: "c1.example.org", State: actors.SupplyPending, Since: at, Providers: map[uuid.UUID]string{}},
		{
			Device: uuid.MustParse(nobody), Host: "c2", State: actors.SupplyWaiting, Since: at, Tried: at.Add(time.Hour), Failures: 3,
			Problem: `no "c2"`, Leaving: true, Providers: map[uuid.UUID]string{provider: "c2_card"},
		},
	}
	const first = `{"device":"10000000-0000-4000-8000-000000000001","hostname":"c1","host_provider":"c1.example.org","state":"pending","leaving":false,` +
		`"since":"2026-11-29T22:00:00Z","tried":null,"failures":0,"problem":null,"resource_providers":{}}`
	second := `{"device":"` + nobody + `","hostname":"c2","host_provider":null,"state":"waiting_for_host","leaving":true,` +
		`"since":"2026-11-29T22:00:00Z","tried":"2026-11-29T23:00:00Z","failures":3,"problem":"no \"c2\"",` +
		`"resource_providers":{"20000000-0000-4000-8000-000000000002":"c2_card"}}`
	for query, want := range map[string]string{
		"": first + "," + second, "?hostname=c2": second, "?state=pending": first, "?device=" + nobody: second,
		"?state=pending&hostname=c2": "", "?state=odd": "",
	} {
		ops.do("GET", "/placement"+query, ask{}).gives(200, `{"devices":[`+want+`]}`)
	}
}

func TestPanicInTheOperatorsListener(t *testing.T) {
	api := serve(t)
	ops := operators(t, api)
	api.backend.ready = func() []string { panic("boom") }
	if got := ops.do("GET", "/readyz", ask{}); got.status != 500 {
		t.Errorf("status %d, want 500", got.status)
	}
	if line := api.log.find(t, "panic in the operators' listener"); line["panic"] != "boom" {
		t.Errorf("log: %v", line)
	}
}
