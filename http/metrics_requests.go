package http

import (
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
)

// knownMethods are the values of the label method; others count as other.
var knownMethods = []string{
	fasthttp.MethodGet, fasthttp.MethodHead, fasthttp.MethodPost, fasthttp.MethodPut,
	fasthttp.MethodPatch, fasthttp.MethodDelete, fasthttp.MethodOptions,
}

const otherMethod = "other"

const (
	lowestCode  = 100
	highestCode = 599
)

// routeCounters are the series of one route and method, looked up once: a
// request then costs two atomic additions and no allocation.
type routeCounters struct {
	metrics  *Metrics
	route    string
	method   string
	duration prometheus.Observer
	byCode   [highestCode - lowestCode + 1]atomic.Pointer[prometheus.Counter]
}

func (m *Metrics) routeCounters(method, route string) *routeCounters {
	return &routeCounters{
		metrics: m, route: route, method: method,
		duration: m.duration.WithLabelValues(route, method),
	}
}

// request takes note of one answer. Only what has a route is quick.
func (m *Metrics) request(r *route, method []byte, code int, took time.Duration) {
	if r != nil && r.count != nil {
		r.count.code(code).Inc()
		r.count.duration.Observe(took.Seconds())
		return
	}
	pattern, verb := routeUnmatched, otherMethod
	if r != nil {
		pattern = labelOf(r.pattern)
	}
	if slices.Contains(knownMethods, aliasOf(method)) {
		verb = string(method)
	}
	m.requests.WithLabelValues(pattern, verb, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(pattern, verb).Observe(took.Seconds())
}

// code gives the counter of a status code, made when it is first needed.
func (r *routeCounters) code(code int) prometheus.Counter {
	slot := &r.byCode[min(max(code, lowestCode), highestCode)-lowestCode]
	if counter := slot.Load(); counter != nil {
		return *counter
	}
	counter := r.metrics.requests.WithLabelValues(r.route, r.method, strconv.Itoa(code))
	slot.Store(&counter)
	return counter
}
