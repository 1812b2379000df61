package http

import "github.com/prometheus/client_golang/prometheus"

// TokenCounts are what checking tokens with Keystone counted since the start.
type TokenCounts struct {
	Remembered                  uint64 // answered from memory
	Valid, Refused, Unavailable uint64 // asked of Keystone, by its answer
	Kept                        int    // answers in memory
	Away                        bool   // Keystone does not answer
}

var (
	descTokenChecks = prometheus.NewDesc("arqd_token_checks_total",
		"Tokens checked, by outcome: remembered ones and those that Keystone was asked about.", []string{"outcome"}, nil)
	descTokensKept = prometheus.NewDesc("arqd_tokens_remembered",
		"Answers of Keystone in memory.", nil, nil)
	descKeystoneUp = prometheus.NewDesc("arqd_keystone_up",
		"1 if Keystone answered the last question, else 0.", nil, nil)
)

// tokenCollector shows the counts, all of one moment.
type tokenCollector struct{ counts func() TokenCounts }

// SetTokens adds the series about tokens, from the function that gives their
// counts. It is called at most once.
func (m *Metrics) SetTokens(counts func() TokenCounts) {
	m.registry.MustRegister(tokenCollector{counts})
}

// Describe implements prometheus.Collector.
func (tokenCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descTokenChecks
	ch <- descTokensKept
	ch <- descKeystoneUp
}

// Collect implements prometheus.Collector.
func (c tokenCollector) Collect(ch chan<- prometheus.Metric) {
	n := c.counts()
	for outcome, count := range map[string]uint64{
		"remembered": n.Remembered, "valid": n.Valid, "refused": n.Refused, "unavailable": n.Unavailable,
	} {
		ch <- prometheus.MustNewConstMetric(descTokenChecks, prometheus.CounterValue, float64(count), outcome)
	}
	ch <- prometheus.MustNewConstMetric(descTokensKept, prometheus.GaugeValue, float64(n.Kept))
	up := 1.0
	if n.Away {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(descKeystoneUp, prometheus.GaugeValue, up)
}
