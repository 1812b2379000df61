package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// A mutant that no longer fits the sources breaks no rule.
func TestEveryMutantFits(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range table() {
		text, err := m.mutated(root)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, parser.SkipObjectResolution); err != nil {
			t.Errorf("mutant %s is no Go: %v", m.name, err)
		}
		if m.old == m.new || m.rule == "" || len(m.tests) == 0 || seen[m.name] {
			t.Errorf("mutant %s: its name twice, no rule, no test, or no fault", m.name)
		}
		seen[m.name] = true
	}
}

// The tests that must catch a mutant exist.
func TestEveryNamedTestExists(t *testing.T) {
	sources := map[string]string{} // the tests of a package
	for _, m := range table() {
		for _, named := range m.tests {
			if sources[named.folder] == "" {
				files, _ := filepath.Glob(filepath.Join(root, named.folder, "*_test.go"))
				for _, file := range files {
					text, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					sources[named.folder] += string(text)
				}
			}
			if !strings.Contains(sources[named.folder], "func "+named.name+"(t *testing.T)") {
				t.Errorf("mutant %s: there is no %s", m.name, named)
			}
		}
	}
}
