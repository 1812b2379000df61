package actors

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// incident is what happens to a scenario.
type incident struct {
	target int // the point at which the process dies; 0: none
	hold   bool
	fault  int // the write that meets a fault; 0: none
	kind   memory.Fault
}

func (i incident) String() string {
	switch {
	case i.target > 0 && i.hold:
		return fmt.Sprintf("a crash at point %d, everything else having gone on", i.target)
	case i.target > 0:
		return fmt.Sprintf("a crash at point %d", i.target)
	case i.fault == 0:
		return "nothing"
	}
	return fmt.Sprintf("fault %+v of write %d", i.kind, i.fault)
}

// outcome is what a played scenario tells.
type outcome struct {
	points, writes int
	at             string // the point of the crash
	violations     []string
	chronicle      string
}

// play goes through a scenario in which something happens.
func (c *scenario) play(t *testing.T, happens incident) (o outcome) {
	t.Helper()
	uuid.SetRand(newSeededReader(1))
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		s := newSimulation(t, func(o *Options) {
			o.HoldFailed = true
			o.Lease, o.HostDeadAfter = simLease, simDeadAfter
			if c.together {
				o.Deliveries = 1
			}
		})
		if c.agents {
			s.withAgents(nil)
		}
		if c.seen {
			s.withScheduler(nil)
		}
		s.begin(s.newStore(memory.Snapshot{}))
		w := &scene{simulation: s, l: s.life}
		s.boot()
		for _, p := range simProfiles {
			_ = s.askProfile(w.l, p.name, p.requests...)
		}
		if c.setup != nil {
			c.setup(w)
		}
		<-time.After(2 * simSlack)
		synctest.Wait()
		s.machines.will(well)
		if c.work != nil {
			s.machines.will(c.work)
		}
		s.setFaults(func(persistence.Transition) memory.Fault {
			if o.writes++; o.writes == happens.fault {
				return happens.kind
			}
			return memory.Fault{}
		})
		s.arm(happens.target, happens.hold)
		alive := s.run(func() {
			c.act(w)
			select { // what goes on behind the answers
			case <-time.After(3 * simBindTimeout):
			case <-w.l.dead: // the next process begins while there is time for what it finds
			}
		})
		o.points, o.at = s.points.passed, s.points.at
		s.setFaults(nil)
		s.machines.will(well)
		for !alive {
			s.begin(w.l.next)
			w.l = s.life
			s.arm(0, false)
			alive = s.run(func() { s.boot() })
		}
		s.rest()
		o.violations = s.history.violations
		if len(o.violations) > 0 {
			o.chronicle = s.history.chronicle()
		}
	})
	return o
}

// playWell goes through a scenario in which nothing happens.
func (c *scenario) playWell(t *testing.T) outcome {
	t.Helper()
	o := c.play(t, incident{})
	o.report(t, incident{})
	return o
}

// TestCrashAtEveryPoint goes through every transition once for each point at
// which its process can die: before each write and after it, before each
// message, at the beginning and the end of each command and of each event's
// delivery. The process dies right there, or when everything that does not
// wait for that has gone on.
func TestCrashAtEveryPoint(t *testing.T) {
	restore := quietly()
	defer restore()
	crashes, violations := 0, 0
	for i, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			points := c.playWell(t).points
			for target := 1; target <= points; target++ {
				for _, hold := range []bool{false, true} {
					if c.skips(target+i, hold) {
						continue
					}
					happens := incident{target: target, hold: hold}
					o := c.play(t, happens)
					o.report(t, happens)
					violations += len(o.violations)
					if o.at != "" {
						n++
					}
				}
			}
			crashes += n
			t.Logf("%s: %d crashes", c.name, n)
		})
	}
	t.Logf("%d transitions, %d crashes, %d violations", len(scenarios), crashes, violations)
}

// skips leaves out most of what there is to try: of eight in a row one is tried
// in one way, and another one in the other; with agents, who say something all
// the time, of sixty-four. SIM_RUNS has all of it tried, in every way.
func (c *scenario) skips(n int, way bool) bool {
	if os.Getenv("SIM_RUNS") != "" {
		return false
	}
	row := 8
	if c.agents {
		row = 64
	}
	if way {
		return n%row != row/2
	}
	return n%row != 0
}

// badDays are what may befall a write besides the death of its process.
var badDays = []memory.Fault{
	{Effect: memory.Lose},
	{Effect: memory.Lose, Err: fmt.Errorf("bad day: %w", persistence.ErrUnavailable)},
	{Effect: memory.ApplyUnknown},
	{Effect: memory.DropUnknown},
	{Delay: 2 * time.Second},
	{Delay: 20 * time.Second, Effect: memory.Lose, Err: fmt.Errorf("bad day: %w", persistence.ErrUnavailable)},
}

// TestFaultAtEveryWrite goes through every transition once for each of its
// writes and each fault that may befall it.
func TestFaultAtEveryWrite(t *testing.T) {
	restore := quietly()
	defer restore()
	faults, violations := 0, 0
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			writes := c.playWell(t).writes
			for i, kind := range badDays {
				for write := 1; write <= writes; write++ {
					if c.skips(write+i, i%2 == 0) {
						continue
					}
					happens := incident{fault: write, kind: kind}
					o := c.play(t, happens)
					o.report(t, happens)
					violations += len(o.violations)
					faults++
				}
			}
		})
	}
	t.Logf("%d transitions, %d faults, %d violations", len(scenarios), faults, violations)
}

func (o *outcome) report(t *testing.T, happens incident) {
	t.Helper()
	for _, v := range o.violations {
		t.Errorf("%s (%s): %s", happens, o.at, v)
	}
	if o.chronicle != "" && testing.Verbose() {
		t.Logf("the course of it:\n%s", o.chronicle)
	}
}
