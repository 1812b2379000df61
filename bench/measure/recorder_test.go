package measure

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRecorder()
		r.TimeTenths("a", 20)
		for range 20 {
			<-time.After(100 * time.Millisecond)
			r.Add("a", "201", true, 5*time.Millisecond, 8)
		}
		r.Add("b", "503", false, time.Hour, 8)
		r.Add("b", "timeout", false, time.Hour, 8)
		r.Add("b", "200", true, 2*time.Hour, 0)
		order, ops := r.Operations()
		if len(order) != 2 || order[0] != "a" || order[1] != "b" {
			t.Fatalf("%v", order)
		}
		a, b := ops["a"], ops["b"]
		if a.Good != 20 || a.Things != 160 || a.Outcomes["201"] != 20 || a.Latency.TotalCount() != 20 {
			t.Errorf("%+v", a)
		}
		if len(a.PerSecond) != 3 || a.PerSecond[0] != 9 || a.PerSecond[1] != 10 || a.PerSecond[2] != 1 {
			t.Errorf("per second: %v", a.PerSecond)
		}
		// What failed is counted, and no latency of it.
		if b.Good != 1 || b.Outcomes["503"] != 1 || b.Outcomes["timeout"] != 1 || b.Latency.TotalCount() != 1 {
			t.Errorf("%+v", b)
		}
		if good, bad := r.Counts(); good != 21 || bad != 2 {
			t.Errorf("%d good, %d bad", good, bad)
		}
		if got := r.Tenths(); len(got) != 10 || got[0] != 200*time.Millisecond || got[9] != 2*time.Second {
			t.Errorf("tenths: %v", got)
		}
	})
}

// TestTenthsAreEqual, the first and the last at least, whatever the number of calls.
func TestTenthsAreEqual(t *testing.T) {
	for calls, want := range map[int][]int{
		9:  nil,
		10: {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		19: {1, 2, 3, 4, 5, 6, 7, 8, 18, 19},
		29: {2, 4, 6, 8, 10, 12, 14, 16, 27, 29},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := NewRecorder()
			r.TimeTenths("a", int64(calls))
			for range calls {
				<-time.After(time.Second)
				r.Add("a", "201", true, time.Second, 1)
			}
			var got []int
			for _, at := range r.Tenths() {
				got = append(got, int(at.Seconds()))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d calls: %v, want %v", calls, got, want)
			}
		})
	}
}

// TestWhatIsNoCallIsNotCountedAsOne: a boot is several, and one iteration.
func TestWhatIsNoCallIsNotCountedAsOne(t *testing.T) {
	r := NewRecorder()
	r.Add("create", "201", true, 1, 1)
	r.Add("bind", "503", false, 1, 1)
	r.Sum("boot", "bind: 503", false, 2, 1)
	r.Over()
	if good, bad := r.Counts(); good != 1 || bad != 1 || r.Iterations() != 1 {
		t.Errorf("%d good, %d bad, %d iterations", good, bad, r.Iterations())
	}
	if _, ops := r.Operations(); ops["boot"].Outcomes["bind: 503"] != 1 {
		t.Errorf("%+v", ops)
	}
}

func TestRecorderIsForEverybody(t *testing.T) {
	r := NewRecorder()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				r.Add("a", "200", true, time.Millisecond, 1)
			}
		})
	}
	all.Wait()
	if _, ops := r.Operations(); ops["a"].Latency.TotalCount() != 8000 || ops["a"].Outcomes["200"] != 8000 {
		t.Errorf("%+v", ops["a"])
	}
}
