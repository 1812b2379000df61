package test

import (
	"sync"
	"testing"
	"time"
)

// eventually waits until ok, and fails the test when that takes too long.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// together runs the functions at the same moment and waits for all of them.
func together(functions ...func()) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for _, f := range functions {
		all.Go(func() {
			<-gate
			f()
		})
	}
	close(gate)
	all.Wait()
}
