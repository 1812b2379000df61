package http

import "github.com/prometheus/client_golang/prometheus"

// NovaCounts are what telling Nova counted since the start: events of single
// ARQs by Nova's verdict, requests, and those that failed, if only in part.
type NovaCounts struct {
	Accepted, UnknownInstance, NoHost, Rejected uint64
	Requests, Failed                            uint64
	Away                                        bool // the last request failed
}

var (
	descNovaEvents = prometheus.NewDesc("arqd_nova_events_total",
		"Events that Nova answered, by its verdict; without_host is no fault: the instance looks by itself.", []string{"verdict"}, nil)
	descNovaRequests = prometheus.NewDesc("arqd_nova_requests_total",
		"Requests to Nova; each may bring the events of several servers.", nil, nil)
	descNovaFailures = prometheus.NewDesc("arqd_nova_failed_requests_total",
		"Requests to Nova that failed, if only for some of their events, which are sent again.", nil, nil)
	descNovaUp = prometheus.NewDesc("arqd_nova_up",
		"1 if Nova took or refused the last event that it was sent, 0 if that failed.", nil, nil)
)

// novaCollector shows the counts, all of one moment.
type novaCollector struct{ counts func() NovaCounts }

// SetNova adds the series about Nova, from the function that gives their
// counts. It is called at most once.
func (m *Metrics) SetNova(counts func() NovaCounts) {
	m.registry.MustRegister(novaCollector{counts})
}

// Describe implements prometheus.Collector.
func (novaCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descNovaEvents
	ch <- descNovaRequests
	ch <- descNovaFailures
	ch <- descNovaUp
}

// Collect implements prometheus.Collector.
func (c novaCollector) Collect(ch chan<- prometheus.Metric) {
	n := c.counts()
	for verdict, count := range map[string]uint64{
		"accepted": n.Accepted, "unknown_instance": n.UnknownInstance, "without_host": n.NoHost, "rejected": n.Rejected,
	} {
		ch <- prometheus.MustNewConstMetric(descNovaEvents, prometheus.CounterValue, float64(count), verdict)
	}
	ch <- prometheus.MustNewConstMetric(descNovaRequests, prometheus.CounterValue, float64(n.Requests))
	ch <- prometheus.MustNewConstMetric(descNovaFailures, prometheus.CounterValue, float64(n.Failed))
	up := 1.0
	if n.Away {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(descNovaUp, prometheus.GaugeValue, up)
}
