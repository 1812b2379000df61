// Package scenario puts an accelerator service under load, as clients of its
// REST API and nothing else, measures what they see, and removes what they made.
package scenario

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/arqd/arqd/bench/events"
	"github.com/arqd/arqd/bench/process"
	"github.com/arqd/arqd/bench/report"
	"github.com/arqd/arqd/bench/rest"
)

// Options of a run.
type Options struct {
	Name   string // of the scenario
	Client *rest.Client
	Events *events.Listener // nil: binds are waited for by asking

	Count       int64         // iterations of a phase in a repetition; 0: as many as the time allows
	Duration    time.Duration // of a phase in a repetition
	Warmup      time.Duration // of a phase, before its first repetition
	Repeat      int
	Concurrency int
	Rate        float64 // iterations a second; 0: a closed loop
	Ramp        time.Duration

	ARQs     int // for each create, or instance
	Stored   int // for read: ARQs that there are at least; for fill: to come to
	Page     int
	Class    string   // resource class
	Traits   []string // that are required
	Host     string   // of the devices to use; "": any
	Mix      map[string]float64
	Seed     uint64
	BindTime time.Duration // for a bind to come to its end

	ServerPID    int  // 0: not measured
	Keep         bool // do not remove what was made
	CleanupLimit time.Duration
	Progress     *Progress // nil: none
}

// Connections is the most calls that there are at a time.
func (o *Options) Connections() int {
	if o.Name == "overload" {
		return max(o.Concurrency, MostOverload) + lookers
	}
	return o.Concurrency
}

// mostARQs is what a device profile may ask for.
const mostARQs = 256

// The rates that there are: slower ones are none, and quicker ones cannot be sent.
const leastRate, mostRate = 0.001, 1e6

// Names are those of the scenarios.
func Names() []string { return slices.Sorted(maps.Keys(scenarios)) }

// Check says what is wrong with the options.
func (o *Options) Check() error {
	if scenarios[o.Name] == nil {
		return fmt.Errorf("there is no scenario %q; there are %s", o.Name, strings.Join(Names(), ", "))
	}
	if o.Count <= 0 && o.Duration <= 0 {
		return errors.New("a count or a duration must bound a phase")
	}
	if o.Name == "storm" && o.Rate <= 0 {
		return errors.New("a storm has a rate")
	}
	for what, ok := range map[string]bool{
		"arqs must be from 1 to 256":                                  o.ARQs >= 1 && o.ARQs <= mostARQs,
		"repeat must be at least 1":                                   o.Repeat >= 1,
		"concurrency must be from 1 to 65536":                         o.Concurrency >= 1 && o.Concurrency <= 1<<16,
		"rate must be 0 or from 0.001 to 1000000":                     o.Rate == 0 || o.Rate >= leastRate && o.Rate <= mostRate,
		"ramp is of an open loop: it wants a rate":                    o.Ramp >= 0 && (o.Ramp == 0 || o.Rate > 0),
		"stored must not be negative":                                 o.Stored >= 0,
		"page must be at least 1":                                     o.Page >= 1,
		"count, duration and warmup must not be negative":             o.Count >= 0 && o.Duration >= 0 && o.Warmup >= 0,
		"bind-time must be more than 0":                               o.BindTime > 0,
		"cleanup-limit must be more than 0; keep keeps what was made": o.CleanupLimit > 0,
		"server-pid must not be negative":                             o.ServerPID >= 0,
	} {
		if !ok {
			return errors.New(what)
		}
	}
	if o.ServerPID > 0 {
		if _, err := process.MemoryOf(o.ServerPID); err != nil {
			return fmt.Errorf("server-pid: %w", err)
		}
	}
	return checkMix(o.Mix)
}

func (o *Options) settings(auth string) report.Settings {
	wait := "poll"
	if o.Events != nil {
		wait = "event"
	}
	return report.Settings{
		Count: o.Count, Duration: o.Duration.Seconds(), Warmup: o.Warmup.Seconds(), Repeat: o.Repeat,
		Concurrency: o.Concurrency, Rate: o.Rate, Ramp: o.Ramp.Seconds(), ARQs: o.ARQs, Stored: o.Stored,
		Page: o.Page, Wait: wait, Mix: o.Mix, Auth: auth, Seed: o.Seed,
	}
}
