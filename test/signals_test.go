package test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// TestKillAtAnyMoment kills the service at random moments, most of them while
// it starts: the store opens every time.
func TestKillAtAnyMoment(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	n := newNode(t, options{})
	p := n.start()
	c := p.client()
	c.createProfile("kept", 1)
	for range 40 {
		p.kill()
		p = n.launch()
		p.mayFail = true // what it was doing is its own affair
		pause(time.Duration(rng.Int64N(60)) * time.Millisecond)
	}
	p.kill()
	p = n.start()
	if got := p.client().profiles(); len(got) != 1 {
		t.Errorf("profiles after all that: %v", got)
	}
	p.stop()
}

// TestSignalsDuringTheStart: a hang-up never ends the service, and a request
// to stop is followed in good order, from the moment that the store is opened.
func TestSignalsDuringTheStart(t *testing.T) {
	n := newNode(t, options{"DEFAULT.debug": "true"})
	opening := func() *process {
		p := n.launch()
		p.awaitLog(readyLimit, "storage engine")
		return p
	}
	for range 5 {
		p := opening()
		p.signal(syscall.SIGHUP)
		p.awaitReady()
		p.signal(syscall.SIGTERM)
		p.signal(syscall.SIGHUP)
		if code := p.exit(stopLimit); code != 0 {
			t.Errorf("hung up and stopped: exit code %d\n%s", code, p.log.tail())
		}
		p = opening()
		p.signal(syscall.SIGTERM)
		if code := p.exit(stopLimit); code != 0 {
			t.Errorf("stopped during the start: exit code %d\n%s", code, p.log.tail())
		}
	}
}

// pause is for tests whose subject is the moment at which something happens.
func pause(d time.Duration) { <-time.After(d) }
