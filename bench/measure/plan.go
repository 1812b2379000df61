// Package measure has iterations begin when they should, in a closed or an open
// loop, and takes down how long each call took and what became of it.
package measure

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Plan says how many iterations there are and when they begin.
//
// Without a rate it is a closed loop: each worker begins its next iteration
// when the one before is over. With a rate it is an open loop: iterations have
// an intended start, whether or not the service keeps up; one that finds no
// free worker begins late, and its latency counts from the intended start. So
// a service that stalls cannot make the load wait for it and be measured less.
type Plan struct {
	Workers  int           // the most iterations under way
	Rate     float64       // iterations a second; 0: a closed loop
	Ramp     time.Duration // in which the rate rises from nothing, evenly
	Count    int64         // iterations in all; 0: no bound
	Duration time.Duration // in which iterations begin, or are meant to; 0: no bound
}

// Pace is how well a Plan was kept.
type Pace struct {
	Begun   int64         // iterations
	Late    int64         // of them, those that began more than LateLimit after they should
	Longest time.Duration // that one began after it should
	Unsent  int64         // iterations that should have begun, and did not
}

// LateLimit is beyond what timers are late by themselves.
const LateLimit = 10 * time.Millisecond

// offset gives the intended start of an iteration, counted from 0.
func (p *Plan) offset(i int64) time.Duration {
	rising := p.Rate * p.Ramp.Seconds() / 2 // iterations while the rate rises
	seconds := p.Ramp.Seconds() + (float64(i)-rising)/p.Rate
	if float64(i) < rising {
		seconds = math.Sqrt(2 * p.Ramp.Seconds() * float64(i) / p.Rate)
	}
	return time.Duration(seconds * float64(time.Second))
}

// length is the time of a plan that is not open: to the last iteration belongs
// the time until the next would begin. Else more would be done in a second than
// are sent.
func (r *running) length() time.Duration {
	length := r.offset(r.planned)
	if r.Duration > 0 {
		return min(length, r.Duration)
	}
	return length
}

// planned gives how many iterations are meant to begin; -1: it is open.
func (p *Plan) planned() int64 {
	switch {
	case p.Rate == 0 || p.Duration == 0 && p.Count == 0:
		return -1
	case p.Duration == 0:
		return p.Count
	}
	ramp := min(p.Ramp, p.Duration).Seconds()
	n := p.Rate * (p.Duration.Seconds() - ramp)
	if ramp > 0 {
		n += p.Rate * ramp * ramp / (2 * p.Ramp.Seconds())
	}
	if all := int64(math.Ceil(n - 1e-6)); p.Count == 0 || all < p.Count {
		return all
	}
	return p.Count
}

// Run carries out a plan: step is called for each iteration, by one of the
// workers, with the moment from which its latency counts. An open loop lasts until
// the next iteration after the last would begin. When ctx ends no iteration
// begins any more; those under way come to their end. What an open
// loop could not begin in twice its duration it leaves.
func Run(ctx context.Context, p Plan, step func(worker int, start time.Time)) Pace {
	r := &running{Plan: p, begin: time.Now(), planned: p.planned()}
	var workers sync.WaitGroup
	for w := range p.Workers {
		workers.Go(func() { r.work(ctx, w, step) })
	}
	workers.Wait()
	pace := Pace{Begun: r.begun.Load(), Late: r.late.Load(), Longest: time.Duration(r.longest.Load())}
	if r.planned >= 0 && ctx.Err() == nil {
		pace.Unsent = r.planned - pace.Begun
	}
	return pace
}

type running struct {
	Plan

	begin   time.Time
	planned int64
	next    atomic.Int64
	begun   atomic.Int64
	late    atomic.Int64
	longest atomic.Int64 // ns
}

func (r *running) work(ctx context.Context, worker int, step func(int, time.Time)) {
	for ctx.Err() == nil {
		start, ok := r.await(ctx, r.next.Add(1)-1)
		if !ok {
			return
		}
		r.begun.Add(1)
		step(worker, start)
	}
}

// await waits until an iteration may begin, and says no if it may not.
func (r *running) await(ctx context.Context, i int64) (start time.Time, ok bool) {
	if r.Rate == 0 {
		start = time.Now()
		return start, (r.Count == 0 || i < r.Count) && (r.Duration == 0 || start.Sub(r.begin) < r.Duration)
	}
	if r.planned >= 0 && i >= r.planned {
		Pause(ctx, time.Until(r.begin.Add(r.length())))
		return start, false
	}
	start = r.begin.Add(r.offset(i))
	if !Pause(ctx, time.Until(start)) || r.Duration > 0 && time.Since(r.begin) > 2*r.Duration {
		return start, false
	}
	if lag := time.Since(start); lag > LateLimit {
		r.late.Add(1)
		raise(&r.longest, int64(lag))
	}
	return start, true
}

// Pause waits, and says false if ctx ended.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func raise(most *atomic.Int64, v int64) {
	for {
		old := most.Load()
		if v <= old || most.CompareAndSwap(old, v) {
			return
		}
	}
}
