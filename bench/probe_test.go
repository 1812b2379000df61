package bench

import (
	"sync"
	"testing"
)

// How fast is a read while creates are at work? Both come in open loops: creates
// at a part of what the service can take, reads at a rate that matters little.
const (
	creating     = 0.7  // of the creates that a closed loop of 64 has reached
	probesSecond = 2000 // reads
	connections  = 64
)

func (s *site) showAmongCreates(tb testing.TB, n int) []Sample {
	tb.Helper()
	return s.amongCreates(tb, s.service.pid, s.service.api, n)
}

func (s *site) echoAmongCreates(tb testing.TB, n int) []Sample {
	tb.Helper()
	return s.amongCreates(tb, s.echo.pid, s.echoAddr, n)
}

func (s *site) amongCreates(tb testing.TB, pid int, addr string, n int) []Sample {
	tb.Helper()
	rate := s.capacity * creating
	creates := Load{
		Addr: addr, Connections: connections, Status: 201, Rate: rate, Count: int(rate * float64(n) / probesSecond),
		Requests: [][]byte{CreateARQs(s.service.api, profileName)},
	}
	m := &meter{tb: tb, pid: pid}
	m.during(func() {
		var others sync.WaitGroup
		others.Go(func() {
			if _, err := Run(tb.Context(), creates); err != nil {
				tb.Error(err)
			}
		})
		m.last = run(tb, Load{Addr: addr, Connections: connections, Status: 200, Rate: probesSecond, Count: n, Requests: s.shows()})
		others.Wait()
	})
	sample := m.sample(n + creates.Count)
	sample.Rate = float64(n) / m.wall.Seconds()
	return []Sample{sample}
}
