package test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// crowd is the hardware of the load: two hosts to bind on, and one whose
// device is only taken out of service and back.
var crowd = options{
	"fake.hosts":              "compute1,compute2,spare",
	"fake.handles_per_device": "64",
}

const crowdHandles = 3 * 64

// seedOf gives the seed of a randomised test: ARQD_SEED, to repeat a run.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("ARQD_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("ARQD_SEED=%d", seed)
	return seed
}

// roundsOf gives the number of rounds of a kill test: ARQD_ROUNDS, or few.
func roundsOf(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ARQD_ROUNDS")
	if text == "" {
		return 6
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ARQD_ROUNDS: %v", err)
	}
	return rounds
}

// TestKillUnderLoad kills the service at a random moment, several times over
// the same state: what was acknowledged is there afterwards, and nothing is
// half done.
func TestKillUnderLoad(t *testing.T) {
	seed, rounds := seedOf(t), roundsOf(t)
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	n := newNode(t, crowd)
	p := n.start()
	l := newLoad(p.client(), 8, seed, "spare")
	var answered, unanswered int64
	for round := range rounds {
		all := l.run(p, 1+rng.Int64N(600))
		l.awaitEnough(t)
		l.closing.Store(true)
		p.kill()
		all.Wait()
		answered += l.answered.Load()
		unanswered += int64(len(l.unanswered))
		begin := time.Now()
		p = n.start()
		t.Logf("round %d: %d requests answered, %d not; ready again after %v",
			round, l.answered.Load(), len(l.unanswered), time.Since(begin).Round(time.Millisecond))
		c := p.client()
		l.verify(t, c)
		p.checkHandles(c, crowdHandles)
		if t.Failed() {
			return
		}
	}
	// A clean stop and start changes nothing either.
	p.stop()
	p = n.start()
	l.verify(t, p.client())
	p.checkHandles(p.client(), crowdHandles)
	p.kill()
	n.store("verify")
	if !t.Failed() {
		t.Logf("%d kills: %d operations acknowledged, 0 lost; %d under way, each done or not done; every open succeeded",
			rounds, answered, unanswered)
	}
}

func (l *load) awaitEnough(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case <-l.reached:
	case <-timer.C:
		t.Fatalf("only %d of %d requests answered in a minute; %q", l.answered.Load(), l.enough, l.faults)
	}
}
