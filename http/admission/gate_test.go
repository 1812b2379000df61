package admission

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pass lets time go by, in a bubble of synctest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// crowd is what a test has at a gate.
type crowd struct {
	t    *testing.T
	gate *Gate
	// admitted and refused are told in their order, by the names that they came with.
	admitted, refused chan string
}

func newCrowd(t *testing.T, opt Options) *crowd {
	t.Helper()
	t.Cleanup(func() { pass(5 * time.Second) }) // what was refused is told
	return &crowd{t: t, gate: New(opt), admitted: make(chan string, 10000), refused: make(chan string, 10000)}
}

// come has a change come and stay in work until it is told to go, or for ever.
func (c *crowd) come(name string, who Caller, stage Stage) (leave func()) {
	p := &Pass{}
	go func() {
		if c.gate.Enter(p, who, stage) == Admitted {
			c.admitted <- name
		} else {
			c.refused <- name
		}
	}()
	synctest.Wait()
	return func() {
		c.gate.Leave(p)
		synctest.Wait()
	}
}

// said is what a channel has to tell so far.
func said(ch chan string) []string {
	var all []string
	for len(ch) > 0 {
		all = append(all, <-ch)
	}
	return all
}

func (c *crowd) wants(what string, ch chan string, names ...string) {
	c.t.Helper()
	got := said(ch)
	if len(got) != len(names) {
		c.t.Fatalf("%s: %q, want %q", what, got, names)
	}
	for i := range got {
		if got[i] != names[i] {
			c.t.Fatalf("%s: %q, want %q", what, got, names)
		}
	}
}

var (
	greedy, modest = Caller{Project: "greedy"}, Caller{Project: "modest"}
	novaOfGreedy   = Caller{Project: "greedy", Service: true}
)

// narrow lets n be in work.
func narrow(t *testing.T, n int, opt Options) *crowd {
	t.Helper()
	if opt.Most == 0 {
		opt.Most = 1000
	}
	if opt.Patience == 0 {
		opt.Patience = time.Second
	}
	c := newCrowd(t, opt)
	c.gate.limit, c.gate.least = n, n
	return c
}

// TestProjectsTakeTurns: one that has a hundred waiting is no more often served
// than one that has two.
func TestProjectsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := narrow(t, 1, Options{})
		leave := c.come("first", greedy, Begins)
		of := map[string]func(){}
		for _, name := range []string{"g1", "g2", "g3", "g4"} {
			of[name] = c.come(name, greedy, Begins)
		}
		for _, name := range []string{"m1", "m2"} {
			of[name] = c.come(name, modest, Begins)
		}
		c.wants("at first", c.admitted, "first")
		leave()
		for _, name := range []string{"g1", "m1", "g2", "m2", "g3", "g4"} {
			c.wants("next", c.admitted, name)
			of[name]()
		}
		c.wants("refused", c.refused)
	})
}

// TestServicesGoFirstButNotAlone: of five turns four are theirs, while both wait.
func TestServicesGoFirstButNotAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := narrow(t, 1, Options{})
		leave := c.come("first", modest, Begins)
		of := map[string]func(){}
		for _, name := range []string{"u1", "u2"} {
			of[name] = c.come(name, greedy, Begins)
		}
		for _, name := range []string{"n1", "n2", "n3", "n4", "n5", "n6"} {
			of[name] = c.come(name, novaOfGreedy, Begins)
		}
		c.wants("at first", c.admitted, "first")
		leave()
		for _, name := range []string{"n1", "n2", "n3", "n4", "u1", "n5", "n6", "u2"} {
			c.wants("next", c.admitted, name)
			of[name]()
		}
	})
}

// TestWhatWasBegunIsFinishedFirst of what one caller has waiting.
func TestWhatWasBegunIsFinishedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := narrow(t, 1, Options{})
		leave := c.come("first", modest, Begins)
		create := c.come("create", modest, Begins)
		bind := c.come("bind", modest, Finishes)
		c.wants("at first", c.admitted, "first")
		leave()
		c.wants("next", c.admitted, "bind")
		bind()
		c.wants("next", c.admitted, "create")
		create()
	})
}

// TestNobodyFillsTheQueue: however many a project sends, as much room as it takes
// is left for others, and for the services that work for it.
func TestNobodyFillsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := narrow(t, 1, Options{Most: 101})
		c.come("first", greedy, Begins)
		for range 300 {
			c.come("g", greedy, Begins)
		}
		if n := c.gate.Counts(); n.Waiting != 50 || n.Refused[0][Full] != 250 {
			t.Errorf("%d of the greedy wait and %d were refused, want 50 and 250", n.Waiting, n.Refused[0][Full])
		}
		for range 300 {
			c.come("m", modest, Begins)
		}
		if n := c.gate.Counts(); n.Waiting != 75 {
			t.Errorf("%d wait in all, want 75", n.Waiting)
		}
		for range 300 {
			c.come("n", novaOfGreedy, Begins)
		}
		if n := c.gate.Counts(); n.Waiting+n.Working > 101 || n.Waiting < 87 {
			t.Errorf("%d wait in all, want 87 or 88", n.Waiting)
		}
	})
}

// TestABindTakesThePlaceOfACreate of the same caller when there is no other.
func TestABindTakesThePlaceOfACreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := narrow(t, 1, Options{Most: 3})
		leave := c.come("first", greedy, Begins)
		c.come("create", greedy, Begins)
		bind := c.come("bind", greedy, Finishes)
		c.wants("refused", c.refused, "create")
		c.wants("at first", c.admitted, "first")
		leave()
		c.wants("next", c.admitted, "bind")
		bind()
	})
}

// TestPatience: a project's changes are refused after a second, those of services
// after four; and not before.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := narrow(t, 1, Options{Pace: func() (time.Duration, bool) { return 0, true }})
		leave := c.come("first", greedy, Begins)
		c.come("user", greedy, Begins)
		c.come("nova", novaOfGreedy, Begins)
		for _, step := range []struct {
			wait    time.Duration
			refused []string
		}{{990 * time.Millisecond, nil}, {30 * time.Millisecond, []string{"user"}}, {2960 * time.Millisecond, nil}, {40 * time.Millisecond, []string{"nova"}}} {
			pass(step.wait)
			c.wants("refused", c.refused, step.refused...)
		}
		leave()
		if n := c.gate.Counts(); n.Working+n.Waiting+n.Aside != 0 || n.Refused[0][Late] != 1 || n.Refused[1][Late] != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// TestTheNewestGoFirstWhenNotAllCan: in order, all would come too late.
func TestTheNewestGoFirstWhenNotAllCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := narrow(t, 1, Options{})
		leave := c.come("first", greedy, Begins)
		of := map[string]func(){}
		for _, name := range []string{"a", "b", "c", "d"} {
			of[name] = c.come(name, greedy, Begins)
		}
		c.wants("at first", c.admitted, "first")
		c.gate.rate = 2 // a second, so two of four have their turn in time
		leave()
		for _, name := range []string{"d", "c", "a", "b"} {
			c.wants("next", c.admitted, name)
			of[name]()
		}
	})
}

// TestWhoIsRefusedIsHeldBack: there are no more refusals in a second than there are
// connections, unless these are wanted.
func TestWhoIsRefusedIsHeldBack(t *testing.T) {
	for _, crowded := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := narrow(t, 1, Options{Most: 1, Crowded: func() bool { return crowded }})
			leave := c.come("first", greedy, Begins)
			var p Pass
			begin := time.Now()
			if v := c.gate.Enter(&p, modest, Finishes); v != Full {
				t.Errorf("verdict %v, want Full", v)
			}
			if held := time.Since(begin) == time.Second; held == crowded {
				t.Errorf("crowded: %v; refused after %v", crowded, time.Since(begin))
			}
			leave()
		})
	}
}

// TestWhoWaitsForOthersIsSetAside: a call that waits for a slow device keeps nobody
// out, but where all are slow because the store stands still.
func TestWhoWaitsForOthersIsSetAside(t *testing.T) {
	for _, standstill := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := narrow(t, 1, Options{Pace: func() (time.Duration, bool) { return time.Millisecond, standstill }})
			slow := c.come("slow", greedy, Finishes)
			quick := c.come("quick", modest, Begins)
			pass(500 * time.Millisecond)
			n := c.gate.Counts()
			if standstill {
				if n.Aside != 0 || n.Waiting != 1 {
					t.Errorf("at a standstill: %+v", n)
				}
				slow()
			} else if n.Aside != 1 || n.Waiting != 0 {
				t.Errorf("with a slow call: %+v", n)
			} else {
				defer slow()
			}
			c.wants("admitted", c.admitted, "slow", "quick")
			quick()
		})
	}
}

// TestDoneEndsTheWait of all.
func TestDoneEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		c := narrow(t, 1, Options{Done: done})
		leave := c.come("first", greedy, Begins)
		c.come("a", greedy, Begins)
		c.come("b", modest, Finishes)
		close(done)
		synctest.Wait()
		if got := said(c.refused); len(got) != 2 {
			t.Errorf("refused: %q", got)
		}
		leave()
	})
}

// TestRefusalsAreToldInSum: once a second at most, with who had the most.
func TestRefusalsAreToldInSum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Refusals
		c := narrow(t, 1, Options{Most: 7, Report: func(r Refusals) { told = append(told, r) }})
		leave := c.come("first", greedy, Begins)
		for range 10 {
			c.come("g", greedy, Begins)
		}
		c.come("m", modest, Begins)
		pass(5 * time.Second)
		leave()
		var sum Refusals
		for _, r := range told {
			sum.Full, sum.Late = sum.Full+r.Full, sum.Late+r.Late
		}
		if len(told) == 0 || len(told) > 3 || told[0].Busiest != greedy || sum.Full+sum.Late < 7 {
			t.Errorf("%+v", told)
		}
		n := c.gate.Counts()
		if got := n.Refused[0]; int(got[Full]) != sum.Full || int(got[Late]) != sum.Late {
			t.Errorf("told of %+v, counted %v", sum, got)
		}
	})
}
