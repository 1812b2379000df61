// Package fleet stands in for the agents of many hosts. Each opens a session,
// sends its inventory, beats and waits for commands as an agent does, over
// connections of its own, and comes back as an agent does when the service was
// away. It counts what the service had to bear meanwhile.
package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Identity is a host and how its agent shows that it is that.
type Identity struct {
	Host        string
	Token       string           // "": none
	Certificate *tls.Certificate // nil: none
}

// Options of a fleet. The zero value of a field stands for its default, where one
// is named.
type Options struct {
	URL     string
	TLS     *tls.Config // authorities to trust; nil: the system's
	Hosts   []Identity
	Devices int           // of each host; 8
	Handles int           // of each device; 1
	Ramp    time.Duration // in which the agents come at first; 10 s
	Return  time.Duration // over which they spread when the service has lost their sessions; 10 s
	Timeout time.Duration // of a call, beyond what a poll waits; 30 s
}

func (o *Options) fill() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.Ramp, 10 * time.Second}, {&o.Return, 10 * time.Second}, {&o.Timeout, 30 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.Devices == 0 {
		o.Devices = 8
	}
	if o.Handles == 0 {
		o.Handles = 1
	}
}

// Fleet is the agents of many hosts.
type Fleet struct {
	opt    Options
	agents []*agent
	tally  *tally
	begin  time.Time

	end     context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	present int           // agents whose last call was answered well, with a session
	full    chan struct{} // closed while all are present
	outages []Outage
}

// Outage is a time in which not all agents were present who had been.
type Outage struct {
	Began   float64 `json:"began"`   // seconds after the start of the fleet
	Seconds float64 `json:"seconds"` // until all were back; 0: it goes on
	Absent  int     `json:"absent"`  // agents, at most
	// The most requests that were answered, and of them those for a session, in
	// one second of it.
	PeakRequests int `json:"peak_requests"`
	PeakOpens    int `json:"peak_opens"`
}

// Start has the agents come, one after the other.
func Start(ctx context.Context, opt Options) (*Fleet, error) {
	opt.fill()
	if len(opt.Hosts) == 0 {
		return nil, errors.New("a fleet has at least one host")
	}
	ctx, end := context.WithCancel(ctx)
	now := time.Now()
	f := &Fleet{opt: opt, tally: newTally(now), begin: now, end: end, full: make(chan struct{})}
	for i, id := range opt.Hosts {
		a := newAgent(f, id)
		f.agents = append(f.agents, a)
		f.running.Go(func() { a.run(ctx, opt.Ramp*time.Duration(i)/time.Duration(len(opt.Hosts))) })
	}
	return f, nil
}

// Stop has all agents end.
func (f *Fleet) Stop() {
	f.end()
	f.running.Wait()
	for _, a := range f.agents {
		a.http.CloseIdleConnections()
	}
}

// Present is how many agents have a session and were heard at their last call.
func (f *Fleet) Present() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.present
}

// AwaitAll waits until all agents are present.
func (f *Fleet) AwaitAll(ctx context.Context) error {
	f.mu.Lock()
	full := f.full
	f.mu.Unlock()
	select {
	case <-full:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Outages gives those so far; the last may go on.
func (f *Fleet) Outages() []Outage {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := append([]Outage{}, f.outages...)
	for i := range all {
		all[i].PeakRequests, all[i].PeakOpens = f.tally.peaks(all[i].Began, all[i].Seconds)
	}
	return all
}

// turn takes note of an agent that has become present, or absent.
func (f *Fleet) turn(present bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, all := time.Since(f.begin).Seconds(), len(f.opt.Hosts)
	if present {
		if f.present++; f.present == all {
			close(f.full)
			if n := len(f.outages); n > 0 {
				f.outages[n-1].Seconds = at - f.outages[n-1].Began
			}
		}
		return
	}
	if f.present == all {
		f.full = make(chan struct{})
		f.outages = append(f.outages, Outage{Began: at})
	}
	f.present--
	if n := len(f.outages); n > 0 && f.outages[n-1].Seconds == 0 {
		f.outages[n-1].Absent = max(f.outages[n-1].Absent, all-f.present)
	}
}

// within gives any time up to d.
func within(d time.Duration) time.Duration { return time.Duration(rand.Float64() * float64(d)) }
