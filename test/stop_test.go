package test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// TestStopUnderLoad asks the service to stop while clients work on connections
// that they keep open. Every request that the service took in gets its whole
// answer. A request that was still on its way when the service closed an idle
// connection, or the listener with a connection that it had not accepted, may be
// lost, as HTTP has it: but then nothing of it was done and nothing was logged.
func TestStopUnderLoad(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 1<<32))
	n := newNode(t, crowd)
	p := n.start()
	l := newLoad(p.client(), 16, seed, "spare")
	for round := range 3 {
		all := l.run(p, 100+rng.Int64N(400))
		l.awaitEnough(t)
		l.closing.Store(true)
		begin := time.Now()
		p.stop()
		took := time.Since(begin)
		all.Wait()
		t.Logf("round %d: %d requests answered, %d met a closed connection; stopped after %v",
			round, l.answered.Load(), len(l.unanswered), took.Round(time.Millisecond))
		for _, id := range l.unanswered {
			if p.log.handled(id) {
				t.Errorf("the service handled %s and did not answer", id)
			}
		}
		l.refuseUnanswered()
		p = n.start()
		c := p.client()
		l.verify(t, c)
		p.checkHandles(c, crowdHandles)
		if t.Failed() {
			return
		}
	}
}

// refuseUnanswered has the workers expect that nothing of what was not
// answered was done.
func (l *load) refuseUnanswered() {
	for _, w := range l.workers {
		for _, p := range w.pairs {
			p.state.notTried()
		}
		w.enabled.may = w.enabled.may[:min(1, len(w.enabled.may))]
		w.spareIs.notTried()
		w.attrIs.notTried()
		w.lostPairs, w.lostAttrs = 0, 0
	}
}

// TestStopAnswersHalfSentRequests: the first bytes of a request were read when
// the service is asked to stop, the rest comes later, even after idle
// connections have been closed.
func TestStopAnswersHalfSentRequests(t *testing.T) {
	p := start(t, nil)
	c := p.client()
	c.createProfile("one", 1)
	body := createBody("one")
	whole := message("POST", "/v2/accelerator_requests", host(p.api), map[string][]string{"Content-Type": {jsonType}}, []byte(body))
	var halves []*wire
	cuts := []int{1, len("POST /v2/acc"), len(whole) - len(body) - 1, len(whole) - len(body), len(whole) - 1}
	for _, cut := range cuts {
		w, err := dial(host(p.api))
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		// A first request, whole, makes it a connection that is kept.
		if _, err := w.roundTrip("GET", "/v2/devices", nil, nil); err != nil {
			t.Fatal(err)
		}
		w.send(whole[:cut])
		halves = append(halves, w)
	}
	eventually(t, 10*time.Second, "the service has read what was sent", func() bool { return p.hasRead(halves) })
	p.signal(syscall.SIGTERM)
	p.awaitLog(10*time.Second, "stopping: no new requests; those under way are answered first")
	eventually(t, 10*time.Second, "no new connections are taken", func() bool {
		w, err := dial(host(p.api))
		if err == nil {
			w.close()
		}
		return err != nil
	})
	if status, state := p.readyz(); status != 503 || len(state.Reasons) == 0 || state.Ready {
		t.Errorf("/readyz while stopping: %d %+v, want 503 with reasons", status, state)
	}
	for i, w := range halves {
		w.send(whole[cuts[i]:])
		got, err := w.receive("POST")
		switch {
		case err != nil:
			t.Errorf("a request of which %d bytes were read before the stop: %v", cuts[i], err)
		case got.status != 201:
			t.Errorf("a request of which %d bytes were read before the stop: status %d: %s", cuts[i], got.status, got.body)
		case got.header.Get("Connection") != "close":
			t.Errorf("the last answer on a connection does not say so: %v", got.header)
		}
	}
	if code := p.exit(stopLimit); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
