package http

import "github.com/prometheus/client_golang/prometheus"

// PlacementCounts say what the scheduler sees of devices. The keys of the maps
// are from fixed sets.
type PlacementCounts struct {
	Devices   map[string]int    // by how far it sees them
	Attempts  map[string]uint64 // to show a device or compare it, by how it ended
	Writes    map[string]uint64 // to Placement, by what was written
	Repairs   uint64            // of what others had changed
	Conflicts uint64            // writes that were too late because somebody else wrote
}

var (
	descShownDevices = prometheus.NewDesc("arqd_placement_devices",
		"Devices, by how far Placement has what it should of them.", []string{"state"}, nil)
	descShowAttempts = prometheus.NewDesc("arqd_placement_syncs_total",
		"Attempts to bring a device's providers in line, by the state that they led to.", []string{"state"}, nil)
	descShowWrites = prometheus.NewDesc("arqd_placement_writes_total",
		"Changes made in Placement, by what was changed.", []string{"what"}, nil)
	descShowRepairs = prometheus.NewDesc("arqd_placement_repairs_total",
		"Devices found changed in Placement by somebody else, and put right.", nil, nil)
	descShowConflicts = prometheus.NewDesc("arqd_placement_conflicts_total",
		"Changes that had to be tried again because somebody else had changed the same provider.", nil, nil)
)

// placementCollector shows the counts, all of one moment.
type placementCollector struct{ counts func() PlacementCounts }

// SetPlacement adds the series about Placement, from the function that gives
// their counts. It is called at most once.
func (m *Metrics) SetPlacement(counts func() PlacementCounts) {
	m.registry.MustRegister(placementCollector{counts})
}

// Describe implements prometheus.Collector.
func (placementCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descShownDevices, descShowAttempts, descShowWrites, descShowRepairs, descShowConflicts} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c placementCollector) Collect(ch chan<- prometheus.Metric) {
	counter := func(desc *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	n := c.counts()
	for state, count := range n.Devices {
		ch <- prometheus.MustNewConstMetric(descShownDevices, prometheus.GaugeValue, float64(count), state)
	}
	for state, count := range n.Attempts {
		counter(descShowAttempts, count, state)
	}
	for what, count := range n.Writes {
		counter(descShowWrites, count, what)
	}
	counter(descShowRepairs, n.Repairs)
	counter(descShowConflicts, n.Conflicts)
}
