package http

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/arqd/arqd/actors"
)

var (
	descHealth = prometheus.NewDesc("arqd_devices_health",
		"Devices, by their health: healthy, degraded, quarantined, or unknown as long as no agent has examined them.", []string{"health"}, nil)
	descQuarantines = prometheus.NewDesc("arqd_device_quarantines_total",
		"Devices that were put into quarantine.", nil, nil)
	descFlagged = prometheus.NewDesc("arqd_arqs_on_quarantined_devices",
		"Accelerator requests that have something of a device in quarantine.", nil, nil)
)

func describeHealth(ch chan<- *prometheus.Desc) {
	ch <- descHealth
	ch <- descQuarantines
	ch <- descFlagged
}

func collectHealth(ch chan<- prometheus.Metric, st *actors.HealthStats) {
	for condition, n := range st.Devices {
		health := string(condition)
		if health == "" {
			health = "unknown"
		}
		ch <- prometheus.MustNewConstMetric(descHealth, prometheus.GaugeValue, float64(n), health)
	}
	ch <- prometheus.MustNewConstMetric(descQuarantines, prometheus.CounterValue, float64(st.Quarantines))
	ch <- prometheus.MustNewConstMetric(descFlagged, prometheus.GaugeValue, float64(st.ARQs))
}
