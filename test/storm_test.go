package test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// storm is a crowd of clients that send what no client should.
type storm struct {
	address string
	seed    uint64
	draft   func(*rand.Rand) *draft          // a request, mutated or not
	judge   func(d *draft, a *answer) string // what is wrong with an answer; d is nil where nobody knows what it answers
	// unread tells whether answers may be lost after some of them, because not all of a
	// script is read.
	unread func(x *script, answers int) bool
	next   atomic.Uint64 // the streams are numbered: one of a seed can be made again

	going             atomic.Bool // the service may go away: what comes of it is no fault
	answers, requests atomic.Int64
	mu                sync.Mutex
	statuses          map[string]int // by method and status
	faults            []string
	unserved          map[string]uint64 // ids that must not be served, by stream
}

func newStorm(url string, seed uint64) *storm {
	return &storm{
		address: host(url), seed: seed, statuses: map[string]int{}, unserved: map[string]uint64{},
		// Whoever goes on after a request that ends the connection.
		unread: func(x *script, _ int) bool { return x.seen[len(x.seen)-1].last },
	}
}

// stormClients is how many connections a storm has at a time.
const stormClients = 6

// rage has the clients send streams for a time.
func (s *storm) rage(length time.Duration) {
	end := time.Now().Add(length)
	var all sync.WaitGroup
	for range stormClients {
		all.Go(func() {
			for time.Now().Before(end) && !s.failed() && !s.going.Load() {
				s.stream(s.next.Add(1))
			}
		})
	}
	all.Wait()
}

// report fails the test with what was found since the last report.
func (s *storm) report(p *process) {
	p.t.Helper()
	p.fence()
	for id, n := range s.unserved {
		if p.log.handled(id) {
			p.t.Errorf("stream %d: %s was served, which is no request, of something like %.3000q", n, id, s.compose(n).sent)
		}
	}
	for _, fault := range s.faults {
		p.t.Error(fault)
	}
	p.t.Logf("%d streams, %d requests in them, %d answers: %v", s.next.Load(), s.requests.Load(), s.answers.Load(), s.statuses)
	s.unserved, s.faults = map[string]uint64{}, nil
}

// enoughFaults end a storm.
const enoughFaults = 5

func (s *storm) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults) >= enoughFaults
}

func (s *storm) fault(x *script, format string, args ...any) {
	if s.going.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf("stream %d: %s\nof %.3000q", x.number, fmt.Sprintf(format, args...), x.sent))
}

// script is what one connection sends.
type script struct {
	number uint64
	drafts []*draft
	sent   []byte
	broken bool // the drafts are not what is sent any more
	seen   []seenRequest
	rng    *rand.Rand
}

// compose makes the stream of a number. It is always the same, but for the
// uuids in it.
func (s *storm) compose(n uint64) *script {
	x := &script{number: n, rng: rand.New(rand.NewPCG(s.seed, n))}
	for range 1 + x.rng.IntN(6) {
		d := s.draft(x.rng)
		x.drafts = append(x.drafts, d)
		x.sent = append(x.sent, d.bytes(x.rng)...)
	}
	if x.rng.IntN(3) == 0 {
		x.broken = true
		for range 1 + x.rng.IntN(3) {
			x.sent = mutateBytes(x.sent, x.rng, wireWords)
		}
	}
	x.seen = reference(x.sent)
	return x
}

// stream sends the requests of one connection and judges the answers.
func (s *storm) stream(n uint64) {
	x := s.compose(n)
	s.requests.Add(int64(len(x.drafts)))
	s.forbid(x)
	answers, err := s.converse(x)
	switch {
	case errors.Is(err, errHungUp):
		return
	case err != nil && errors.Is(err, syscall.ECONNRESET) && s.unread(x, len(answers)):
	case err != nil:
		s.fault(x, "after %d answers: %v", len(answers), err)
	case !x.broken && len(answers) > len(x.drafts):
		s.fault(x, "more answers than requests")
		return
	case !x.broken && len(answers) < len(x.drafts) &&
		(len(answers) == 0 || answers[len(answers)-1].header.Get("Connection") != "close"):
		s.fault(x, "%d answers to %d requests, and the last does not close the connection", len(answers), len(x.drafts))
	}
	for i, a := range answers {
		var d *draft
		if !x.broken {
			d = x.drafts[i]
		}
		s.count(d, a)
		if wrong := s.judge(d, a); wrong != "" {
			s.fault(x, "answer %d, %d %q: %s", i, a.status, a.body, wrong)
		}
	}
}

// forbid takes note of the ids in a stream that are not those of requests.
func (s *storm) forbid(x *script) {
	good := map[string]bool{}
	for _, r := range x.seen {
		good[r.id] = !r.unclear
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := x.sent; ; {
		_, after, found := bytes.Cut(rest, []byte("X-Openstack-Request-Id: req-"))
		if !found || len(after) < 36 {
			return
		}
		if id := "req-" + string(after[:36]); !good[id] {
			s.unserved[id] = x.number
		}
		rest = after
	}
}

var errHungUp = errors.New("hung up, as was meant")

// converse sends a stream in some pieces while it reads the answers, or hangs
// up in the middle.
func (s *storm) converse(x *script) ([]*answer, error) {
	w, err := dial(s.address)
	if err != nil {
		return nil, err
	}
	defer w.close()
	pieces, rng := [][]byte{x.sent}, x.rng
	for rng.IntN(3) == 0 && len(pieces) < 5 {
		last := pieces[len(pieces)-1]
		at := rng.IntN(len(last) + 1)
		pieces = append(pieces[:len(pieces)-1], last[:at], last[at:])
	}
	if rng.IntN(20) == 0 {
		w.send(pieces[0])
		_ = w.tcp().SetLinger(0) // a reset, not an end
		return nil, errHungUp
	}
	pause := rng.IntN(10) == 0
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() {
		for _, piece := range pieces {
			w.send(piece)
			if pause {
				runtime.Gosched() // so that the service may read a piece
			}
		}
		_ = w.tcp().CloseWrite()
	})
	return w.receiveAll(x.seen)
}

func (s *storm) count(d *draft, a *answer) {
	s.answers.Add(1)
	class := "broken"
	if d != nil {
		class = d.method
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[fmt.Sprintf("%.6s %d", class, a.status)]++
}

// got tells whether requests of the method got the status.
func (s *storm) got(method string, status int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statuses[fmt.Sprintf("%.6s %d", method, status)] > 0
}
