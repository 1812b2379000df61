package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/arqd/arqd/bench/measure"
	"github.com/arqd/arqd/bench/process"
)

// Schema is that of a Result.
const Schema = "arqd-bench-agents/1"

// Result is what was measured of a fleet.
type Result struct {
	Schema  string   `json:"schema"`
	Hosts   int      `json:"hosts"`
	Devices int      `json:"devices"` // of each host
	Arrival Phase    `json:"arrival"` // until all were present
	Steady  Phase    `json:"steady"`
	Outages []Outage `json:"outages"`
	Return  *Phase   `json:"return,omitempty"` // from the first outage that was waited for to the end of the last
}

// Phase is a time of the fleet.
type Phase struct {
	Seconds float64 `json:"seconds"`
	Calls   []Calls `json:"calls"`
	Server  *Server `json:"server,omitempty"` // at its end; absent: not measured
	// The most requests that were answered, and of them those for a session, in
	// one of its seconds.
	PeakRequests int `json:"peak_requests"`
	PeakOpens    int `json:"peak_opens"`
}

// Calls are the calls of one kind; latencies are in milliseconds.
type Calls struct {
	Name     string           `json:"name"`
	Outcomes map[string]int64 `json:"outcomes"` // by status, or by why there was none
	P50      float64          `json:"p50_ms"`
	P99      float64          `json:"p99_ms"`
	Max      float64          `json:"max_ms"`
}

// Server is what the service used.
type Server struct {
	CPUSeconds float64 `json:"cpu_seconds"` // in the phase
	// Memory in bytes, resident and of no file, and open descriptors; and how
	// much of each was there before the first agent came.
	RSS               int64 `json:"rss"`
	Anonymous         int64 `json:"anonymous"`
	Descriptors       int   `json:"descriptors"`
	RSSBefore         int64 `json:"rss_before"`
	AnonymousBefore   int64 `json:"anonymous_before"`
	DescriptorsBefore int   `json:"descriptors_before"`
}

// Plan says what to measure.
type Plan struct {
	Duration  time.Duration // of the steady time
	Outages   int           // to be waited for afterwards
	Patience  time.Duration // with the arrival, and with the outages
	ServerPID int           // 0: not measured
	// Say is told how far it is; nil: nobody is.
	Say func(format string, args ...any)
}

// ErrAbsent is wrapped when not all agents came, or came back.
var ErrAbsent = errors.New("not all agents are present")

// Measure has a fleet come, live for a while, and, if the plan has outages, come
// back from them. What was measured before an error is in the result.
func Measure(ctx context.Context, opt Options, plan Plan) (*Result, error) {
	opt.fill()
	if plan.Say == nil {
		plan.Say = func(string, ...any) {}
	}
	r := &Result{Schema: Schema, Hosts: len(opt.Hosts), Devices: opt.Devices, Outages: []Outage{}}
	m := &meter{pid: plan.ServerPID}
	if err := m.start(); err != nil {
		return nil, err
	}
	f, err := Start(ctx, opt)
	if err != nil {
		return nil, err
	}
	defer f.Stop()
	plan.Say("%d agents come within %v", len(opt.Hosts), opt.Ramp)
	if err := f.await(ctx, plan.Patience); err != nil {
		r.Arrival = f.phase(f.begin, nil)
		return r, err
	}
	if r.Arrival, err = f.measured(f.begin, m); err != nil {
		return r, err
	}
	plan.Say("all are there; %v of steady life", plan.Duration)
	begin := time.Now()
	if !measure.Pause(ctx, plan.Duration) {
		return r, ctx.Err()
	}
	if r.Steady, err = f.measured(begin, m); err != nil {
		return r, err
	}
	r.Outages = f.Outages()
	if plan.Outages == 0 {
		return r, nil
	}
	return r, f.outlast(ctx, &plan, r)
}

// outlast waits for so many outages more to come and to go.
func (f *Fleet) outlast(ctx context.Context, plan *Plan, r *Result) error {
	begin, before := time.Now(), len(f.Outages()) // from now on, also if whoever hears of it is quick
	plan.Say("waiting for %d outages: stop the service, and start it again", plan.Outages)
	ctx, stop := context.WithTimeout(ctx, plan.Patience)
	defer stop()
	for {
		r.Outages = f.Outages()
		if n := len(r.Outages); n >= before+plan.Outages && r.Outages[n-1].Seconds > 0 {
			break
		}
		if !measure.Pause(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%w: %d of %d, %v after the outages were waited for", ErrAbsent, f.Present(), len(f.agents), plan.Patience)
		}
	}
	p := f.phase(begin, nil)
	r.Return = &p
	return nil
}

func (f *Fleet) await(ctx context.Context, patience time.Duration) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := f.AwaitAll(ctx); err != nil {
		return fmt.Errorf("%w: %d of %d after %v", ErrAbsent, f.Present(), len(f.agents), patience)
	}
	return nil
}

func (f *Fleet) measured(begin time.Time, m *meter) (Phase, error) {
	server, err := m.lap()
	return f.phase(begin, server), err
}

// phase gives what was seen since begin.
func (f *Fleet) phase(begin time.Time, server *Server) Phase {
	p := Phase{Seconds: time.Since(begin).Seconds(), Server: server}
	p.PeakRequests, p.PeakOpens = f.tally.peaks(math.Ceil(begin.Sub(f.begin).Seconds()), p.Seconds)
	taken := f.tally.take()
	for _, name := range slices.Sorted(maps.Keys(taken)) {
		c := taken[name]
		ms := func(us int64) float64 { return float64(us) / 1000 }
		p.Calls = append(p.Calls, Calls{
			name, c.outcomes, ms(c.latency.ValueAtQuantile(50)), ms(c.latency.ValueAtQuantile(99)), ms(c.latency.Max()),
		})
	}
	return p
}

// meter reads what the service uses.
type meter struct {
	pid    int
	before Server
	cpu    time.Duration
}

func (m *meter) start() (err error) {
	if m.pid > 0 {
		m.before, m.cpu, err = m.read()
	}
	return err
}

func (m *meter) read() (s Server, cpu time.Duration, err error) {
	memory, err := process.MemoryOf(m.pid)
	if err != nil {
		return s, 0, err
	}
	s.RSS, s.Anonymous = memory.Resident, memory.Anonymous
	if s.Descriptors, err = process.Descriptors(m.pid); err != nil {
		return s, 0, err
	}
	cpu, err = process.CPU(m.pid)
	return s, cpu, err
}

// lap gives what was used since the last lap.
func (m *meter) lap() (*Server, error) {
	if m.pid == 0 {
		return nil, nil //nolint:nilnil // nothing is an answer
	}
	s, cpu, err := m.read()
	if err != nil {
		return nil, err
	}
	s.CPUSeconds = (cpu - m.cpu).Seconds()
	s.RSSBefore, s.AnonymousBefore, s.DescriptorsBefore = m.before.RSS, m.before.Anonymous, m.before.Descriptors
	m.cpu = cpu
	return &s, nil
}
