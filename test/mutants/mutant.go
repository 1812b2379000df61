package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one fault in the sources: a piece of text that stands once in a
// file, and what stands there instead.
type mutant struct {
	name  string
	rule  string // that it breaks
	file  string // below the root of the module
	old   string
	new   string
	tests []test // of which one must catch it, the quickest first
}

// test names a test function: the folder of its package and its name.
type test struct{ folder, name string }

func (t test) String() string { return t.folder + " " + t.name }

// mutated gives the file's text with the fault in it. The error says that the
// mutant no longer fits the sources.
func (m *mutant) mutated(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, fmt.Errorf("mutant %s needs care: %w", m.name, err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return nil, fmt.Errorf("mutant %s needs care: its text stands %d times in %s, not once:\n%s", m.name, n, m.file, m.old)
	}
	return []byte(strings.Replace(string(text), m.old, m.new, 1)), nil
}

// tests of a package, named.
func in(folder string, names ...string) []test {
	var tests []test
	for _, name := range names {
		tests = append(tests, test{folder, name})
	}
	return tests
}

// Packages that have tests which catch.
const (
	actors  = "actors"
	storage = "persistence/badger"
	journal = "devices/agent/journal"
	httpAPI = "http"
	service = "test" // against the real binary
)

// The simulation, which looks for all that may go wrong in package actors.
const (
	simulation = "TestSimulation"
	points     = "TestCrashAtEveryPoint"
	faults     = "TestFaultAtEveryWrite"
)

// settings are the environment that a test runs in.
func (t test) settings() []string {
	if t.name == simulation {
		return []string{"SIM_RUNS=200"}
	}
	return nil
}
