package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const monitoringDir = "../docs/monitoring"

func monitoring(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoringDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRules has promtool read the rules and try each alert on series that it is for.
func TestRules(t *testing.T) {
	promtool(t, "", "check", "rules", "arqd.rules.yml")
	promtool(t, "", "test", "rules", "arqd.rules_test.yml")
}

// TestEveryAlertIsTriedAndTold: an alert has a row in the catalogue of what it looks
// at, and a case in which it fires.
func TestEveryAlertIsTriedAndTold(t *testing.T) {
	rules, cases := monitoring(t, "arqd.rules.yml"), monitoring(t, "arqd.rules_test.yml")
	told := []string{"ArqdDown"} // of the scrape itself
	for _, row := range catalogue(t) {
		told = append(told, row.alerts...)
	}
	var alerts []string
	for _, match := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		alerts = append(alerts, match[1])
		if !strings.Contains(cases, fmt.Sprintf("alertname=%q", match[1])) {
			t.Errorf("no case in arqd.rules_test.yml makes %s fire", match[1])
		}
	}
	for _, alert := range alerts {
		if !slices.Contains(told, alert) {
			t.Errorf("docs/metrics.md does not say of any metric that %s looks at it", alert)
		}
	}
	for _, alert := range told {
		if !slices.Contains(alerts, alert) {
			t.Errorf("docs/metrics.md names the alert %s, which arqd.rules.yml does not have", alert)
		}
	}
	knownMetrics(t, "arqd.rules.yml", rules)
}

// knownMetrics complains of names of ours that are no metrics.
func knownMetrics(t *testing.T, where, text string) {
	t.Helper()
	all := catalogue(t)
	recorded := map[string]bool{}
	for _, match := range regexp.MustCompile(`record: (\S+)`).FindAllStringSubmatch(monitoring(t, "arqd.rules.yml"), -1) {
		for part := range strings.SplitSeq(match[1], ":") {
			recorded[part] = true
		}
	}
	for _, name := range ourNames.FindAllString(text, -1) {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if trimmed := strings.TrimSuffix(name, suffix); all[trimmed].kind == "histogram" {
				base = trimmed
			}
		}
		if _, found := all[base]; !found && !recorded[name] {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
}

// TestDashboard: its queries are valid and about metrics that there are, no two
// panels are in one place, and each metric that wants looking at can be seen.
func TestDashboard(t *testing.T) {
	text := monitoring(t, "dashboard.json")
	var dashboard struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Query string }
		}
	}
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) < 20 || len(dashboard.Templating.List) != 3 {
		t.Fatalf("%d panels, %d variables", len(dashboard.Panels), len(dashboard.Templating.List))
	}
	knownMetrics(t, "dashboard.json", text)
	for name, row := range catalogue(t) {
		if len(row.alerts) > 0 && !strings.Contains(text, name) {
			t.Errorf("nothing shows %s, which has an alert", name)
		}
	}
	var queries strings.Builder
	queries.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, panel := range dashboard.Panels {
		if panel.Type != "row" && (len(panel.Targets) == 0 || panel.Title == "") || ids[panel.ID] {
			t.Errorf("panel %d, %q: no title, no query, or the number of another", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q is where %q is, or beyond the edge", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
		for i, target := range panel.Targets {
			if !strings.Contains(target.Expr, `job="$job", instance=~"$instance"`) {
				t.Errorf("%s: not of the chosen instances: %s", panel.Title, target.Expr)
			}
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			fmt.Fprintf(&queries, "      - record: panel_%d:%d\n        expr: %q\n", panel.ID, i, expr)
		}
	}
	file := filepath.Join(t.TempDir(), "queries.yml")
	writeFile(t, file, []byte(queries.String()))
	promtool(t, "", "check", "rules", file)
}
