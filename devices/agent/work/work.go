// Package work carries out the commands of a host's agent: those of one device in
// order and one at a time, of different devices side by side. What was begun and
// what became of it is in the journal before anybody relies on it.
package work

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent/journal"
	"github.com/arqd/arqd/devices/protocol"
)

const (
	// sideBySide is how many devices are at work at the same time.
	sideBySide = 4
	// limit is how long one command may take. The service, too, asks anew then.
	limit = 10 * time.Minute
)

// Options are what an Executor needs.
type Options struct {
	Host    string
	Journal *journal.Journal // the executor's alone from here on
	Drivers []devices.Driver
	// Retired are drivers that are not enabled: they take back what they, or an agent
	// for which they were, have made for guests, and nothing else.
	Retired []devices.Driver
	Log     *slog.Logger
	// Done is told of each command that a driver has carried out, or tried to. It
	// must not block.
	Done func()
}

// Executor is the owner of the journal, of the commands that wait and of those
// that run. It is one goroutine; its methods ask that, and give up with it.
type Executor struct {
	opt     Options
	asks    chan func()
	ended   chan struct{}
	news    chan struct{} // there may be results to report
	ctx     context.Context
	drivers map[string]devices.Driver // of the devices that were ever seen, by control path

	queues  map[string][]*waiting // by control path
	busy    map[string]uuid.UUID  // what runs there
	resting bool                  // nothing more is begun
	failed  error                 // of the journal
	idle    []chan struct{}       // closed when nothing runs
}

// waiting is a command that has not been begun, or not by this process.
type waiting struct {
	command protocol.Command
	until   time.Time
}

// New makes an executor; Run has it work.
func New(opt Options) *Executor {
	return &Executor{
		opt: opt, asks: make(chan func()), ended: make(chan struct{}), news: make(chan struct{}, 1),
		drivers: make(map[string]devices.Driver), queues: make(map[string][]*waiting), busy: make(map[string]uuid.UUID),
	}
}

// Run works until ctx ends, or the journal fails, which is its error. In the first
// case commands under way are told to end; their results are waited for in both.
func (e *Executor) Run(ctx context.Context) error {
	defer close(e.ended)
	e.ctx = ctx
	e.recover()
	done := ctx.Done()
	for done != nil && e.failed == nil || len(e.busy) > 0 {
		select {
		case ask := <-e.asks:
			ask()
		case <-done:
			done, e.resting = nil, true
		}
	}
	return e.failed
}

// ask has the goroutine of Run do something, and waits until it has; false: Run
// has ended.
func (e *Executor) ask(do func()) bool {
	done := make(chan struct{})
	select {
	case e.asks <- func() { defer close(done); do() }:
		<-done
		return true
	case <-e.ended:
		return false
	}
}

// Rest begins nothing more, and returns when nothing runs, or ctx ends.
func (e *Executor) Rest(ctx context.Context) {
	done := make(chan struct{})
	if !e.ask(func() {
		e.resting = true
		e.idle = append(e.idle, done)
		e.tellIdle()
	}) {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	case <-e.ended:
	}
}

func (e *Executor) tellIdle() {
	if e.resting && len(e.busy) == 0 {
		for _, done := range e.idle {
			close(done)
		}
		e.idle = nil
	}
}

// Know says which driver has which devices, by their control paths. Those that
// were known before stay so: what a device that has gone leaves is taken back.
func (e *Executor) Know(drivers map[string]devices.Driver) {
	e.ask(func() { maps.Copy(e.drivers, drivers) })
}

// Working gives the control paths of the devices that are at work.
func (e *Executor) Working() map[string]bool {
	working := make(map[string]bool)
	e.ask(func() {
		for path := range e.busy {
			working[path] = true
		}
	})
	return working
}

// News has something in it when there may be results to report.
func (e *Executor) News() <-chan struct{} { return e.news }

func (e *Executor) tellNews() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// Report is what the service is to be told of a command.
type Report struct {
	ID     uuid.UUID
	Result protocol.Result
}

// Reports gives the results that the service may not have.
func (e *Executor) Reports() (all []Report) {
	e.ask(func() { all = reports(e.opt.Journal.Unreported()) })
	return all
}

// Unfinished gives those that an agent before this one had begun and that can be
// repeated. They are when the service wants them still.
func (e *Executor) Unfinished() (all []Report) {
	e.ask(func() {
		all = slices.DeleteFunc(reports(e.opt.Journal.Unfinished()), func(r Report) bool { return e.runs(r.ID) })
	})
	return all
}

func reports(entries []*journal.Entry) []Report {
	var all []Report
	for _, entry := range entries {
		all = append(all, Report{entry.Command.ID, entry.Result})
	}
	return all
}

// Acknowledged notes that the service has the result of a command, or knows
// nothing of the command any more.
func (e *Executor) Acknowledged(id uuid.UUID) {
	e.ask(func() {
		entry := e.opt.Journal.Find(id)
		switch {
		case entry == nil || e.runs(id):
		case entry.Result.Ends():
			e.check(e.opt.Journal.Acknowledge(id))
		default:
			e.opt.Log.Info("a command that was begun before is dropped: the service does not know it", "command", id, "kind", entry.Command.Kind)
			e.check(e.opt.Journal.Drop(id))
		}
	})
}

func (e *Executor) runs(id uuid.UUID) bool {
	for _, running := range e.busy {
		if running == id {
			return true
		}
	}
	return false
}

// check ends all work when the journal has failed.
func (e *Executor) check(err error) {
	if err != nil {
		e.failed, e.resting = err, true
	}
}
