package measure

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOpenLoopCountsFromTheIntendedStart: a service that stalls for a second is
// charged with the wait of everybody who came meanwhile.
func TestOpenLoopCountsFromTheIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, stall, normal = 100, time.Second, time.Millisecond
		rec := NewRecorder()
		calls := 0
		pace := Run(t.Context(), Plan{Workers: 1, Rate: rate, Duration: 4 * time.Second}, func(_ int, start time.Time) {
			calls++
			took := normal
			if calls == 1 {
				took = stall
			}
			<-time.After(took)
			rec.Add("x", "200", true, time.Since(start), 1)
		})
		_, ops := rec.Operations()
		h := ops["x"].Latency
		if pace.Begun != 4*rate || h.TotalCount() != 4*rate || pace.Unsent != 0 {
			t.Errorf("%d begun, %d measured, want %d; %+v", pace.Begun, h.TotalCount(), 4*rate, pace)
		}
		// The second call was meant for 10 ms and is over at 1001 ms.
		if got := h.ValueAtQuantile(99.5); got < 980_000 || got > 1_001_000 {
			t.Errorf("the last but one percent took %d us, want nearly the stall", got)
		}
		// The backlog of 100 shrinks by 9 of 10: some 111 calls wait.
		slow := int64(0)
		for _, b := range h.Distribution() {
			if b.From > 2000 {
				slow += b.Count
			}
		}
		if slow < 105 || slow > 115 {
			t.Errorf("%d calls waited, want about 111", slow)
		}
		if pace.Late < 100 || pace.Longest < 980*time.Millisecond {
			t.Errorf("%d late, by %v at most", pace.Late, pace.Longest)
		}
	})
}

// TestClosedLoopDoesNot: the same stall is one slow call.
func TestClosedLoopDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, calls := 0, 0
		pace := Run(t.Context(), Plan{Workers: 1, Count: 100}, func(_ int, start time.Time) {
			calls++
			if calls == 1 {
				<-time.After(time.Second)
			}
			if time.Since(start) > time.Millisecond {
				slow++
			}
		})
		if slow != 1 || pace != (Pace{Begun: 100}) {
			t.Errorf("%d slow, %+v", slow, pace)
		}
	})
}

func TestPlansEnd(t *testing.T) {
	for name, c := range map[string]struct {
		plan  Plan
		takes time.Duration // of an iteration
		want  Pace
	}{
		"count":                {Plan{Workers: 3, Count: 10}, time.Second, Pace{Begun: 10}},
		"duration":             {Plan{Workers: 2, Duration: 10 * time.Second}, time.Second, Pace{Begun: 20}},
		"count of an open one": {Plan{Workers: 5, Rate: 10, Count: 7}, time.Millisecond, Pace{Begun: 7}},
		"whichever is first":   {Plan{Workers: 5, Rate: 10, Count: 7, Duration: time.Minute}, time.Millisecond, Pace{Begun: 7}},
		"a ramp":               {Plan{Workers: 5, Rate: 10, Ramp: 10 * time.Second, Duration: 20 * time.Second}, time.Millisecond, Pace{Begun: 150}},
		"in the ramp":          {Plan{Workers: 5, Rate: 10, Ramp: 10 * time.Second, Duration: 5 * time.Second}, time.Millisecond, Pace{Begun: 13}},
		// One a second of ten: after 20 s 21 have begun, 79 never will.
		"overload": {Plan{Workers: 1, Rate: 10, Duration: 10 * time.Second}, time.Second, Pace{Begun: 21, Unsent: 79, Late: 20, Longest: 18 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := Run(t.Context(), c.plan, func(int, time.Time) { <-time.After(c.takes) }); got != c.want {
					t.Errorf("%+v, want %+v", got, c.want)
				}
			})
		})
	}
}

// TestTheTimeOfTheLastIterationCounts: at five a second, five are a second's, and
// not those of the 0.8 s after which the last of them begins.
func TestTheTimeOfTheLastIterationCounts(t *testing.T) {
	for want, plan := range map[time.Duration]Plan{
		time.Second:            {Workers: 2, Rate: 5, Duration: time.Second},
		700 * time.Millisecond: {Workers: 2, Rate: 10, Count: 7},
		2 * time.Second:        {Workers: 2, Rate: 0.1, Duration: 2 * time.Second}, // the next would be far off
		10 * time.Second:       {Workers: 2, Rate: 10, Ramp: 4 * time.Second, Duration: 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			Run(t.Context(), plan, func(int, time.Time) { <-time.After(time.Millisecond) })
			if took := time.Since(begin); took != want {
				t.Errorf("%+v took %v, want %v", plan, took, want)
			}
		})
	}
}

// TestRampRisesEvenly: half of the way up, a quarter of the ramp's calls are
// begun.
func TestRampRisesEvenly(t *testing.T) {
	p := Plan{Rate: 100, Ramp: 10 * time.Second}
	for i, want := range map[int64]time.Duration{0: 0, 125: 5 * time.Second, 500: 10 * time.Second, 700: 12 * time.Second} {
		if got := p.offset(i); got != want {
			t.Errorf("call %d after %v, want %v", i, got, want)
		}
	}
}

// TestAStopLetsCallsUnderWayEnd and begins no others.
func TestAStopLetsCallsUnderWayEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rate := range []float64{0, 10} {
			ctx, stop := context.WithCancel(t.Context())
			var ended atomic.Int64
			time.AfterFunc(950*time.Millisecond, stop)
			pace := Run(ctx, Plan{Workers: 2, Rate: rate}, func(int, time.Time) {
				<-time.After(time.Second)
				ended.Add(1)
			})
			if pace.Begun != 2 || ended.Load() != 2 || pace.Unsent != 0 {
				t.Errorf("rate %v: %+v, %d ended", rate, pace, ended.Load())
			}
		}
	})
}
