package bench

import (
	"errors"
	"testing"
	"time"

	"github.com/arqd/arqd/bench/process"
)

// meter takes times while something is measured: the wall clock, the processor
// time of the process under test and our own.
type meter struct {
	tb  testing.TB
	pid int

	wall, cpu, own time.Duration
	last           Result
}

// during measures what work does. It may be called several times.
func (m *meter) during(work func()) {
	m.tb.Helper()
	cpu, own := m.read()
	start := time.Now()
	work()
	m.wall += time.Since(start)
	cpuAfter, ownAfter := m.read()
	m.cpu += cpuAfter - cpu
	m.own += ownAfter - own
}

// load measures a Load.
func (m *meter) load(l Load) {
	m.tb.Helper()
	m.during(func() { m.last = run(m.tb, l) })
}

func (m *meter) read() (cpu, own time.Duration) {
	m.tb.Helper()
	cpu, err := process.CPU(m.pid)
	if err == nil {
		own, err = process.OwnCPU()
	}
	if err != nil {
		m.tb.Fatal(err)
	}
	return cpu, own
}

// sample sums up so many operations.
func (m *meter) sample(operations int) Sample {
	n := float64(operations)
	s := Sample{Rate: n / m.wall.Seconds(), CPU: float64(m.cpu.Microseconds()) / n}
	if m.last.P50 > 0 {
		s.ClientCPU = float64(m.own.Microseconds()) / n
		s.P50, s.P99 = m.last.P50.Seconds()*1e3, m.last.P99.Seconds()*1e3
	}
	return s
}

// usage gives what a process takes now, and the processor time that it has used.
func usage(tb testing.TB, pid int) (process.Memory, time.Duration) {
	tb.Helper()
	memory, err1 := process.MemoryOf(pid)
	cpu, err2 := process.CPU(pid)
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	return memory, cpu
}
