package test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// operators makes a client for the operators' listener.
func (p *process) operators() *client {
	return newClient(p.t, p.admin, &http.Transport{DisableKeepAlives: true})
}

// readiness is the body of /readyz.
type readiness struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
	Notes   []string `json:"notes"`
}

// unready gives the reasons that /readyz has against requests.
func (p *process) unready() []string {
	p.t.Helper()
	_, state := p.readyz()
	return state.Reasons
}

func (p *process) readyz() (int, readiness) {
	p.t.Helper()
	a := p.operators().send(http.MethodGet, "/readyz", nil)
	var state readiness
	a.read(p.t, &state)
	return a.status, state
}

// page is the metrics page of one moment.
type page map[string]*dto.MetricFamily

func (p *process) metrics() page {
	p.t.Helper()
	m, err := p.scrape()
	if err != nil {
		p.t.Fatalf("the metrics page: %v", err)
	}
	return m
}

// scrape is metrics of a process that may end meanwhile.
func (p *process) scrape() (page, error) {
	a, err := p.operators().do(http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("status %d", a.status)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(bytes.NewReader(a.body))
}

// value sums the samples of a family that have all of the labels, given as
// name and value in turns: of a histogram the number of observations.
func (m page) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	family, found := m[name]
	if !found {
		t.Fatalf("no series %s on the metrics page", name)
	}
	sum := 0.0
	for _, metric := range family.GetMetric() {
		if hasLabels(metric, labels) {
			sum += sample(metric)
		}
	}
	return sum
}

func sample(metric *dto.Metric) float64 {
	switch {
	case metric.GetHistogram() != nil:
		return float64(metric.GetHistogram().GetSampleCount())
	case metric.GetCounter() != nil:
		return metric.GetCounter().GetValue()
	case metric.GetGauge() != nil:
		return metric.GetGauge().GetValue()
	}
	return metric.GetUntyped().GetValue()
}

func hasLabels(metric *dto.Metric, labels []string) bool {
	has := map[string]string{}
	for _, label := range metric.GetLabel() {
		has[label.GetName()] = label.GetValue()
	}
	for i := 0; i < len(labels); i += 2 {
		if has[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

// series counts the label sets of all families.
func (m page) series() int {
	n := 0
	for _, family := range m {
		n += len(family.GetMetric())
	}
	return n
}

// handles are the attach handles by what has become of them.
type handles struct{ free, taken, releasing int }

func (m page) handles(t *testing.T) handles {
	t.Helper()
	count := func(state string) int { return int(m.value(t, "arqd_attach_handles", "state", state)) }
	return handles{free: count("free"), taken: count("taken"), releasing: count("releasing")}
}

// checkHandles compares what the metrics, the list and the rules say about who
// has which attach handle: taken is what a Bound ARQ has, and nobody shares.
func (p *process) checkHandles(c *client, total int) {
	p.t.Helper()
	if err := p.compareHandles(c, total); err != nil {
		p.t.Errorf("attach handles: %v", err)
	}
}

// awaitHandles is checkHandles, when hosts have had the time to look once more: an
// agent that looks while a mediated device comes or goes counts one too few or many.
func (p *process) awaitHandles(c *client, total int) {
	p.t.Helper()
	var err error
	deadline := time.Now().Add(5 * time.Second)
	for err = p.compareHandles(c, total); err != nil && time.Now().Before(deadline); err = p.compareHandles(c, total) {
		pause(20 * time.Millisecond)
	}
	if err != nil {
		p.t.Errorf("attach handles: %v", err)
	}
}

func (p *process) compareHandles(c *client, total int) error {
	p.t.Helper()
	m := p.metrics()
	now := m.handles(p.t)
	holders := map[string]string{}
	states := map[string]int{}
	for _, a := range c.arqs("") {
		states[a.State]++
		if (a.State == "Bound") != (a.Handle != "") {
			return fmt.Errorf("%s is %s and has the handle %q", a.UUID, a.State, a.Handle)
		}
		if a.Handle == "" {
			continue
		}
		if other, taken := holders[a.Handle]; taken {
			return fmt.Errorf("%s and %s both have %s", a.UUID, other, a.Handle)
		}
		holders[a.Handle] = a.UUID
	}
	if want := (handles{free: total - len(holders), taken: len(holders)}); now != want {
		return fmt.Errorf("%+v, want %+v", now, want)
	}
	for _, state := range []string{"Initial", "BindStarted", "Bound", "Unbound", "BindFailed", "UnbindFailed", "Deleting"} {
		if n := int(m.value(p.t, "arqd_arqs", "state", state)); n != states[state] {
			return fmt.Errorf("%d ARQs are %s in the metrics, %d in the list", n, state, states[state])
		}
	}
	return nil
}
