package http

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the series of the metrics page. Every label takes its values
// from a fixed set: routes are patterns, never paths.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec

	batchTransitions prometheus.Histogram
	batchRecords     prometheus.Histogram
	batchBytes       prometheus.Histogram
	commitSeconds    prometheus.Histogram
	store            atomic.Pointer[func() StoreCounts]
	writing          pace
}

// StoreCounts are what the store counted since it was opened.
type StoreCounts struct {
	QueueDepth         int // transitions that wait for a commit
	Won, Lost, Unknown uint64
	Free, Reserve      uint64 // bytes on the store's file system: left, and needed for any write
}

// routeUnmatched is the route label of requests that matched none.
const routeUnmatched = "unmatched"

// NewMetrics makes the series. Those about the Backend come with the
// operators' listener, which knows it.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "arqd_http_requests_total",
			Help: "Requests answered, by route, method and status code.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "arqd_http_request_duration_seconds",
			Help:    "Time from the request read to the answer made, without writing it.",
			Buckets: prometheus.ExponentialBuckets(0.00005, 2.5, 14),
		}, []string{"route", "method"}),
		batchTransitions: histogram("arqd_store_batch_transitions", "Transitions per commit.",
			prometheus.ExponentialBuckets(1, 2, 13)),
		batchRecords: histogram("arqd_store_batch_records", "Records per commit.",
			prometheus.ExponentialBuckets(1, 2, 15)),
		batchBytes: histogram("arqd_store_batch_bytes", "Bytes per commit.",
			prometheus.ExponentialBuckets(256, 4, 10)),
		commitSeconds: histogram("arqd_store_commit_duration_seconds", "Time of one durable commit.",
			prometheus.ExponentialBuckets(0.0001, 2, 15)),
	}
	m.registry.MustRegister(m.requests, m.duration,
		m.batchTransitions, m.batchRecords, m.batchBytes, m.commitSeconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registerStore()
	return m
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

// registerStore adds what SetStore brings.
func (m *Metrics) registerStore() {
	count := func(pick func(StoreCounts) float64) func() float64 {
		return func() float64 {
			if counts := m.store.Load(); counts != nil {
				return pick((*counts)())
			}
			return 0
		}
	}
	for outcome, pick := range map[string]func(StoreCounts) float64{
		"won":     func(c StoreCounts) float64 { return float64(c.Won) },
		"lost":    func(c StoreCounts) float64 { return float64(c.Lost) },
		"unknown": func(c StoreCounts) float64 { return float64(c.Unknown) },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "arqd_store_transitions_total",
			Help:        "Transitions asked of the store, by outcome.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, count(pick)))
	}
	gauge := func(name, help string, pick func(StoreCounts) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, count(pick)))
	}
	gauge("arqd_store_queue_depth", "Transitions that wait for a commit.",
		func(c StoreCounts) float64 { return float64(c.QueueDepth) })
	gauge("arqd_store_free_bytes", "Space left on the file system of the store.",
		func(c StoreCounts) float64 { return float64(c.Free) })
	gauge("arqd_store_reserve_bytes", "Space that must be left for anything to be written.",
		func(c StoreCounts) float64 { return float64(c.Reserve) })
}

// BatchCommitted takes note of one durable commit of the store: its
// transitions, records and bytes, and how long it took.
func (m *Metrics) BatchCommitted(transitions, records, bytes int, took time.Duration) {
	m.batchTransitions.Observe(float64(transitions))
	m.batchRecords.Observe(float64(records))
	m.batchBytes.Observe(float64(bytes))
	m.commitSeconds.Observe(took.Seconds())
	m.writing.committed(took)
}

// SetVersion names the version that runs. It is called at most once.
func (m *Metrics) SetVersion(version string) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "arqd_build_info", Help: "1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(build)
}

// SetStore names the function that gives the store's counts.
func (m *Metrics) SetStore(counts func() StoreCounts) { m.store.Store(&counts) }
