package test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// options are lines of a configuration file: "section.name" to value.
type options map[string]string

// node is a place where arqd runs: a configuration and a state directory,
// which outlive the processes that run on them.
type node struct {
	t       *testing.T
	dir     string
	conf    string
	program string // the arqd that runs on it

	descriptors int // that the process may have open; 0: as many as the test
}

// newNode makes a node with an empty state directory, on free ports of
// loopback, with one fake host of the name "compute1".
func newNode(t *testing.T, opts options) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{t: t, dir: dir, conf: filepath.Join(dir, "arqd.conf"), program: binary(t)}
	n.configure(opts)
	return n
}

func (n *node) state() string { return filepath.Join(n.dir, "state") }

// configure writes the configuration file: the defaults of these tests, and
// opts over them.
func (n *node) configure(opts options) {
	n.t.Helper()
	all := options{
		"DEFAULT.host":          "compute1",
		"DEFAULT.state_path":    n.state(),
		"DEFAULT.log_format":    "json",
		"api.port":              "0",
		"arqd.admin_port":       "0",
		"arqd.shutdown_timeout": "20",
	}
	maps.Copy(all, opts)
	var text strings.Builder
	section := ""
	for _, key := range slices.Sorted(maps.Keys(all)) {
		group, name, _ := strings.Cut(key, ".")
		if group != section {
			section = group
			fmt.Fprintf(&text, "[%s]\n", section)
		}
		fmt.Fprintf(&text, "%s = %s\n", name, all[key])
	}
	if err := os.WriteFile(n.conf, []byte(text.String()), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// start runs arqd on a new node and waits until it is ready.
func start(t *testing.T, opts options) *process {
	t.Helper()
	return newNode(t, opts).start()
}
