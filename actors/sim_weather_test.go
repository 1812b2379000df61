package actors

import (
	"sync"
	"time"
)

// agentsSuffer has the agents of a random run end, come back, and their hosts
// start again, until calm is called: then all are there.
func (r *simRun) agentsSuffer(seed uint64) (calm func()) {
	var wg sync.WaitGroup
	over := make(chan struct{})
	for _, host := range agentHosts {
		a := r.agents[host]
		if a == nil {
			continue
		}
		rng := stream(seed, "weather "+host)
		wg.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(time.Duration(rng.IntN(20000)) * time.Millisecond):
				}
				away := time.Duration(rng.IntN(2000)) * time.Millisecond
				switch n := rng.IntN(20); {
				case n < 5: // as it dies after so long
					away += simLease + simDeadAfter + returnGrace
				case n < 10:
					away += simLease
				}
				if rng.IntN(2) == 0 {
					a.reboot(away)
				} else {
					a.restart(away)
				}
			}
		})
	}
	return func() {
		close(over)
		wg.Wait()
	}
}
