package test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestOverload: what is beyond the bounds is answered 503, each with the time to come
// again, while reads and readiness go on as ever; what was let in is done; and one
// line of the log tells of all.
func TestOverload(t *testing.T) {
	p := start(t, options{
		"fake.hosts": "h1,h2,h3,h4,h5,h6,h7,h8", "fake.operation_delay": "300", "api.max_inflight_writes": "4", "api.overload_patience": "0.05",
	})
	p.mayFail = true
	c := p.client()
	c.createProfile("one", 1)
	var paths []string // of more devices than may be in work: one that is refuses another load at once
	for _, d := range c.deployables() {
		paths = append(paths, "/deployables/"+d.UUID+"/program")
	}

	const sent = 24
	var mu sync.Mutex
	done, refused := 0, 0
	var requests []func()
	for i := range sent {
		requests = append(requests, func() {
			a, err := c.do(http.MethodPatch, paths[i%len(paths)], programBody(newUUID()))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusOK, a.status == http.StatusConflict: // it was let in
				done++
			case a.status == http.StatusServiceUnavailable:
				refused++
				checkEnvelope(t, "beyond the bounds", a)
				if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 {
					t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
				}
			default:
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
	requests = append(requests, func() {
		eventually(t, 10*time.Second, "changes are in work", func() bool {
			return p.metrics().value(t, "arqd_http_inflight_writes") > 0
		})
		c.want(http.StatusOK, http.MethodGet, "/accelerator_requests", nil)
		if status, state := p.readyz(); status != http.StatusOK {
			t.Errorf("readiness is %d while changes are refused: %+v", status, state)
		}
	})
	together(requests...)

	if done == 0 || refused == 0 || done+refused != sent {
		t.Errorf("%d done and %d refused of %d", done, refused, sent)
	}
	m := p.metrics()
	if got := m.value(t, "arqd_http_writes_refused_total", "class", "service"); got != float64(refused) {
		t.Errorf("%v refusals counted, want %d", got, refused)
	}
	if got := m.value(t, "arqd_http_inflight_writes") + m.value(t, "arqd_http_waiting_writes"); got != 0 {
		t.Errorf("%v changes are left", got)
	}
	p.awaitLog(10*time.Second, "changes refused: more come than can be done")
	c.delete(c.create("one")...)
}
