package scenario

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/arqd/arqd/bench/process"
	"github.com/arqd/arqd/bench/report"
)

const samplePause = 200 * time.Millisecond

// meters measure what the client and the server use from start to stop.
type meters struct {
	client, server *meter
}

func startMeters(serverPID int) *meters {
	m := &meters{client: startMeter(os.Getpid(), process.OwnCPU)}
	if serverPID > 0 {
		m.server = startMeter(serverPID, func() (time.Duration, error) { return process.CPU(serverPID) })
	}
	return m
}

// stop gives what was used. A server that is not there any more is not measured,
// and fault says so.
func (m *meters) stop() (client report.Usage, server *report.Usage, fault, err error) {
	if client, err = m.client.stop(); err != nil {
		err = fmt.Errorf("measuring ourselves: %w", err)
	}
	if m.server == nil {
		return client, nil, nil, err
	}
	usage, fault := m.server.stop()
	if fault != nil {
		return client, nil, fault, err
	}
	return client, &usage, nil, err
}

// meter samples the memory of a process and takes the difference of its
// processor time.
type meter struct {
	pid    int
	cpu    func() (time.Duration, error)
	before time.Duration
	peak   int64
	err    error
	end    chan struct{}
	ended  sync.WaitGroup
}

func startMeter(pid int, cpu func() (time.Duration, error)) *meter {
	m := &meter{pid: pid, cpu: cpu, end: make(chan struct{})}
	m.before, m.err = cpu()
	m.ended.Go(m.run)
	return m
}

func (m *meter) run() {
	tick := time.NewTicker(samplePause)
	defer tick.Stop()
	for {
		if memory, err := process.MemoryOf(m.pid); err == nil {
			m.peak = max(m.peak, memory.Resident)
		}
		select {
		case <-tick.C:
		case <-m.end:
			return
		}
	}
}

func (m *meter) stop() (report.Usage, error) {
	close(m.end)
	m.ended.Wait()
	after, err := m.cpu()
	if err == nil {
		err = m.err
	}
	if err != nil {
		return report.Usage{}, err
	}
	memory, err := process.MemoryOf(m.pid)
	return report.Usage{
		CPUSeconds: (after - m.before).Seconds(), RSSPeak: max(m.peak, memory.Resident), RSSEnd: memory.Resident,
	}, err
}
