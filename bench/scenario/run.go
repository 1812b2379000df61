package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/measure"
	"github.com/arqd/arqd/bench/report"
	"github.com/arqd/arqd/bench/rest"
)

// Prefix begins the names of all device profiles that runs make.
const Prefix = "arqd-bench-"

// scenarios make the stages of each scenario, and what these need.
var scenarios = map[string]func(*run) ([]stage, error){
	"create":   (*run).create,
	"boot":     (*run).boot,
	"storm":    (*run).boot,
	"read":     (*run).read,
	"mixed":    (*run).mixed,
	"fill":     (*run).fill,
	"overload": (*run).overload,
}

// stage is phases that take turns, as often as they are repeated.
type stage struct {
	phases []phase
	once   bool // it is neither repeated nor warmed up
	// prepare, if set, completes each phase with what those before it have shown.
	prepare func(*phase)
}

// phase is one kind of load.
type phase struct {
	name string
	plan measure.Plan
	step func(*work)
	// timed is the operation whose tenths are timed.
	timed string
	// beside, if set, is a load of its own meanwhile.
	beside *phase
}

// work is one iteration.
type work struct {
	ctx   context.Context
	rec   *measure.Recorder
	start time.Time // from which the latency of its first call counts
	rng   *rand.Rand
}

// run is a run under way.
type run struct {
	*Options

	ctx      context.Context // its end stops the load
	calm     *rest.Client    // for what is not measured
	ledger   *ledger
	id       string
	places   chan rest.Place // as many as instances fit in
	profiles map[int]string  // by the ARQs that they ask for
	file     *report.File
	finally  func() // nil: there is nothing more to say in the end
}

// Run carries out a scenario. When ctx ends, it stops the load, removes what it
// made and gives what it measured so far. An error means that the scenario could
// not be prepared; the file tells what became of that, and is nil where nothing
// was made.
func Run(ctx context.Context, o *Options, auth string) (*report.File, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	r := &run{Options: o, ctx: ctx, calm: o.Client.Patient(patience), ledger: newLedger(), profiles: map[int]string{}, id: uuid.NewString()[:8]}
	r.file = &report.File{
		Schema: report.Schema, Scenario: o.Name, Started: time.Now().UTC(), Machine: report.ThisMachine(), Settings: o.settings(auth), Notes: []string{},
	}
	stages, err := scenarios[o.Name](r)
	if err == nil {
		err = r.stages(stages) //nolint:contextcheck // the run has it
	}
	if r.finally != nil {
		r.finally()
	}
	r.cleanUp(context.WithoutCancel(ctx))
	r.file.Ended = time.Now().UTC()
	r.file.Interrupted = r.stopped()
	if r.file.Interrupted {
		err = nil // what could not be prepared was stopped
	}
	return r.file, err
}

func (r *run) note(format string, args ...any) {
	r.file.Notes = append(r.file.Notes, fmt.Sprintf(format, args...))
}

func (r *run) stages(stages []stage) error {
	for _, s := range stages {
		at := len(r.file.Phases)
		for i := range s.phases {
			if r.stopped() {
				return nil
			}
			p := &s.phases[i]
			if s.prepare != nil {
				s.prepare(p)
			}
			loop := "closed"
			if p.plan.Rate > 0 {
				loop = "open"
			}
			r.file.Phases = append(r.file.Phases, report.Phase{
				Name: p.name, Loop: loop, Workers: p.plan.Workers, Rate: p.plan.Rate, Repetitions: []report.Repetition{},
			})
			if !s.once && r.Warmup > 0 {
				r.warm(p)
			}
		}
		for n := range r.times(&s) {
			if err := r.round(&s, n, r.file.Phases[at:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// times is how often the phases of a stage are carried out.
func (r *run) times(s *stage) int {
	if s.once {
		return 1
	}
	return r.Repeat
}

// round carries out each phase of a stage once.
func (r *run) round(s *stage, n int, into []report.Phase) error {
	for i := range s.phases {
		if r.stopped() {
			break
		}
		done, err := r.repetition(&s.phases[i], n, r.times(s))
		if err != nil {
			return err
		}
		into[i].Repetitions = append(into[i].Repetitions, done)
	}
	return nil
}

func (r *run) stopped() bool { return r.ctx.Err() != nil }

// warm carries out a phase that nobody looks at.
func (r *run) warm(p *phase) {
	plan := p.plan
	plan.Duration, plan.Count, plan.Ramp = r.Warmup, 0, 0
	r.Progress.begin(p.name+", warming up", plan)
	rec := measure.NewRecorder()
	stop := r.Progress.follow(rec)
	r.load(plan, p, rec, 0)
	stop()
	r.tidy()
}

func (r *run) repetition(p *phase, n, of int) (report.Repetition, error) {
	r.Progress.begin(fmt.Sprintf("%s, %d of %d", p.name, n+1, of), p.plan)
	meters := startMeters(r.ServerPID)
	rec := measure.NewRecorder()
	if p.timed != "" {
		rec.TimeTenths(p.timed, p.plan.Count)
	}
	stop := r.Progress.follow(rec)
	begin := time.Now()
	pace := r.load(p.plan, p, rec, uint64(n)+1)
	seconds := time.Since(begin).Seconds()
	stop()
	done := report.Repetition{
		Seconds: seconds, Interrupted: r.stopped(), Begun: pace.Begun, Late: pace.Late,
		LatestMS: pace.Longest.Seconds() * 1e3, Unsent: pace.Unsent, Operations: []report.Operation{},
	}
	var fault, err error
	if done.Client, done.Server, fault, err = meters.stop(); err != nil {
		return done, err
	}
	if fault != nil {
		r.note("%s, repetition %d: the server was not measured: %v", p.name, n+1, fault)
	}
	order, ops := rec.Operations()
	for _, name := range order {
		op, err := report.NewOperation(name, ops[name])
		if err != nil {
			return done, err
		}
		done.Operations = append(done.Operations, op)
	}
	for _, at := range rec.Tenths() {
		done.Tenths = append(done.Tenths, at.Seconds())
	}
	r.tidy()
	return done, nil
}

// load carries out a plan, and what goes on beside it.
func (r *run) load(plan measure.Plan, p *phase, rec *measure.Recorder, round uint64) measure.Pace {
	if p.beside == nil {
		return r.drive(r.ctx, plan, p, rec, round<<32, rec.Over)
	}
	ctx, stop := context.WithCancel(r.ctx)
	var beside sync.WaitGroup
	beside.Go(func() {
		other := p.beside.plan
		other.Duration = plan.Duration
		r.drive(ctx, other, p.beside, rec, round<<32|1<<31, func() {})
	})
	pace := r.drive(r.ctx, plan, p, rec, round<<32, rec.Over)
	stop()
	beside.Wait()
	return pace
}

// drive carries out a plan, each worker with chance of its own. over is called
// when an iteration is.
func (r *run) drive(ctx context.Context, plan measure.Plan, p *phase, rec *measure.Recorder, seed uint64, over func()) measure.Pace {
	chances := make([]*rand.Rand, plan.Workers)
	for i := range chances {
		chances[i] = rand.New(rand.NewPCG(r.Seed, seed|uint64(i)))
	}
	return measure.Run(ctx, plan, func(worker int, start time.Time) {
		p.step(&work{r.ctx, rec, start, chances[worker]})
		over()
	})
}

// plan is what the options say of a phase.
func (r *run) plan() measure.Plan {
	return measure.Plan{Workers: r.Concurrency, Rate: r.Rate, Ramp: r.Ramp, Count: r.Count, Duration: r.Duration}
}

// call makes a call and takes it down. Its latency counts from where the
// iteration is, to the whole answer; the next call goes on from here. read, if
// set, is given an answer of success; it tells how many ARQs it is about, and may
// find that it is none of success after all.
func (w *work) call(operation string, send func() rest.Answer, read func(*rest.Answer) int) rest.Answer {
	a := send()
	latency := time.Since(w.start)
	things := 0
	if read != nil && a.OK() {
		things = read(&a)
	}
	w.rec.Add(operation, a.Outcome, a.OK(), latency, things)
	w.start = time.Now()
	return a
}

// makeProfile makes a device profile of n ARQs and gives its name.
func (r *run) makeProfile(n int) (string, error) {
	name := Prefix + r.id + "-" + strconv.Itoa(n)
	group := []rest.Resource{{Key: "resources:" + r.Class, Value: strconv.Itoa(n)}}
	for _, t := range r.Traits {
		group = append(group, rest.Resource{Key: "trait:" + t, Value: "required"})
	}
	a := r.calm.CreateProfile(r.ctx, name, group...)
	if a.OK() || a.Unanswered() || a.Status >= 500 { // otherwise there is none
		r.ledger.addProfile(name)
	}
	if err := a.Fault(); err != nil {
		return name, fmt.Errorf("making a device profile: %w", err)
	}
	return name, nil
}

// each calls f for each of the things, so many at a time, until ctx ends.
func each[T any](ctx context.Context, most int, all []T, f func(T)) {
	next := make(chan T)
	var workers sync.WaitGroup
	for range min(most, len(all)) {
		workers.Go(func() {
			for t := range next {
				f(t)
			}
		})
	}
	for _, t := range all {
		if ctx.Err() != nil {
			break
		}
		next <- t
	}
	close(next)
	workers.Wait()
}
