package test

import (
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
)

// TestPowerCutsUnderLoad cuts the power of the disk at random moments, over the same state, in the
// middle of writes: of what was not synced any part is there afterwards, in any order. What was
// acknowledged is there, and nothing is half done. Every third start is cut short, too, and every third time
// the service is being stopped.
func TestPowerCutsUnderLoad(t *testing.T) {
	seed, rounds := seedOf(t), roundsOf(t)
	rng := rand.New(rand.NewPCG(seed, 1<<33))
	n := newPowered(t, rng, crowd)
	p := n.start()
	l := newLoad(p.client(), 8, seed, "spare")
	var answered, unanswered int64
	cuts := 0
	for cuts < rounds || n.disk.Lost == 0 && cuts < 6*rounds { // every other cut takes nothing
		before := n.disk.Lost
		n.disk.CutAfter(1+rng.IntN(1500), rng.IntN(2) == 0)
		all := l.run(p, 1<<40)
		n.awaitCut(p)
		l.closing.Store(true)
		n.lose(p)
		cuts++
		all.Wait()
		answered += l.answered.Load()
		unanswered += int64(len(l.unanswered))
		t.Logf("cut %d: %d requests answered, %d not; %d blocks lost", cuts, l.answered.Load(), len(l.unanswered), n.disk.Lost-before)
		if rng.IntN(3) == 0 {
			n.startCutShort(rng, 200)
		}
		p = n.start()
		l.verify(t, p.client())
		p.checkHandles(p.client(), crowdHandles)
		if rng.IntN(3) == 0 {
			n.stopCutShort(rng, p)
			p = n.start()
			l.verify(t, p.client())
		}
		if t.Failed() {
			return
		}
	}
	p.kill()
	n.store("verify")
	if n.disk.Lost == 0 {
		t.Error("no cut has taken anything")
	}
	if !t.Failed() {
		t.Logf("%d cuts and more took %d blocks: %d operations acknowledged, 0 lost; %d under way, each done or not done; every open succeeded",
			cuts, n.disk.Lost, answered, unanswered)
	}
}

// startCutShort cuts the power before a start has made so many requests to the disk.
func (n *powered) startCutShort(rng *rand.Rand, most int) {
	n.t.Helper()
	n.disk.CutAfter(1+rng.IntN(most), rng.IntN(2) == 0)
	p := n.launch()
	p.mayFail = true
	n.awaitCutOr(p, "ready", func() bool { return p.log.says("ready") })
	n.lose(p)
}

// stopCutShort cuts the power while the service is being stopped.
func (n *powered) stopCutShort(rng *rand.Rand, p *process) {
	n.t.Helper()
	n.disk.CutAfter(1+rng.IntN(60), rng.IntN(2) == 0)
	p.mayFail = true
	p.signal(syscall.SIGTERM)
	n.awaitCutOr(p, "ended", func() bool { return false })
	n.lose(p)
}

// TestPowerCutAtAFirstStart cuts the power at a write or a flush of a first start: the next
// one comes up on whatever is left.
func TestPowerCutAtAFirstStart(t *testing.T) {
	rng := rand.New(rand.NewPCG(seedOf(t), 1<<34))
	for round := range roundsOf(t) {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			n := newPowered(t, rng, nil)
			n.startCutShort(rng, 60)
			p := n.start()
			p.client().createProfile("one", 1)
			p.kill()
			n.store("verify")
		})
	}
}
