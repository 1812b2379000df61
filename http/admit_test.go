package http

import (
	"log/slog"
	"strconv"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/admission"
	"github.com/arqd/arqd/http/auth"
)

// full is a service in which one change is in work, and which has room for no
// other, until the test lets it go on.
func full(t *testing.T) (h *harness, goOn func()) {
	t.Helper()
	h = serve(t, func(o *Options) { o.MaxInflightWrites = 1 })
	entered, leave := make(chan struct{}), make(chan struct{})
	h.backend.deleteProfiles = func([]string) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	var first sync.WaitGroup
	first.Go(func() { h.do("DELETE", "/v2/device_profiles/one", ask{}).gives(204, "") })
	<-entered
	return h, func() {
		close(leave)
		first.Wait()
	}
}

// TestARefusedChangeIsNotLookedAt: neither its body nor its path count, and the
// policy is not asked.
func TestARefusedChangeIsNotLookedAt(t *testing.T) {
	h, goOn := full(t)
	defer goOn()
	for _, as := range []string{"admin", "norole"} {
		got := h.do("POST", "/v2/accelerator_requests", ask{as: as, body: "{", headers: map[string]string{"Accept": "text/html"}})
		got.fails(503, "Too many changes are under way; nothing was done.")
		if after, err := strconv.Atoi(got.header["retry-after"]); err != nil || after < 1 || after > 10 {
			t.Errorf("Retry-After %q, want 1 to 10 seconds", got.header["retry-after"])
		}
	}
	h.do("POST", "/v2/accelerator_requests", ask{as: "none", body: "{"}).unauthorized()
	h.do("GET", "/v2/devices", ask{}).gives(200, `{"devices": []}`)
	h.do("OPTIONS", "/v2/accelerator_requests", ask{}).is(204)
	h.do("PUT", "/v2/accelerator_requests", ask{}).is(405)
}

// TestAChangeThatPanicsLeaves: its place is not lost.
func TestAChangeThatPanicsLeaves(t *testing.T) {
	h := serve(t, func(o *Options) { o.MaxInflightWrites = 1 })
	for range 3 {
		h.backend.createARQs = func(actors.CreateARQs) ([]*actors.ARQ, error) { panic("a bug") }
		h.do("POST", "/v2/accelerator_requests", ask{body: `{"device_profile_name": "p"}`}).fails(500, "failed")
	}
	h.backend.createARQs = func(actors.CreateARQs) ([]*actors.ARQ, error) { return nil, nil }
	h.do("POST", "/v2/accelerator_requests", ask{body: `{"device_profile_name": "p"}`}).gives(201, `{"arqs": []}`)
	if n := h.server.gate.Counts(); n.Working+n.Waiting+n.Aside != 0 {
		t.Errorf("left behind: %+v", n)
	}
}

// BenchmarkRefused is what a change costs that is refused, without the network around it.
func BenchmarkRefused(b *testing.B) {
	policy, err := auth.NewEnforcer(auth.SetNew, "")
	if err != nil {
		b.Fatal(err)
	}
	opt := Options{Log: slog.New(slog.DiscardHandler), MaxInflightWrites: 1}
	s := New(opt, &backendDouble{}, auth.None{}, policy, nil)
	defer s.end()
	var inWork admission.Pass
	if v := s.gate.Enter(&inWork, admission.Caller{}, admission.Begins); v != admission.Admitted {
		b.Fatal(v)
	}
	var ctx fasthttp.RequestCtx
	var request fasthttp.Request
	request.Header.SetMethod(post)
	request.SetRequestURI("/v2/accelerator_requests")
	request.Header.SetHost("arqd.test")
	request.SetBodyString(`{"device_profile_name": "one"}`)
	ctx.Init(&request, nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		s.serve(&ctx)
	}
	if ctx.Response.StatusCode() != fasthttp.StatusServiceUnavailable {
		b.Fatalf("status %d: %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
}
