package agents

import "sync/atomic"

// stats are counts since the start.
type stats struct {
	strangers, impostors atomic.Uint64
	classes              [6]atomic.Uint64 // of answers, by the hundreds of their status
}

func (s *stats) count(status int) {
	if class := status / 100; class > 0 && class < len(s.classes) {
		s.classes[class].Add(1)
	}
}

// Stats are counts since the start, for metrics.
type Stats struct {
	Connections int               // open at present
	Answers     map[string]uint64 // by class of status: 2xx, 4xx ...
	Strangers   uint64            // requests without a certificate or a token that counts
	Impostors   uint64            // requests for another host, or for the provider of one
}

// Stats gives counts.
func (s *Server) Stats() Stats {
	st := Stats{
		Connections: int(s.engine.GetOpenConnectionsCount()), Answers: map[string]uint64{},
		Strangers: s.stats.strangers.Load(), Impostors: s.stats.impostors.Load(),
	}
	for class, name := range map[int]string{2: "2xx", 4: "4xx", 5: "5xx"} {
		st.Answers[name] = s.stats.classes[class].Load()
	}
	return st
}
