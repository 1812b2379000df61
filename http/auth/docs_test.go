package auth

import (
	"os"
	"strings"
	"testing"
)

// columns are the operator page's columns and the persona each stands for.
var columns = []struct{ heading, persona string }{
	{"reader", "reader"}, {"member", "demo"}, {"manager", "manager"}, {"service", "svc"}, {"admin", "admin"}, {"any token", "norole"},
}

// The tables that operators read say what the rules do.
func TestOperatorPageTellsTheTruth(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "\n### enforce_new_defaults = true\n")
	newTable, legacyTable, found := strings.Cut(after, "\n### enforce_new_defaults = false\n")
	if !found {
		t.Fatal("the two tables are not there")
	}
	legacyTable, _, _ = strings.Cut(legacyTable, "\n## ")
	for set, table := range map[Set]string{SetNew: newTable, SetLegacy: legacyTable} {
		if got, want := strings.TrimSpace(table), accessTable(defaultsOf(t, set)); got != want {
			t.Errorf("the page for the %v set:\n%s\nshould be\n%s", set, got, want)
		}
	}
}

func accessTable(p *Policy) string {
	var b strings.Builder
	b.WriteString("| Rule |")
	for _, c := range columns {
		b.WriteString(" " + c.heading + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(columns)+1))
	for _, c := range access {
		b.WriteString("\n| `" + c.rule + "` |")
		for _, col := range columns {
			id := persona(col.persona)
			b.WriteString(map[bool]string{true: " yes |", false: " - |"}[p.Enforce(c.rule, own(id), id)])
		}
	}
	return b.String()
}
