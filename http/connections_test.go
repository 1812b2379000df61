package http

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Two connections that go before either of two acceptors has begun to listen leave one
// token. It is for both.
func TestPlacesForSeveralAcceptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newConnections(2, grains{})
		o.count.Store(2)
		o.leaving.Store(2)
		var admitted atomic.Int32
		for range 2 {
			go func() {
				o.admit()
				admitted.Add(1)
			}()
		}
		synctest.Wait()
		if got := admitted.Load(); got != 0 {
			t.Fatalf("%d admitted where there is no place", got)
		}
		o.count.Store(0)
		o.leaving.Store(0)
		signal(o.left)
		synctest.Wait()
		if got := admitted.Load(); got != 2 {
			t.Errorf("%d of 2 admitted when both have gone", got)
			signal(o.left)
		}
	})
}
