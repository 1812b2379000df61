//go:build !race

package http

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func TestAllocations(t *testing.T) {
	initial, bound := initialARQ(arq1), boundARQ(arq2)
	base := []byte("http://arqd.test")
	buffer := make([]byte, 0, 4096)
	metrics := NewMetrics()
	matched := &route{count: metrics.routeCounters("GET", "/v2/x")}
	method := []byte(fasthttp.MethodGet)
	metrics.request(matched, method, 200, time.Millisecond)
	for name, run := range map[string]func(){
		"rendering an unbound ARQ": func() { appendARQ(buffer, initial, base) },
		"rendering a bound ARQ":    func() { appendARQ(buffer, bound, base) },
		"no version header":        func() { _, _ = negotiate("") },
		"the default version":      func() { _, _ = negotiate("accelerator 2.0") },
		"accepting JSON":           func() { acceptsJSON("*/*") },
		"metrics of a request":     func() { metrics.request(matched, method, 200, time.Millisecond) },
	} {
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}
