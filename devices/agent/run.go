package agent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent/journal"
	"github.com/arqd/arqd/devices/agent/uevent"
	"github.com/arqd/arqd/devices/agent/work"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/devices/sysfs"
)

// Service is the other side of the conversation. Errors that have a
// *protocol.Error in them are its answers; after all others it is not known
// whether it has heard.
type Service interface {
	Open(context.Context, *protocol.OpenSession) (*protocol.Session, error)
	Report(ctx context.Context, inv *protocol.Inventory, ifMatch string) (*protocol.InventoryReply, error)
	Beat(context.Context, *protocol.Heartbeat) (*protocol.HeartbeatReply, error)
	Commands(ctx context.Context, session uuid.UUID, after uint64, wait time.Duration) ([]protocol.Command, error)
	Result(ctx context.Context, id uuid.UUID, result *protocol.Result) error
}

// Options are what an Agent needs.
type Options struct {
	Host string
	// Provider is the name of the host's own resource provider; "": Host.
	Provider string
	Version  string // of the program
	BootID   string // of this start of the machine
	Service  Service
	Drivers  []devices.Driver
	Retired  []devices.Driver // that are not enabled: see work.Options
	Bus      *sysfs.Bus       // that they look at
	// Look looks with all of them.
	Look    func(context.Context) Inventory
	Journal *journal.Journal // the agent's alone from here on
	Events  uevent.Source    // nil: nobody says when to look
	Log     *slog.Logger

	ScanInterval time.Duration // between two looks that nobody has asked for
	// Spread is the time over which agents come back by chance, after the service
	// has forgotten them all at the same moment.
	Spread time.Duration
	Grace  time.Duration // for what runs when the agent is to stop
}

// Agent is what runs on a compute host: it tells the service what the host has,
// and carries out what that wants.
type Agent struct {
	opt      Options
	process  uuid.UUID // tells this process from others
	scanner  *scanner
	executor *work.Executor
	health   *doctor
	contact  contact
	doubtful time.Time // when the answer to the opening of a session was last missed
}

// ErrReplaced means that another agent of the host has taken over.
var ErrReplaced = errors.New("another agent of this host has taken over; there can be one only")

// New makes an agent.
func New(opt Options) *Agent {
	a := &Agent{opt: opt, process: uuid.New(), contact: contact{log: opt.Log}}
	if opt.Journal.Torn() {
		opt.Log.Warn("the last line of the journal was not written to its end, as when the machine went down; it counts for nothing")
	}
	a.scanner = newScanner(&a.opt, func(s *scan) { a.executor.Know(s.owners) }, func() map[string]bool { return a.executor.Working() })
	a.executor = work.New(work.Options{
		Host: opt.Host, Journal: opt.Journal, Drivers: opt.Drivers, Retired: opt.Retired, Log: opt.Log, Done: a.scanner.request,
	})
	a.health = newDoctor(a.scanner)
	return a
}

// Run works until ctx ends; then what runs is finished, for Options.Grace at most,
// and reported. Its errors are ErrReplaced, and the journal's.
func (a *Agent) Run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var all sync.WaitGroup
	defer all.Wait()
	var failed error // of the executor, once it has ended
	worked := make(chan struct{})
	all.Go(func() {
		defer close(worked)
		failed = a.executor.Run(life)
		end()
	})
	all.Go(func() { a.scanner.run(life) })
	all.Go(func() { a.health.run(life) })
	all.Go(func() { a.listen(life) })
	all.Go(func() {
		select {
		case <-ctx.Done():
			a.opt.Log.Info("stopping: nothing more is begun; what runs is finished first")
			a.finish(life)
		case <-life.Done():
		}
		end()
	})
	err := a.converse(ctx, life)
	if errors.Is(err, ErrReplaced) {
		a.rest(life)
	}
	end()
	<-worked
	return errors.Join(err, failed)
}

// Look has the agent look at the hardware.
func (a *Agent) Look() { a.scanner.request() }

// lastReports is how long the service gets for the last results.
const lastReports = 5 * time.Second

// rest waits for what runs.
func (a *Agent) rest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, a.opt.Grace)
	defer cancel()
	a.executor.Rest(ctx)
}

// finish waits for what runs and for its results to be reported. What is not stays
// in the journal.
func (a *Agent) finish(ctx context.Context) {
	a.rest(ctx)
	limit := time.NewTimer(lastReports)
	defer limit.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for len(a.executor.Reports()) > 0 {
		select {
		case <-look.C:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// listen passes on what the kernel says.
func (a *Agent) listen(ctx context.Context) {
	if a.opt.Events == nil {
		return
	}
	if err := a.opt.Events.Run(ctx, a.scanner.notice); err != nil {
		a.opt.Log.Warn("the kernel's events are not heard; devices that come and go are seen at the next look",
			"error", err, "scan_interval", a.opt.ScanInterval.String())
	}
}

// capabilities are what the drivers carry out.
func capabilities(drivers []devices.Driver) []devices.CommandKind {
	all := []devices.CommandKind{}
	for _, d := range drivers {
		for _, kind := range d.Commands() {
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	slices.Sort(all)
	return all
}
