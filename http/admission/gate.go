package admission

import (
	"sync"
	"time"
)

// Caller is on whose behalf a change is asked for.
type Caller struct {
	Project string // or what else the calls of one user have in common
	// Service calls are those of the cloud's own services. They have a share
	// of their own, and more patience: Nova repeats nothing that is refused.
	Service bool
}

// Stage tells what of several changes of one caller goes first.
type Stage uint8

const (
	// Finishes is what goes on with something, or ends it: a bind, a delete.
	// Work that was begun is of use to nobody until it has come so far.
	Finishes Stage = iota
	// Begins is what brings more work later.
	Begins
	stages
)

// Verdict is the answer of a Gate.
type Verdict uint8

const (
	// Admitted changes are to be carried out, and then to Leave.
	Admitted Verdict = iota
	// Full is the answer when the caller has as many waiting as is its due.
	Full
	// Late is the answer when its turn did not come in time.
	Late
)

// Options of a Gate.
type Options struct {
	// Most is how many changes there are at a time, in work and waiting.
	Most int
	// Patience is how long a change waits for its turn before it is refused; those
	// of services wait servicePatience times as long. 0: nobody waits, and only what
	// is beyond Most is refused.
	Patience time.Duration
	// Pace tells what a change waits for that cannot be helped by letting fewer
	// in: how long a durable write takes at present, and whether writing is at a
	// standstill. Nil: nothing.
	Pace func() (write time.Duration, standstill bool)
	// Crowded, if not nil, tells that the callers' connections are wanted by others.
	Crowded func() bool
	// Report, if not nil, is told what was refused, once a second at most.
	Report func(Refusals)
	// Done, if not nil, ends all waiting when it is closed.
	Done <-chan struct{}
}

// Refusals are what a Gate has refused since it last told.
type Refusals struct {
	Full, Late int
	Busiest    Caller // of whom most was refused
	OfBusiest  int
}

// Gate admits changes. Its methods may be called from any goroutine.
type Gate struct {
	opt Options

	mu      sync.Mutex
	flows   map[Caller]*flow
	classes [2]class // of projects, and of services
	turns   int      // that services had in a row
	working list     // admitted, in order of admission; those set aside are not in it
	limit   int      // of working
	least   int      // of limit
	aside   int      // admitted ones that have taken so long that they are waiting for somebody else
	waiting int
	ticking bool // while there is much to do

	window window
	rate   float64 // changes a second, the last time that anybody waited for long
	news   Refusals
	told   time.Time
	counts Counts
}

// New makes a Gate.
func New(opt Options) *Gate {
	limit := min(firstLimit, opt.Most)
	if opt.Patience <= 0 {
		limit = opt.Most
	}
	return &Gate{opt: opt, flows: map[Caller]*flow{}, limit: limit, least: min(leastLimit, limit), rate: firstRate}
}

// Pass is a change at the gate. It may be used again after Leave or a refusal;
// the zero value is ready for use.
type Pass struct {
	flow  *flow
	since time.Time // of its admission, or of its arrival
	stage Stage
	in    *list // working, or a flow's queue; nil: set aside, or nowhere
	prev  *Pass
	next  *Pass
	ready chan Verdict
}

// Enter asks for admission, and waits for the answer. Only who is Admitted leaves.
func (g *Gate) Enter(p *Pass, caller Caller, stage Stage) Verdict {
	now := time.Now()
	g.mu.Lock()
	f := g.flowOf(caller)
	p.flow, p.stage = f, stage
	free := g.opt.Most - g.present()
	switch {
	// A queue may grow until it is as long as what is left for others.
	case f.waiting+f.aside >= free && !g.displace(f, stage):
		g.refuse(p, Full)
		g.watch(now)
		g.mu.Unlock()
		g.hold()
		return Full
	case g.waiting == 0 && g.working.length < g.limit:
		g.admit(p, now)
		g.mu.Unlock()
		return Admitted
	}
	g.queue(p, now)
	g.mu.Unlock()
	return <-p.ready
}

// hold keeps who is refused from asking again at once: reading a request and
// answering it is half of what a create costs, so refusals in any number would
// leave no time for work. Held back for a while each, they are no more a second
// than there are connections.
func (g *Gate) hold() {
	if g.opt.Patience <= 0 || g.opt.Crowded != nil && g.opt.Crowded() {
		return
	}
	timer := time.NewTimer(g.opt.Patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.opt.Done:
	}
}

// Leave ends what was Admitted.
func (g *Gate) Leave(p *Pass) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.in != nil {
		p.in.remove(p)
		g.window.turnover++
	} else {
		g.aside--
		p.flow.aside--
	}
	p.flow.present--
	p.flow = nil
	g.admitWaiting(now)
}

func (g *Gate) present() int { return g.working.length + g.aside + g.waiting }

func (g *Gate) admit(p *Pass, now time.Time) {
	p.since = now
	p.flow.present++
	g.working.push(p)
	if g.opt.Patience > 0 && g.much() {
		g.watch(now)
	}
	g.counts.Admitted[index(p.flow.caller.Service)]++
}

func (g *Gate) queue(p *Pass, now time.Time) {
	if p.ready == nil {
		p.ready = make(chan Verdict, 1)
	}
	p.since = now
	f := p.flow
	f.present++
	if f.waiting == 0 {
		g.classes[index(f.caller.Service)].push(f)
	}
	f.queues[p.stage].push(p)
	f.waiting++
	g.waiting++
	g.watch(now)
}

// watch sees to it that those who wait are looked after, and refusals are told.
func (g *Gate) watch(now time.Time) {
	if !g.ticking {
		g.ticking = true
		g.window.begin(now)
		go g.tick()
	}
}

// unqueue takes out who waits, for an answer.
func (g *Gate) unqueue(p *Pass) {
	p.in.remove(p)
	f := p.flow
	f.waiting--
	f.present--
	g.waiting--
	if f.waiting == 0 {
		g.classes[index(f.caller.Service)].remove(f)
	}
}

// displace makes room for what goes on with something, by refusing the last of
// its caller's that begins something.
func (g *Gate) displace(f *flow, stage Stage) bool {
	last := f.queues[Begins].last
	if stage != Finishes || last == nil {
		return false
	}
	g.unqueue(last)
	g.refuse(last, Full)
	last.ready <- Full
	return true
}

// admitWaiting admits those whose turn it is, as far as there is room.
func (g *Gate) admitWaiting(now time.Time) {
	for g.waiting > 0 && g.working.length < g.limit {
		f := g.pick()
		p := f.next(g.hopeless(f))
		g.unqueue(p)
		g.counts.waited(now.Sub(p.since))
		g.admit(p, now)
		p.ready <- Admitted
	}
}

// serviceTurns is how many turns services have for one of projects, when both wait.
const serviceTurns = 4

// pick gives the flow whose turn it is.
func (g *Gate) pick() *flow {
	projects, services := &g.classes[0], &g.classes[1]
	if services.head != nil && (projects.head == nil || g.turns < serviceTurns) {
		g.turns++
		return services.turn()
	}
	g.turns = 0
	return projects.turn()
}

func (g *Gate) refuse(p *Pass, v Verdict) {
	p.flow.refused++
	if p.flow.refused > g.news.OfBusiest {
		g.news.Busiest, g.news.OfBusiest = p.flow.caller, p.flow.refused
	}
	if v == Full {
		g.news.Full++
	} else {
		g.news.Late++
	}
	g.window.refused++
	g.counts.Refused[index(p.flow.caller.Service)][v]++
	p.flow = nil
}

func index(service bool) int {
	if service {
		return 1
	}
	return 0
}
