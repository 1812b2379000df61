package test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"time"
)

// vitals are what a service holds on to at a moment of rest.
type vitals struct {
	goroutines  int
	descriptors int
	actors      map[string]int // by kind, without those of things that exist
	heap        int64          // bytes in use when there was the least garbage
	anonymous   int64          // bytes of memory that are no file's
}

func (v vitals) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, actors %v, heap %.1f MiB, anonymous memory %.1f MiB",
		v.goroutines, v.descriptors, v.actors, float64(v.heap)/(1<<20), float64(v.anonymous)/(1<<20))
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
	v := vitals{heap: p.collect(), actors: map[string]int{}}
	m := p.metrics()
	v.goroutines = int(m.value(p.t, "go_goroutines"))
	v.anonymous = p.anonymous()
	// What exists may have an actor, which leaves when it has been idle for a minute.
	exist := map[string]int{"arq": int(m.value(p.t, "arqd_arqs")), "device_profile": int(m.value(p.t, "arqd_device_profiles"))}
	for _, metric := range m["arqd_actors"].GetMetric() {
		kind := metric.GetLabel()[0].GetValue()
		v.actors[kind] = max(0, int(metric.GetGauge().GetValue())-exist[kind])
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	v.descriptors = len(files)
	return v
}

// collect has the service collect its garbage, three times, as what waits to be
// finalised goes with the second, and gives the least bytes of the heap that
// were in use meanwhile. It makes garbage: bodies.
func (p *process) collect() int64 {
	p.t.Helper()
	c := newClient(p.t, p.api, &http.Transport{DisableKeepAlives: true})
	garbage := bytes.Repeat([]byte(" "), 1<<20)
	begun, least := p.metrics().collections(), int64(math.MaxInt64)
	eventually(p.t, time.Minute, "garbage is collected", func() bool {
		for range 4 {
			c.send(http.MethodPost, "/", garbage)
		}
		m := p.metrics()
		least = min(least, int64(m.value(p.t, "go_memstats_heap_alloc_bytes")))
		return m.collections() >= begun+3
	})
	return least
}

func (m page) collections() uint64 {
	return m["go_gc_duration_seconds"].GetMetric()[0].GetSummary().GetSampleCount()
}

// checkGrowth fails the test for what has grown beyond what chance explains.
func (p *process) checkGrowth(before, now vitals) {
	p.t.Helper()
	compare := func(what string, now, then, more int64) {
		p.t.Helper()
		if now > then+more {
			p.t.Errorf("%s: %d, before it was %d", what, now, then)
		}
	}
	// The engine keeps a worker for ten seconds after its connection, and the
	// store has its tables open: that depends on how many there were at a time.
	compare("goroutines", int64(now.goroutines), int64(before.goroutines), 64)
	compare("descriptors", int64(now.descriptors), int64(before.descriptors), 20)
	for _, kind := range slices.Sorted(maps.Keys(now.actors)) {
		compare("actors of kind "+kind+" without what they are of", int64(now.actors[kind]), int64(before.actors[kind]), 0)
	}
	// While the store compacts its tables they are in memory twice: some hundred MiB
	// after a storm of minutes. What has grown does not go back.
	eventually(p.t, time.Minute, "the heap has gone back", func() bool {
		if now.heap > before.heap+16<<20 {
			now.heap = p.collect()
		}
		return now.heap <= before.heap+16<<20
	})
	if raced() {
		return // the detector remembers all memory that was ever used
	}
	// The runtime keeps memory for another collection, and gives the rest back
	// by and by.
	const kept = 128 << 20
	eventually(p.t, 2*time.Minute, "anonymous memory has gone back", func() bool {
		return p.anonymous() <= before.anonymous+kept
	})
}
