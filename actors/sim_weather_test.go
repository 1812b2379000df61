package actors

import (
	"slices"
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
				switch n := rng.IntN(8); {
				case n == 0:
					a.elsewhere(away)
				case n < 3 && r.quiet.Load():
					a.falls(away)
				case n < 5:
					a.reboot(away)
					if rng.IntN(3) == 0 {
						<-time.After(time.Duration(rng.IntN(2000)) * time.Millisecond)
						a.reboot(0)
					}
				default:
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

// falls has the card of an agent's host fall off its bus, and return when the service has
// taken note and a while has passed.
func (a *simAgent) falls(away time.Duration) {
	a.pull(true)
	for range 600 {
		<-time.After(time.Second)
		if a.missed() {
			break
		}
	}
	if !a.missed() {
		a.s.history.violation("nobody notices that the card of host %s is gone", a.host)
	}
	a.powerless()
	<-time.After(away)
	a.pull(false)
}

// powerless takes note of a card that is not remembered: an operator has found it good as
// it was.
func (a *simAgent) powerless() {
	h := a.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.ContainsFunc(latest[Device](h, kindDevice), func(d *Device) bool { return d.Hostname == a.host }) {
		a.s.machines.lost[simInventory(a.host)[0].Deployables[0].Name] = false
	}
}

// missed says whether it is on record that the card is gone.
func (a *simAgent) missed() bool {
	h := a.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	return !slices.ContainsFunc(latest[Device](h, kindDevice), func(d *Device) bool { return d.Hostname == a.host && !d.Missing })
}

// suffer lets time pass in which nobody asks for anything: cards fall off their buses,
// hosts and the service start again.
func (r *simRun) suffer() {
	r.quiet.Store(true)
	for range r.rng.IntN(4) {
		r.setFaults(r.mishap)
		target := 0
		if r.rng.IntN(2) == 0 {
			target = 1 + r.rng.IntN(100)
		}
		r.arm(target, r.rng.IntN(2) == 0)
		l, during := r.life, time.Duration(r.rng.IntN(60000))*time.Millisecond
		if !r.run(func() {
			select {
			case <-time.After(during):
			case <-l.dead:
			}
		}) {
			r.revive(l.next)
		}
		r.wantInvariants(r.store)
	}
}
