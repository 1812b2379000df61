package http

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/arqd/arqd/actors"
)

// statsCollector shows the Backend's counts, all of one moment.
type statsCollector struct{ stats func() actors.Stats }

var (
	descARQs = prometheus.NewDesc("arqd_arqs",
		"Accelerator requests, by the state that the API shows.", []string{"state"}, nil)
	descHeld = prometheus.NewDesc("arqd_arqs_held",
		"Accelerator requests whose bind has failed and which are shown BindStarted until Nova had time to hear of it.", nil, nil)
	descBindAge = prometheus.NewDesc("arqd_bind_oldest_seconds",
		"Age of the oldest bind that is under way; 0 if there is none.", nil, nil)
	descHandles = prometheus.NewDesc("arqd_attach_handles",
		"Attach handles, by state.", []string{"state"}, nil)
	descReleaseAge = prometheus.NewDesc("arqd_release_oldest_seconds",
		"Time since the oldest attach handle that is not free yet was given back, or since the start; 0 if there is none.", nil, nil)
	descActors = prometheus.NewDesc("arqd_actors",
		"Active actors, by kind.", []string{"kind"}, nil)
	descDevices = prometheus.NewDesc("arqd_devices",
		"Registered devices.", nil, nil)
	descProfiles = prometheus.NewDesc("arqd_device_profiles",
		"Device profiles.", nil, nil)
	descAwaited = prometheus.NewDesc("arqd_hosts_awaited",
		"Hosts that have not reported since the store was restored from a backup; their devices take no bind.", nil, nil)
	descOutboxDepth = prometheus.NewDesc("arqd_outbox_depth",
		"Events for Nova that are not delivered yet.", nil, nil)
	descOutboxAge = prometheus.NewDesc("arqd_outbox_oldest_seconds",
		"Age of the oldest event not delivered; 0 if there is none.", nil, nil)
	descEvents = prometheus.NewDesc("arqd_outbox_events_total",
		"Attempts to deliver events, by outcome; expired events are given up, repeated ones were answered before.", []string{"outcome"}, nil)
)

// Describe implements prometheus.Collector.
func (statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		descARQs, descHeld, descBindAge, descHandles, descReleaseAge, descActors, descDevices, descProfiles, descAwaited, descOutboxDepth, descOutboxAge, descEvents,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c statsCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	s := c.stats()
	for state, count := range s.ARQs {
		gauge(descARQs, float64(count), actors.State(state).String())
	}
	gauge(descHeld, float64(s.ARQsHeld))
	gauge(descBindAge, s.BindOldest.Seconds())
	gauge(descHandles, float64(s.HandlesFree), "free")
	gauge(descHandles, float64(s.HandlesTaken), "taken")
	gauge(descHandles, float64(s.HandlesReleasing), "releasing")
	gauge(descReleaseAge, s.ReleaseOldest.Seconds())
	for kind, count := range s.ActiveActors {
		gauge(descActors, float64(count), kind)
	}
	gauge(descDevices, float64(s.Devices))
	gauge(descProfiles, float64(s.Profiles))
	gauge(descAwaited, float64(s.HostsAwaited))
	gauge(descOutboxDepth, float64(s.OutboxDepth))
	gauge(descOutboxAge, s.OutboxOldest.Seconds())
	for outcome, count := range map[string]uint64{
		"delivered": s.EventsDelivered, "refused": s.EventsRefused, "retried": s.EventsRetried, "expired": s.EventsExpired,
		"repeated": s.EventsRepeated,
	} {
		ch <- prometheus.MustNewConstMetric(descEvents, prometheus.CounterValue, float64(count), outcome)
	}
}
