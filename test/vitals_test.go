package test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"
)

// vitals are what a service holds on to at a moment of rest.
type vitals struct {
	goroutines  int
	connections int
	descriptors int
	actors      map[string]int // by kind
	heap        int64          // bytes that the last collection found in use
	anonymous   int64          // bytes of memory that are no file's
}

func (v vitals) String() string {
	return fmt.Sprintf("%d goroutines, %d connections, %d descriptors, actors %v, heap %.1f MiB, anonymous memory %.1f MiB",
		v.goroutines, v.connections, v.descriptors, v.actors, float64(v.heap)/(1<<20), float64(v.anonymous)/(1<<20))
}

// rest waits until nobody is connected (clients have to hang up for it) and nothing is under way, has garbage
// collected, and looks.
func (p *process) rest() vitals {
	p.t.Helper()
	eventually(p.t, time.Minute, "connections end, operations end, events are delivered", func() bool {
		m := p.metrics()
		return m.value(p.t, "arqd_http_open_connections") == 0 && m.value(p.t, "arqd_http_inflight_writes") == 0 &&
			m.value(p.t, "arqd_actors", "kind", "operation") == 0 && m.value(p.t, "arqd_outbox_depth") == 0
	})
	p.collect()
	m := p.metrics()
	v := vitals{
		goroutines:  int(m.value(p.t, "go_goroutines")),
		connections: int(m.value(p.t, "arqd_http_open_connections")),
		actors:      map[string]int{},
		heap:        int64(m.value(p.t, "go_memstats_next_gc_bytes")) / 2, // the next one comes when it has doubled
		anonymous:   p.anonymous(),
	}
	for _, metric := range m["arqd_actors"].GetMetric() {
		v.actors[metric.GetLabel()[0].GetValue()] = int(metric.GetGauge().GetValue())
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	v.descriptors = len(files)
	return v
}

// collect has the service collect its garbage, twice: what waited to be
// finalised by the first is gone after the second. It makes garbage: bodies.
func (p *process) collect() {
	p.t.Helper()
	c := newClient(p.t, p.api, &http.Transport{DisableKeepAlives: true})
	garbage := bytes.Repeat([]byte(" "), 1<<20)
	collections := func() float64 { return p.metrics().collections(p.t) }
	begun := collections()
	eventually(p.t, time.Minute, "garbage is collected", func() bool {
		for range 16 {
			c.send(http.MethodPost, "/", garbage)
		}
		return collections() >= begun+2
	})
}

func (m page) collections(t *testing.T) float64 {
	t.Helper()
	return float64(m["go_gc_duration_seconds"].GetMetric()[0].GetSummary().GetSampleCount())
}

// growth says what of a service has grown beyond what chance explains.
func (v vitals) growth(before vitals) []string {
	var grown []string
	compare := func(what string, now, then, more int64) {
		if now > then+more {
			grown = append(grown, fmt.Sprintf("%s: %d, before it was %d", what, now, then))
		}
	}
	compare("connections", int64(v.connections), int64(before.connections), 0)
	// The store merges its tables, and the engine lets workers go, in their own time.
	compare("goroutines", int64(v.goroutines), int64(before.goroutines), 20)
	compare("descriptors", int64(v.descriptors), int64(before.descriptors), 20)
	for _, kind := range slices.Sorted(maps.Keys(v.actors)) {
		compare("actors of kind "+kind, int64(v.actors[kind]), int64(before.actors[kind]), 0)
	}
	compare("heap", v.heap, before.heap, 16<<20)
	return grown
}
