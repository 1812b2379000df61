package http

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/arqd/arqd/http/admission"
)

var (
	descWorking = prometheus.NewDesc("arqd_http_inflight_writes",
		"Requests in work that may change something.", nil, nil)
	descWriteLimit = prometheus.NewDesc("arqd_http_inflight_writes_limit",
		"Requests that may change something, as many as are let into work at a time at present.", nil, nil)
	descWaiting = prometheus.NewDesc("arqd_http_waiting_writes",
		"Requests that may change something and wait for their turn.", nil, nil)
	descAside = prometheus.NewDesc("arqd_http_slow_writes",
		"Requests in work for so long that they wait for something else than this service; they are beyond the limit.", nil, nil)
	descAdmitted = prometheus.NewDesc("arqd_http_writes_admitted_total",
		"Requests that may change something and were let into work, by who asked: projects, or services for them.",
		[]string{"class"}, nil)
	descShed = prometheus.NewDesc("arqd_http_writes_refused_total",
		"Requests that may change something and were answered 503 because there was too much to do, by who asked, and whether the queue was full or their turn came too late.",
		[]string{"class", "reason"}, nil)
	descWaits = prometheus.NewDesc("arqd_http_write_wait_seconds",
		"Time that requests waited that were let into work later.", nil, nil)
)

// admissionCollector shows what the gate of changes counts, all of one moment.
type admissionCollector struct{ counts func() admission.Counts }

// Describe implements prometheus.Collector.
func (admissionCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		descWorking, descWriteLimit, descWaiting, descAside, descAdmitted, descShed, descWaits,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c admissionCollector) Collect(ch chan<- prometheus.Metric) {
	n := c.counts()
	for desc, value := range map[*prometheus.Desc]int{
		descWorking: n.Working + n.Aside, descWriteLimit: n.Limit, descWaiting: n.Waiting, descAside: n.Aside,
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value))
	}
	count := func(desc *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	for i, class := range []string{"project", "service"} {
		count(descAdmitted, n.Admitted[i], class)
		count(descShed, n.Refused[i][admission.Full], class, "full")
		count(descShed, n.Refused[i][admission.Late], class, "late")
	}
	buckets := map[float64]uint64{}
	for i, bound := range admission.WaitBounds {
		buckets[bound.Seconds()] = n.Waits[i]
	}
	ch <- prometheus.MustNewConstHistogram(descWaits, n.Waited, n.WaitSum.Seconds(), buckets)
}
