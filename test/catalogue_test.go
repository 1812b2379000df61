package test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

const catalogueFile = "../docs/metrics.md"

// catalogued is a row of the catalogue of metrics.
type catalogued struct {
	kind   string
	labels map[string]labelBound
	alerts []string
}

// labelBound is what the values of a label are: these, or so many at most.
type labelBound struct {
	values []string
	most   int
}

var (
	quoted   = regexp.MustCompile("`([^`]+)`")
	bold     = regexp.MustCompile(`\*\*(Arqd\w+)\*\*`)
	mostOf   = regexp.MustCompile(`at most (\d+)`)
	ourNames = regexp.MustCompile(`\barqd_\w+`)
)

// catalogue reads the tables of docs/metrics.md.
func catalogue(t *testing.T) map[string]catalogued {
	t.Helper()
	text, err := os.ReadFile(catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]catalogued{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| `arqd_") {
			continue
		}
		if len(cells) != 5 {
			t.Fatalf("%s: a row has 5 cells: %s", catalogueFile, line)
		}
		row := catalogued{kind: strings.TrimSpace(cells[1]), labels: map[string]labelBound{}}
		for part := range strings.SplitSeq(cells[2], ";") {
			label, values, found := strings.Cut(part, ":")
			if !found {
				continue
			}
			bound := labelBound{}
			for _, v := range quoted.FindAllStringSubmatch(values, -1) {
				bound.values = append(bound.values, v[1])
			}
			if most := mostOf.FindStringSubmatch(values); most != nil {
				bound.most, _ = strconv.Atoi(most[1])
			}
			row.labels[strings.Trim(strings.TrimSpace(label), "`")] = bound
		}
		for _, alert := range bold.FindAllStringSubmatch(cells[4], -1) {
			row.alerts = append(row.alerts, alert[1])
		}
		name := quoted.FindStringSubmatch(cells[0])[1]
		if _, twice := all[name]; twice {
			t.Errorf("%s has %s twice", catalogueFile, name)
		}
		all[name] = row
	}
	return all
}

// allMetrics is a service that gives all metrics there are: it knows of every
// neighbour, and of a host with an agent.
func allMetrics(t *testing.T) *process {
	t.Helper()
	k := openstacktest.NewKeystone(t)
	nowhere := "http://127.0.0.1:" + freePort(t)
	opts := withAgents(t, "compute1")
	maps.Copy(opts, options{
		"api.auth_strategy": "keystone", "keystone_authtoken.auth_url": k.URL, "keystone_authtoken.user_id": "u",
		"keystone_authtoken.project_id": "p", "keystone_authtoken.password": openstacktest.Password,
		"nova.enabled": "true", "nova.endpoint_override": nowhere,
		"placement.enabled": "true", "placement.endpoint_override": nowhere,
	})
	p := start(t, opts)
	p.mayFail = true
	p.agent("compute1", 1)
	p.client().want(http.StatusUnauthorized, http.MethodGet, "/devices", nil) // counters of requests come with the first
	return p
}

// TestTheCatalogueIsTrue holds docs/metrics.md against what a service gives.
func TestTheCatalogueIsTrue(t *testing.T) {
	promised, given := catalogue(t), allMetrics(t).metrics()
	const what = "make docs/metrics.md and the code agree: a metric that is added has a row there (type, labels with all their values " +
		"or `at most N`, meaning, when to look at it), one that is gone has none; think of docs/monitoring/, too"
	for name, family := range given {
		if !strings.HasPrefix(name, "arqd_") {
			continue
		}
		row, found := promised[name]
		if !found {
			t.Errorf("%s is not in the catalogue; %s", name, what)
			continue
		}
		if kind := strings.ToLower(family.GetType().String()); kind != row.kind {
			t.Errorf("%s is a %s, and in the catalogue a %s", name, kind, row.kind)
		}
		if family.GetHelp() == "" {
			t.Errorf("%s has no help text", name)
		}
		if err := row.bounds(family); err != nil {
			t.Errorf("%s: %v; %s", name, err, what)
		}
	}
	for name := range promised {
		if given[name] == nil {
			t.Errorf("%s is in the catalogue, and a service does not give it; %s", name, what)
		}
	}
}

// bounds tells whether the labels of a family are as the catalogue says.
func (row *catalogued) bounds(family *dto.MetricFamily) error {
	seen := map[string]map[string]bool{}
	for _, metric := range family.GetMetric() {
		if len(metric.GetLabel()) != len(row.labels) {
			return fmt.Errorf("the labels are %v", metric.GetLabel())
		}
		for _, l := range metric.GetLabel() {
			if seen[l.GetName()] == nil {
				seen[l.GetName()] = map[string]bool{}
			}
			seen[l.GetName()][l.GetValue()] = true
		}
	}
	for name, bound := range row.labels {
		values := slices.Sorted(maps.Keys(seen[name]))
		switch {
		case len(values) == 0:
			return fmt.Errorf("there is no label %s", name)
		case bound.values == nil && bound.most == 0:
			return fmt.Errorf("the catalogue gives no bound of %s", name)
		case bound.most > 0 && len(values) > bound.most:
			return fmt.Errorf("the values of %s are %q, at most %d are promised", name, values, bound.most)
		case bound.values == nil:
			continue
		}
		for _, v := range values {
			if !slices.Contains(bound.values, v) {
				return fmt.Errorf("the label %s has the value %s", name, v)
			}
		}
	}
	return nil
}

// promtool runs Prometheus' checker.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	needs(t, "prometheus")
	cmd := exec.Command("promtool", args...)
	cmd.Dir = monitoringDir
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "no help text") {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestPromtoolLikesTheMetrics: what it complains of is an error.
func TestPromtoolLikesTheMetrics(t *testing.T) {
	page := allMetrics(t).operators().want(http.StatusOK, http.MethodGet, "/metrics", nil)
	promtool(t, string(page.body), "check", "metrics")
}
