package bench

import (
	"testing"
	"time"

	"github.com/arqd/arqd/bench/process"
)

// meter takes the times of a benchmark while it runs: the wall clock, the
// processor time of the process under test and our own.
type meter struct {
	b     *testing.B
	pid   int
	label string // before its metrics; empty: it also drives the benchmark's timer

	wall, cpu, own time.Duration
	last           Result
}

func newMeter(b *testing.B, pid int) *meter {
	b.Helper()
	b.StopTimer()
	b.ResetTimer()
	return &meter{b: b, pid: pid}
}

// during measures what work does. It may be called several times.
func (m *meter) during(work func()) {
	m.b.Helper()
	cpu, own := m.read()
	start := time.Now()
	if m.label == "" {
		m.b.StartTimer()
		defer m.b.StopTimer()
	}
	work()
	m.wall += time.Since(start)
	cpuAfter, ownAfter := m.read()
	m.cpu += cpuAfter - cpu
	m.own += ownAfter - own
}

// load measures a Load.
func (m *meter) load(l Load) {
	m.b.Helper()
	m.during(func() { m.last = run(m.b, l) })
}

func (m *meter) read() (cpu, own time.Duration) {
	m.b.Helper()
	cpu, err := process.CPU(m.pid)
	if err == nil {
		own, err = process.OwnCPU()
	}
	if err != nil {
		m.b.Fatal(err)
	}
	return cpu, own
}

// sample sums up b.N operations.
func (m *meter) sample() Sample {
	n := float64(m.b.N)
	s := Sample{
		Rate: n / m.wall.Seconds(),
		CPU:  float64(m.cpu.Microseconds()) / n,
	}
	if m.last.P50 > 0 {
		s.ClientCPU = float64(m.own.Microseconds()) / n
		s.P50, s.P99 = m.last.P50.Seconds()*1e3, m.last.P99.Seconds()*1e3
	}
	m.b.ReportMetric(s.Rate, m.label+"op/s")
	m.b.ReportMetric(s.CPU, m.label+"cpu-us/op")
	return s
}
