package actors

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever is to be run is run once, and in the end nobody is left.
func TestRunnersRunAllAndLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r runners
		var ran, atOnce, most atomic.Int64
		const senders, each = 2 * mostIdle, 20
		var all sync.WaitGroup
		for range senders {
			all.Go(func() {
				for range each {
					r.run(func() {
						most.Store(max(most.Load(), atOnce.Add(1)))
						<-time.After(time.Millisecond)
						atOnce.Add(-1)
						ran.Add(1)
					})
					<-time.After(3 * time.Millisecond)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		<-time.After(time.Millisecond)
		synctest.Wait()
		if got := ran.Load(); got != senders*each {
			t.Errorf("%d were run, want %d", got, senders*each)
		}
		if n := r.count(); n == 0 || n > mostIdle {
			t.Errorf("%d are idle, want some, %d at most", n, mostIdle)
		}
		<-time.After(3 * sweepPause)
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.idle) != 0 || r.sweeping {
			t.Errorf("%d are left, which nobody needs", len(r.idle))
		}
	})
}

func (r *runners) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.idle)
}

// While there is work now and then, the one that does it stays.
func TestARunnerStaysWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r runners
		for range 10 {
			r.run(func() {})
			synctest.Wait()
			if n := r.count(); n != 1 {
				t.Fatalf("%d are idle, want the one", n)
			}
			<-time.After(sweepPause * 9 / 10)
		}
		<-time.After(3 * sweepPause) // it goes
	})
}
