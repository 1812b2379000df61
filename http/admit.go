package http

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/http/admission"
)

func (s *Server) newGate() *admission.Gate {
	return admission.New(admission.Options{
		Most: s.opt.MaxInflightWrites, Patience: max(s.opt.ChangePatience, 0),
		Pace: s.metrics.pace, Crowded: s.crowded, Report: s.tellRefusals, Done: s.lifetime.Done(),
	})
}

// crowded tells whether more than half of the connections are in use.
func (s *Server) crowded() bool { return int(s.open.count.Load()) > s.opt.MaxConnections/2 }

// enter has a change wait for its turn. It comes after the identity is known,
// which is cheap for a known token, because whose turn it is depends on that; and
// before all else.
func (s *Server) enter(c *call) error {
	stage := admission.Finishes
	if c.route.method == post {
		stage = admission.Begins
	}
	caller := admission.Caller{Project: payer(c.identity), Service: c.identity.Service}
	if s.gate.Enter(&c.pass, caller, stage) == admission.Admitted {
		return nil
	}
	c.shed = true
	return &fault{
		status: fasthttp.StatusServiceUnavailable, retry: true, after: s.gate.RetryAfter(),
		message: "Too many changes are under way; nothing was done.",
	}
}

// tellRefusals writes one line for many: a line for each would be work for nothing
// just when there is too much.
func (s *Server) tellRefusals(r admission.Refusals) {
	s.opt.Log.LogAttrs(s.lifetime, slog.LevelWarn, "changes refused: more come than can be done",
		slog.Int("full", r.Full), slog.Int("late", r.Late),
		slog.String("project_id", r.Busiest.Project), slog.Bool("service", r.Busiest.Service),
		slog.Int("of_project", r.OfBusiest))
}

// pace is how fast durable writes go.
type pace struct {
	usual atomic.Int64 // ns of one
	last  atomic.Int64 // when one ended, ns of Unix time
}

// standstillAfter is how long it takes for a store that has work and ends nothing to
// count as standing still.
const standstillAfter = 500 * time.Millisecond

// committed is called by one goroutine.
func (p *pace) committed(took time.Duration) {
	usual := p.usual.Load()
	p.usual.Store(usual + (int64(took)-usual)/8)
	p.last.Store(time.Now().UnixNano())
}

// pace tells the gate how long a durable write takes.
func (m *Metrics) pace() (write time.Duration, standstill bool) {
	write = time.Duration(m.writing.usual.Load())
	if time.Since(time.Unix(0, m.writing.last.Load())) > standstillAfter {
		counts := m.store.Load()
		standstill = counts != nil && (*counts)().QueueDepth > 0
	}
	return write, standstill
}
