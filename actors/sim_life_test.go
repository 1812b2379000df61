package actors

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/faulty"
	"github.com/arqd/arqd/persistence/memory"
)

// A simulation is the whole of the actors in fake time: over a store in memory
// that loses, delays and forgets to tell, on hardware that fails, with
// processes that die and start again from what was durable. It writes down
// what was written and what clients were told, and holds the one against the
// other.
type simulation struct {
	*world
	history   *history
	machines  *machines
	garble    func(outcomes []error) []error // what arrives of the compute service's answer; nil: all
	points    points
	life      *life                // the process that runs
	scheduler *scheduler           // nil: there is none
	present   atomic.Pointer[life] // the last one that was ready
	agents    map[string]*simAgent // by host; nil: no host has one
	counts    simCounts
}

// simCounts are what a run prints.
type simCounts struct{ steps, faults, crashes, stops, timeouts, holds, together int }

func (c *simCounts) add(o simCounts) {
	c.steps += o.steps
	c.faults += o.faults
	c.crashes += o.crashes
	c.stops += o.stops
	c.timeouts += o.timeouts
	c.holds += o.holds
	c.together += o.together
}

// life is one process. What it does after its death has no effect.
type life struct {
	sys    *System
	store  *memory.Store
	since  time.Time
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once
	dead   chan struct{}
	letGo  chan struct{}      // closed to free a goroutine that was held at its point
	next   *memory.Store      // what it left
	told   map[uuid.UUID]int  // the commit of the last event, by instance; history.mu guards it
	busy   map[uuid.UUID]bool // instances of which an event is on its way; likewise
	ending atomic.Bool        // a stop has begun
}

func (l *life) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

var errDead = errors.New("the process is dead")

const simBindTimeout = 10 * time.Second

func newSimulation(t *testing.T, options ...func(*Options)) *simulation {
	t.Helper()
	s := &simulation{world: &world{t: t}}
	s.opts.BindTimeout = simBindTimeout
	for _, set := range options {
		set(&s.opts)
	}
	s.history = newHistory()
	s.opts.heedPanics(s.history.violation)
	s.machines = newMachines(s)
	s.arm(0, false)
	return s
}

// beforeWrite is where a write may meet a fault, or its process a crash.
func (s *simulation) beforeWrite(t persistence.Transition) memory.Fault {
	l := s.life
	s.point(l, "write "+faulty.Kinds(t))
	if l.isDead() {
		return memory.Fault{}
	}
	f := s.fault(t)
	if f != (memory.Fault{}) {
		s.history.fault()
		s.counts.faults++ // on the store's goroutine alone
	}
	return f
}

func (s *simulation) written(t persistence.Transition) { s.history.apply(s, t) }

// begin makes a process on a store. boot starts it.
func (s *simulation) begin(store *memory.Store) {
	l := &life{
		store: store, since: time.Now(), dead: make(chan struct{}), letGo: make(chan struct{}),
		told: map[uuid.UUID]int{}, busy: map[uuid.UUID]bool{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	opts := s.opts
	if s.scheduler != nil {
		opts.Inventory = &shows{s.scheduler, l}
	}
	l.sys = New(opts, &simStore{store, s, l}, hardwareFunc(func(ctx context.Context, c devices.Command) error {
		return s.machines.do(ctx, l, c)
	}), NotifierFunc(func(ctx context.Context, events []*Event) []error { return s.hear(ctx, l, events) }))
	l.sys.engine.before = func(_ actorKind, msg any) {
		switch msg.(type) {
		case *heartbeat, hostTick, pollOver: // without end, and nothing comes of them
		default:
			s.point(l, fmt.Sprintf("message %T", msg))
		}
	}
	l.sys.engine.apart = s.points.apart
	s.life, s.sys, s.store = l, l.sys, store
}

// simStore lets a process die between a write and the news of it.
type simStore struct {
	*memory.Store
	s *simulation
	l *life
}

func (j *simStore) Submit(t persistence.Transition, done func(persistence.Result)) {
	j.Store.Submit(t, func(r persistence.Result) {
		if r.Outcome != persistence.Lost {
			j.s.point(j.l, "written "+faulty.Kinds(t))
		}
		if !j.l.isDead() {
			done(r)
		}
	})
}

// hear is the compute service: it judges one event after the other, and may fail
// on the way, or give no proper answer.
func (s *simulation) hear(ctx context.Context, l *life, events []*Event) []error {
	s.point(l, "notify")
	if l.isDead() {
		return slices.Repeat([]error{errDead}, len(events))
	}
	done := s.history.hears(s, l, events)
	defer done()
	outcomes := make([]error, len(events))
	for i, e := range events {
		if s.tell != nil {
			outcomes[i] = s.tell(ctx, e)
		}
		if outcomes[i] == nil || errors.Is(outcomes[i], ErrRefused) {
			s.history.heard(e)
			s.point(l, "notified")
		}
	}
	if s.garble != nil {
		return s.garble(outcomes)
	}
	return outcomes
}

// simHosts are the hardware: two hosts with FPGAs and one with mediated
// devices.
var simHosts = []string{"h", "g", "m"}

func simInventory(host string) []devices.Device {
	switch host {
	case "m", "v":
		d := devices.Device{
			Type: "GPU", Vendor: "10de", ControlPath: devices.ControlPathID{Type: "PCI", Info: "{}"},
			Deployables: []devices.Deployable{{
				Name: host + "_0000:3b:00.0", DriverName: "NVIDIA", NumAccelerators: 2,
				Attributes: []devices.Attribute{{Key: "rc", Value: "VGPU"}},
			}},
		}
		for i := range 2 {
			d.Deployables[0].AttachHandles = append(d.Deployables[0].AttachHandles,
				devices.AttachHandle{Type: handleTypeMdev, Info: fmt.Sprintf(`{"n": %d}`, i)})
		}
		return []devices.Device{d}
	case "g", "a":
		found, _ := fake.New(fake.Options{Host: host, DevicesPerHost: 1, HandlesPerDevice: 2}).Discover(context.Background())
		return found.Devices
	default:
		found, _ := fake.New(fake.Options{Host: host, DevicesPerHost: 1, HandlesPerDevice: 3}).Discover(context.Background())
		return found.Devices
	}
}

// boot starts the process as the service does; it says false when it died.
func (s *simulation) boot() bool {
	l := s.life
	if err := l.sys.Start(l.ctx); err != nil {
		if !l.isDead() {
			s.history.violation("the process does not start: %v", err)
		}
		return false
	}
	for _, host := range simHosts {
		for l.sys.RegisterInventory(l.ctx, host, simInventory(host)) != nil {
			if l.isDead() {
				return false
			}
			<-time.After(10 * time.Millisecond) // the store had a bad day
		}
	}
	s.present.Store(l)
	for host := range s.agents {
		for s.deviceOf(l, host) == nil {
			if l.isDead() {
				return false
			}
			<-time.After(100 * time.Millisecond) // its agent has not reported yet
		}
	}
	<-time.After(2 * simSlack) // what it does by itself is told everywhere
	return !l.isDead()
}

// kill ends a process where it stands.
func (s *simulation) kill(l *life) {
	l.once.Do(func() {
		l.next = l.store.Crash()
		close(l.dead)
		l.cancel()
		l.sys.cancel()
		l.sys.life.set(stopped)
	})
}

// bury takes leave of a process that was stopped, and gives what it left.
func (s *simulation) bury(l *life) *memory.Store {
	_ = l.store.Close()
	l.once.Do(func() {
		close(l.dead)
		l.cancel()
	})
	return s.newStore(l.store.Snapshot())
}

func (s *simulation) newStore(holding memory.Snapshot) *memory.Store {
	return memory.New(memory.Options{Faults: s.beforeWrite, Applied: s.written, Snapshot: holding})
}

// points are the moments at which a process may die: before a write and after
// it, before a message is handled, at the beginning and the end of a command
// on the hardware and of the delivery of an event.
type points struct {
	mu      sync.Mutex
	passed  int
	target  int           // die at this one; 0: at none
	hold    bool          // but let everything else get on as far as it can before
	tripped chan struct{} // closed when the target was reached
	at      string        // the target's name
	sched   *rand.Rand    // when set, disturbs the order of things
	trace   []string
}

// apart has an actor that could be visited hear of it like of any other message:
// always, or with random clients half of the times.
func (p *points) apart() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sched == nil || p.sched.IntN(2) == 0
}

// arm has the process die at a point from now on.
func (s *simulation) arm(target int, hold bool) {
	p := &s.points
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed, p.target, p.hold, p.tripped, p.at = 0, target, hold, make(chan struct{}), ""
}

// disarm has the process die at no point any more.
func (s *simulation) disarm() {
	s.points.mu.Lock()
	defer s.points.mu.Unlock()
	s.points.target = 0
}

// note writes a line of the run's trace.
func (s *simulation) note(line string) {
	s.points.mu.Lock()
	defer s.points.mu.Unlock()
	s.points.trace = append(s.points.trace, line)
}

// point is passed by whatever goroutine gets there.
func (s *simulation) point(l *life, name string) {
	if l.isDead() {
		return
	}
	p := &s.points
	p.mu.Lock()
	p.passed++
	p.trace = append(p.trace, name)
	hit, hold, tripped := p.passed == p.target, p.hold, p.tripped
	disturb, odd := -1, time.Duration(0)
	if p.sched != nil {
		disturb, odd = p.sched.IntN(400), time.Duration(p.sched.IntN(int(time.Millisecond)))
	}
	if hit {
		p.at = name
	}
	p.mu.Unlock()
	switch {
	case hit && hold:
		close(tripped)
		<-l.letGo
	case hit:
		s.kill(l)
		close(tripped)
	case disturb >= 0 && disturb < 40:
		stepBack()
	case disturb >= 40 && disturb < 44:
		<-time.After(time.Duration(disturb-39)*5*time.Millisecond + odd) // of timers of one moment any may be the first
	}
}

// stepBack lets all others run who can. runtime.Gosched would too, but when its caller's
// turn comes depends on what ran before.
func stepBack() {
	again := make(chan struct{})
	go close(again)
	go func() {}() // is the next to run, and makes the other the last
	<-again
}

// run has work done by the process at hand, and brings the process down if it
// gets to the armed point. It says whether the process lives.
func (s *simulation) run(work func()) bool {
	done := make(chan struct{})
	go func() {
		work()
		close(done)
	}()
	l := s.life
	select {
	case <-done:
	case <-s.points.tripped:
	case <-l.dead:
	}
	synctest.Wait() // whoever can get on without the one who is held does so
	select {
	case <-s.points.tripped:
		s.kill(l)
	default:
	}
	if !l.isDead() {
		<-done
		s.disarm()
		return true
	}
	close(l.letGo)
	<-done
	synctest.Wait()
	s.counts.crashes++
	s.note("crash")
	s.wantInvariants(l.next)
	return false
}

// hash is the run's trace in short.
func (s *simulation) hash() uint64 {
	s.points.mu.Lock()
	defer s.points.mu.Unlock()
	h := fnv.New64a()
	for _, line := range s.points.trace {
		_, _ = h.Write([]byte(line + "\n"))
	}
	return h.Sum64()
}
