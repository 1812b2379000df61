package admission

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// besiege has so many send changes without a pause, to one worker that needs a time
// for each.
func besiege(g *Gate, users int, each, during time.Duration) *sync.WaitGroup {
	all, worker := &sync.WaitGroup{}, make(chan struct{}, 1)
	end := time.Now().Add(during)
	for range users {
		all.Go(func() {
			var p Pass
			for time.Now().Before(end) {
				if g.Enter(&p, greedy, Begins) != Admitted {
					continue
				}
				worker <- struct{}{}
				<-time.After(each)
				<-worker
				g.Leave(&p)
			}
		})
	}
	return all
}

// TestTheLimitFollowsTheRate: so many are in work as are done within workTime, from
// above and from below.
func TestTheLimitFollowsTheRate(t *testing.T) {
	for name, test := range map[string]struct {
		each        time.Duration // that one worker needs for one
		write       time.Duration
		least, most int
	}{
		"quick":       {250 * time.Microsecond, 0, 350, 450},                     // 4000 a second
		"slow":        {5 * time.Millisecond, 0, leastLimit, leastLimit},         // 200 a second
		"slow writes": {500 * time.Microsecond, 80 * time.Millisecond, 350, 450}, // 2000 a second, in 200 ms
	} {
		synctest.Test(t, func(t *testing.T) {
			g := New(Options{Most: 4096, Patience: time.Second, Pace: func() (time.Duration, bool) { return test.write, false }})
			users := besiege(g, 1000, test.each, 5*time.Second)
			pass(4 * time.Second)
			if n := g.Counts(); n.Limit < test.least || n.Limit > test.most {
				t.Errorf("%s: %d may be in work, want %d to %d (%+v)", name, n.Limit, test.least, test.most, n)
			}
			users.Wait()
			pass(2 * time.Second)
		})
	}
}

// TestTheLimitFallsThoughNobodyWaits: when those in work take long, more had better
// not be let in with them. When they are quick, or slow because of somebody else, it
// stays.
func TestTheLimitFallsThoughNobodyWaits(t *testing.T) {
	for name, test := range map[string]struct {
		each        time.Duration // of one, with the one worker that there is
		users       int
		least, most int
	}{
		"slow":  {10 * time.Millisecond, 200, leastLimit, leastLimit}, // 100 a second: 2 s in work
		"quick": {100 * time.Microsecond, 200, firstLimit, firstLimit},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := New(Options{Most: 4096, Patience: time.Second})
			users := besiege(g, test.users, test.each, 4*time.Second)
			pass(3 * time.Second)
			if n := g.Counts(); n.Limit < test.least || n.Limit > test.most {
				t.Errorf("%s: %d may be in work, want %d to %d (%+v)", name, n.Limit, test.least, test.most, n)
			}
			users.Wait()
			pass(2 * time.Second)
		})
	}
}

// TestGoodputAndWaitsBeyondCapacity: three times as many come as can be done, of one
// greedy project, beside a modest one and Nova. All that can be done is done; who is
// admitted is done soon; and the others notice nothing.
func TestGoodputAndWaitsBeyondCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capacity = 1000 // a second
		g := New(Options{Most: 4096, Patience: time.Second})
		worker := make(chan struct{}, 1)
		type sum struct {
			sent, done, refused atomic.Int64
			longest             atomic.Int64
		}
		var of [3]sum
		var all sync.WaitGroup
		send := func(who Caller, s *sum, every time.Duration) {
			for begin := time.Now(); time.Since(begin) < 10*time.Second; <-time.After(every) {
				s.sent.Add(1)
				all.Go(func() {
					var p Pass
					came := time.Now()
					if g.Enter(&p, who, Begins) != Admitted {
						s.refused.Add(1)
						return
					}
					worker <- struct{}{}
					<-time.After(time.Second / capacity)
					<-worker
					g.Leave(&p)
					s.done.Add(1)
					s.longest.Store(max(s.longest.Load(), int64(time.Since(came))))
				})
			}
		}
		all.Go(func() { send(greedy, &of[0], time.Second/capacity/3) })
		all.Go(func() { send(modest, &of[1], 20*time.Millisecond) })
		all.Go(func() { send(novaOfGreedy, &of[2], 20*time.Millisecond) })
		all.Wait()
		if done := of[0].done.Load() + of[1].done.Load() + of[2].done.Load(); done < 10*capacity {
			t.Errorf("%d done in ten seconds, want all that can be, %d", done, 10*capacity)
		}
		if longest := time.Duration(of[0].longest.Load()); longest > 1500*time.Millisecond {
			t.Errorf("a change of the greedy took %v", longest)
		}
		for i, name := range []string{"greedy", "modest", "nova"} {
			s := &of[i]
			if s.done.Load()+s.refused.Load() != s.sent.Load() {
				t.Errorf("%s: %d sent, %d done and %d refused", name, s.sent.Load(), s.done.Load(), s.refused.Load())
			}
			if i > 0 && (s.refused.Load() > 0 || time.Duration(s.longest.Load()) > 400*time.Millisecond) {
				t.Errorf("%s: %d refused, one took %v", name, s.refused.Load(), time.Duration(s.longest.Load()))
			}
		}
		if n := g.Counts(); n.Excess < 2 || g.RetryAfter() < 2 {
			t.Errorf("three times too much counts as %.1f, Retry-After is %d", n.Excess, g.RetryAfter())
		}
		pass(2 * time.Second)
	})
}

// TestNothingIsLost: whatever comes and goes, each gets one answer, and nothing is left.
func TestNothingIsLost(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	g := New(Options{Most: 40, Patience: 20 * time.Millisecond, Pace: func() (time.Duration, bool) { return 0, false }, Done: done})
	g.limit = 3
	var all sync.WaitGroup
	var admitted, refused, inWork atomic.Int64
	for u := range 60 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(u), 1))
			who := Caller{Project: string(rune('a' + u%7)), Service: u%5 == 0}
			var p Pass
			for range 60 {
				if g.Enter(&p, who, Stage(rng.IntN(2))) != Admitted {
					refused.Add(1)
					continue
				}
				admitted.Add(1)
				if inWork.Add(1) > 40 {
					t.Error("more than Most are in work")
				}
				if rng.IntN(8) == 0 {
					<-time.After(time.Millisecond)
				}
				inWork.Add(-1)
				g.Leave(&p)
			}
		})
	}
	all.Wait()
	n := g.Counts()
	sum := n.Refused[0][Full] + n.Refused[0][Late] + n.Refused[1][Full] + n.Refused[1][Late]
	if n.Working+n.Waiting+n.Aside != 0 || int64(n.Admitted[0]+n.Admitted[1]) != admitted.Load() || int64(sum) != refused.Load() {
		t.Errorf("%+v; %d admitted and %d refused", n, admitted.Load(), refused.Load())
	}
	if admitted.Load()+refused.Load() != 60*60 {
		t.Errorf("%d answers", admitted.Load()+refused.Load())
	}
}

// TestTheGateRemembersNoMoreThanItMust: callers that are gone are forgotten.
func TestTheGateRemembersNoMoreThanItMust(t *testing.T) {
	g := New(Options{Most: 10, Patience: time.Second})
	var p, held Pass
	g.Enter(&held, Caller{Project: "stays"}, Begins)
	for i := range 10 * mostIdle {
		if g.Enter(&p, Caller{Project: string(rune(0x4e00 + i))}, Begins) == Admitted {
			g.Leave(&p)
		}
	}
	if len(g.flows) > mostIdle || g.flows[Caller{Project: "stays"}] == nil {
		t.Errorf("%d callers are remembered", len(g.flows))
	}
	g.Leave(&held)
}

// TestAllocations: who finds room pays nothing.
func TestAllocations(t *testing.T) {
	g := New(Options{Most: 10, Patience: time.Second})
	var p Pass
	if n := testing.AllocsPerRun(100, func() {
		if g.Enter(&p, modest, Begins) == Admitted {
			g.Leave(&p)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRoom(b *testing.B) {
	g := New(Options{Most: 4096, Patience: time.Second})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var p Pass
		for pb.Next() {
			if g.Enter(&p, modest, Begins) == Admitted {
				g.Leave(&p)
			}
		}
	})
}
