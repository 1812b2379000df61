package http

import (
	"errors"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/http/auth"
)

func TestAProjectWaitsForItsTurn(t *testing.T) {
	l, now := newRateLimit(0.5, 2), time.Now()
	demo, other := &auth.Identity{ProjectID: "demo"}, &auth.Identity{ProjectID: "other"}
	for range 2 {
		if err := l.admit(demo, now); err != nil {
			t.Fatalf("within the burst: %v", err)
		}
	}
	for range 3 { // what is refused does not count
		var f *fault
		if err := l.admit(demo, now); !errors.As(err, &f) || f.status != fasthttp.StatusTooManyRequests || f.after != 2 {
			t.Fatalf("%+v, want 429 and to come again in 2 s", err)
		}
	}
	if err := l.admit(other, now); err != nil {
		t.Errorf("another project: %v", err)
	}
	if err := l.admit(demo, now.Add(2*time.Second)); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if err := l.admit(demo, now.Add(2*time.Second)); err == nil {
		t.Error("two at once after the wait for one")
	}
}

// TestServicesAreNotHeldUp: Nova does not repeat a clean-up that is refused.
func TestServicesAreNotHeldUp(t *testing.T) {
	l, now := newRateLimit(1, 1), time.Now()
	for range 10 {
		if err := l.admit(&auth.Identity{ProjectID: "demo", Service: true}, now); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheLimitForgets projects that have been still, and nobody else.
func TestTheLimitForgets(t *testing.T) {
	l, now := newRateLimit(1, 100), time.Now()
	for _, project := range []string{"a", "b", "c"} {
		_ = l.admit(&auth.Identity{ProjectID: project}, now)
	}
	now = now.Add(2 * time.Minute)
	for range 101 {
		_ = l.admit(&auth.Identity{ProjectID: "b"}, now)
	}
	if len(l.projects) != 1 || l.projects["b"] == nil {
		t.Errorf("%d projects are remembered", len(l.projects))
	}
	if err := l.admit(&auth.Identity{ProjectID: "b"}, now); err == nil {
		t.Error("the busy one was forgotten")
	}
}

func TestTooManyRequests(t *testing.T) {
	h := serve(t, func(o *Options) { o.RatePerProject, o.RateBurst = 0.001, 1 })
	h.do("GET", "/v2/nothing", ask{as: "demo"}).is(fasthttp.StatusNotFound)
	got := h.do("GET", "/v2/devices", ask{as: "demo"})
	got.is(fasthttp.StatusTooManyRequests)
	got.has("retry-after", "1000")
	got.contains("Too many requests")
	h.do("GET", "/v2/nothing", ask{as: "demo", service: "s"}).is(fasthttp.StatusNotFound)
	h.do("GET", "/v2/nothing", ask{as: "other"}).is(fasthttp.StatusNotFound)
}
