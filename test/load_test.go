package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
)

// pair is two ARQs that are always bound, unbound and deleted by one request:
// they have the same state, or something was done by halves.
type pair struct {
	uuids    []string
	state    belief
	target   deployable // of the last bind that was asked for
	instance string
}

// worker is a client under load. It alone touches its things, so it knows
// what they can be.
type worker struct {
	name string
	rng  *rand.Rand
	load *load
	wire *wire

	profile   string // of its pairs, present always
	pairs     []*pair
	lostPairs int // creations without an answer
	device    *device
	enabled   belief
	spare     string // a profile that comes and goes
	spareIs   belief
	attribute string // uuid
	attrIs    belief
	lostAttrs int
}

// load is a crowd of workers on one service, and what became of their
// requests.
type load struct {
	address     string
	deployables []deployable
	header      http.Header // of every request
	resting     atomic.Bool // the workers end after the request at hand

	workers  []*worker
	answered atomic.Int64
	closing  atomic.Bool   // the service was told to go: connections may end
	reached  chan struct{} // closed when enough requests are answered
	enough   int64

	mayRefuse bool // the service may be unable to take changes, and say so
	refused   atomic.Int64

	mu         sync.Mutex
	faults     []string
	unanswered []string // global request ids
}

// request is one step of a worker: what to send, the answer that means that it
// was done, and what then is so. undo is for a request that was not taken.
type request struct {
	method, path string
	body         []byte
	status       int
	done         func(body []byte) error
	undo         func()
}

const resourcesBase = "/v2"

// newLoad makes n workers and what they need: a profile each, and for one of
// them a device of its own to take out of service.
func newLoad(c *client, n int, seed uint64, spareHost string) *load {
	c.t.Helper()
	l := &load{reached: make(chan struct{}), header: c.header}
	var spare *device
	for _, d := range c.devices() {
		if d.Hostname == spareHost {
			spare = &d
		}
	}
	for name, d := range c.deployables() {
		if name != spareHost {
			l.deployables = append(l.deployables, d)
		}
	}
	for i := range n {
		w := &worker{
			name: fmt.Sprintf("w%d", i), rng: rand.New(rand.NewPCG(seed, uint64(i))), load: l,
			spareIs: believe(absent), attrIs: believe(absent),
		}
		w.profile, w.spare = w.name+"-pairs", w.name+"-spare"
		c.createProfile(w.profile, 2)
		if i == 0 && spare != nil {
			w.device, w.enabled = spare, believe("enabled")
		}
		l.workers = append(l.workers, w)
	}
	return l
}

// run has all workers work on the service until their connections end.
// reached is closed once enough requests are answered.
func (l *load) run(p *process, enough int64) *sync.WaitGroup {
	l.address, l.enough = host(p.api), enough
	l.answered.Store(0)
	l.closing.Store(false)
	l.resting.Store(false)
	l.reached = make(chan struct{})
	l.unanswered = nil
	var all sync.WaitGroup
	for _, w := range l.workers {
		all.Go(w.work)
	}
	return &all
}

func (l *load) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// work sends one request after the other, on connections kept open, until
// there is no more service.
func (w *worker) work() {
	defer func() {
		if w.wire != nil {
			w.wire.close()
			w.wire = nil
		}
	}()
	for !w.load.resting.Load() && w.step() {
	}
}

// step sends one request; it says false when the worker has to end.
func (w *worker) step() bool {
	if w.wire == nil {
		wire, err := dial(w.load.address)
		if err != nil {
			if !w.load.closing.Load() {
				w.load.fault("%s: no connection: %v", w.name, err)
			}
			return false
		}
		w.wire = wire
	}
	r := w.next()
	id := "req-" + newUUID()
	header := http.Header{"Content-Type": {jsonType}, "X-Openstack-Request-Id": {id}}
	maps.Copy(header, w.load.header)
	got, err := w.wire.roundTrip(r.method, resourcesBase+r.path, header, r.body)
	switch {
	case errors.Is(err, errUnanswered):
		w.load.noAnswer(w, r, id)
		return false
	case err != nil:
		w.load.fault("%s: %s %s: an answer breaks off: %v", w.name, r.method, r.path, err)
		return false
	case got.status == http.StatusServiceUnavailable && w.load.mayRefuse:
		r.undo()
		w.load.refused.Add(1)
		return true
	case got.status != r.status:
		w.load.fault("%s: %s %s: status %d, want %d: %s", w.name, r.method, r.path, got.status, r.status, got.body)
		r.undo()
		return false
	}
	if err := r.done(got.body); err != nil {
		w.load.fault("%s: %s %s: %v", w.name, r.method, r.path, err)
		return false
	}
	if got.header.Get("Connection") == "close" {
		w.wire.close()
		w.wire = nil
	}
	if w.load.answered.Add(1) == w.load.enough {
		close(w.load.reached)
	}
	return true
}

// noAnswer takes note of a request without an answer. It is no fault by itself
// once the service is going: who decides is the test, which knows how it went.
func (l *load) noAnswer(w *worker, r request, id string) {
	if !l.closing.Load() {
		l.fault("%s: %s %s: no answer from a service that runs", w.name, r.method, r.path)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unanswered = append(l.unanswered, id)
}

// maxPairs bounds what a worker holds, so that there are always free handles.
const maxPairs = 4

// next chooses the next request.
func (w *worker) next() request {
	switch n := w.rng.IntN(20); {
	case n == 0:
		return w.toggleSpare()
	case n == 1:
		return w.toggleAttribute()
	case n <= 4 && w.device != nil:
		return w.toggleDevice()
	case len(w.pairs) < maxPairs && (n < 10 || len(w.pairs) == 0):
		return w.createPair()
	}
	i := w.rng.IntN(len(w.pairs))
	switch p := w.pairs[i]; {
	case p.state.sure() == "Bound" && w.rng.IntN(2) == 0:
		return w.change(p, "Unbound", http.MethodPatch, "/accelerator_requests", unbindBody(p.uuids...))
	case p.state.sure() == "Bound" && w.rng.IntN(2) == 0:
		return w.remove(i, "/accelerator_requests?instance="+p.instance)
	case w.rng.IntN(4) == 0:
		return w.remove(i, deletePath(p.uuids...))
	case p.state.sure() == "Bound":
		return w.change(p, "Unbound", http.MethodPatch, "/accelerator_requests", unbindBody(p.uuids...))
	default:
		p.target = w.load.deployables[w.rng.IntN(len(w.load.deployables))]
		p.instance = newUUID()
		return w.change(p, "Bound", http.MethodPatch, "/accelerator_requests", bindBody(p.target, p.instance, p.uuids...))
	}
}

func (w *worker) createPair() request {
	w.lostPairs++
	return request{
		method: http.MethodPost, path: "/accelerator_requests", body: []byte(createBody(w.profile)),
		status: http.StatusCreated,
		undo:   func() { w.lostPairs-- },
		done: func(body []byte) error {
			var list struct {
				ARQs []arq `json:"arqs"`
			}
			if err := json.Unmarshal(body, &list); err != nil {
				return err
			}
			if len(list.ARQs) != 2 {
				return fmt.Errorf("%d ARQs made, want 2", len(list.ARQs))
			}
			w.lostPairs--
			w.pairs = append(w.pairs, &pair{
				uuids: []string{list.ARQs[0].UUID, list.ARQs[1].UUID}, state: believe("Initial"),
			})
			return nil
		},
	}
}

// change brings a pair into a state.
func (w *worker) change(p *pair, state, method, path string, body []byte) request {
	p.state.tries(state)
	return request{
		method: method, path: path, body: body, status: http.StatusAccepted,
		undo: p.state.notTried,
		done: func([]byte) error { p.state.learned(state); return nil },
	}
}

func (w *worker) remove(i int, path string) request {
	p := w.pairs[i]
	r := w.change(p, absent, http.MethodDelete, path, nil)
	r.status = http.StatusNoContent
	r.done = func([]byte) error {
		w.pairs = append(w.pairs[:i:i], w.pairs[i+1:]...)
		return nil
	}
	return r
}

func (w *worker) toggleSpare() request {
	r := request{undo: w.spareIs.notTried}
	state := absent
	if w.spareIs.sure() == absent {
		state = "present"
		r.method, r.path, r.body = http.MethodPost, "/device_profiles", []byte(profileBody(w.spare, 1))
		r.status = http.StatusCreated
	} else {
		r.method, r.path, r.status = http.MethodDelete, "/device_profiles/"+w.spare, http.StatusNoContent
	}
	w.spareIs.tries(state)
	r.done = func([]byte) error { w.spareIs.learned(state); return nil }
	return r
}

func (w *worker) toggleDevice() request {
	action, state := "disable", "maintaining"
	if w.enabled.sure() == state {
		action, state = "enable", "enabled"
	}
	w.enabled.tries(state)
	return request{
		method: http.MethodPost, path: "/devices/" + w.device.UUID + "/" + action, status: http.StatusNoContent,
		undo: w.enabled.notTried,
		done: func([]byte) error { w.enabled.learned(state); return nil },
	}
}

func (w *worker) toggleAttribute() request {
	if w.attrIs.sure() == "present" {
		w.attrIs.tries(absent)
		return request{
			method: http.MethodDelete, path: "/attributes/" + w.attribute, status: http.StatusNoContent,
			undo: w.attrIs.notTried,
			done: func([]byte) error { w.attrIs.learned(absent); return nil },
		}
	}
	w.lostAttrs++
	return request{
		method: http.MethodPost, path: "/attributes", status: http.StatusCreated,
		body: fmt.Appendf(nil, `{"deployable_id": 1, "key": %q, "value": "x"}`, w.name),
		undo: func() { w.lostAttrs-- },
		done: func(body []byte) error {
			var made attribute
			if err := json.NewDecoder(bytes.NewReader(body)).Decode(&made); err != nil {
				return err
			}
			w.lostAttrs--
			w.attribute = made.UUID
			w.attrIs.learned("present")
			return nil
		},
	}
}
