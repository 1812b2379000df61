package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
)

// Options are the settings of a System. The zero value of a field stands for
// its default.
type Options struct {
	Logger         *slog.Logger
	HostCheck      HostCheck
	BindTimeout    time.Duration // how long the preparation of a bind may take; 60 s
	CallTimeout    time.Duration // how long a caller waits for an outcome; 60 s
	EventDeadline  time.Duration // how long an event is tried; 300 s
	Deliveries     int           // calls of the Notifier at a time; 16
	HoldFailed     bool          // show a bind that fails after its 202 as BindStarted while its event is sent
	IdleAfter      time.Duration // when the idle actor of a profile or a project leaves; 60 s
	Quota          Quota         // of each project; none
	MaxProfileARQs int           // ARQs that one profile may ask for; 256

	Images            devices.Images // where images are looked up; nil: nowhere
	Inventory         Inventory      // where devices are shown to the scheduler; nil: nowhere
	InventoryInterval time.Duration  // between two looks at a device there, about; 10 min

	LocalHosts    []string      // that Hardware is there for; they have no agent
	Lease         time.Duration // of an agent's session; 30 s
	HostDeadAfter time.Duration // how long a host without a lease is only stale; 5 min
	// NovaMakesMdevs leaves mediated devices to Nova, which has what it needs in
	// the handle: its uuid and, in its info, the type.
	NovaMakesMdevs bool
	HealthHold     time.Duration // how long a device has to be well to leave its quarantine; 5 min

	jitter func(time.Duration) time.Duration // less than that, by chance; of tests
}

func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.jitter == nil {
		o.jitter = rand.N[time.Duration]
	}
	setDefault(&o.BindTimeout, 60*time.Second)
	setDefault(&o.CallTimeout, 60*time.Second)
	setDefault(&o.EventDeadline, 300*time.Second)
	setDefault(&o.Deliveries, 16)
	setDefault(&o.IdleAfter, 60*time.Second)
	setDefault(&o.MaxProfileARQs, 256)
	setDefault(&o.InventoryInterval, 10*time.Minute)
	setDefault(&o.Lease, protocol.Lease)
	setDefault(&o.HostDeadAfter, 5*time.Minute)
	setDefault(&o.HealthHold, 5*time.Minute)
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// System is the service behind the REST face: the actors, what they publish,
// and the calls that become messages to them.
type System struct {
	opts     Options
	log      *slog.Logger
	store    persistence.Store
	hardware Hardware
	notifier Notifier
	engine   *engine
	dir      *directory
	arqs     *pidTable
	profiles *pidTable
	projects *pidTable
	devices  *deviceBook
	hosts    *hostBook
	registry *actor.PID
	outbox   *actor.PID
	// reconciler is there only with an Inventory.
	reconciler *actor.PID
	supplies   supplyStats
	health     healthCounts
	// waitingRoom is there only after a restore; awaited hosts are its own.
	waitingRoom *actor.PID
	awaited     atomic.Int64
	events      outboxStats

	callPatience   *patience
	settlePatience *patience

	order  atomic.Int64
	rounds atomic.Uint64

	life     lifeCycle
	stopping context.Context //nolint:containedctx // it is the life of the workers, not of a request
	cancel   context.CancelFunc
	workers  workers
}

// New makes a System that serves nothing yet: Start does.
func New(opts Options, store persistence.Store, hardware Hardware, notifier Notifier) *System {
	opts.fill()
	s := &System{
		opts: opts, log: opts.Logger, store: store, hardware: hardware, notifier: notifier,
		dir:            newDirectory(),
		callPatience:   newPatience(opts.CallTimeout),
		settlePatience: newPatience(opts.BindTimeout),
	}
	s.engine = newEngine(opts.Logger)
	s.arqs = newPIDTable(s.engine, kindARQActor, s.activateARQ)
	s.profiles = newPIDTable(s.engine, kindProfileActor, s.activateProfile)
	s.projects = newPIDTable(s.engine, kindProjectActor, s.activateProject)
	s.devices = newDeviceBook(s.engine)
	s.hosts = newHostBook(s.engine)
	s.stopping, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *System) now() time.Time { return time.Now() }

func (s *System) unix() int64 { return s.now().Unix() }

// nextOrder gives a number above all before it, also across restarts: things
// made in this order sort by it.
func (s *System) nextOrder() int {
	for {
		last := s.order.Load()
		next := max(s.now().UnixMicro(), last+1)
		if s.order.CompareAndSwap(last, next) {
			return int(next)
		}
	}
}

// submit hands a batch to the store. Once it is durable, it is published, and
// only then does anybody hear of it. then runs on the store's completer.
func (s *System) submit(b *batch, then func(persistence.Result)) { s.write(b, writeTries, then) }

// writeTries is how often a batch is handed to the store of which it cannot say
// what became of it.
const writeTries = 5

func (s *System) write(b *batch, tries int, then func(persistence.Result)) {
	s.store.Submit(b.t, func(r persistence.Result) {
		if r.Outcome == persistence.Unknown {
			s.work(func(ctx context.Context) { s.find(ctx, b, r, tries, then) })
			return
		}
		s.complete(b, r, then)
	})
}

func (s *System) complete(b *batch, r persistence.Result, then func(persistence.Result)) {
	if r.Outcome == persistence.Won {
		if freed := s.dir.publish(b); freed != nil {
			s.engine.tell(s.outbox, holdsEnded{freed})
		}
		if len(b.events) > 0 {
			s.queue(b.events)
		}
		s.supplyChanged(b)
	}
	then(r)
}

// findPause is how long an unknown outcome waits for the next look.
const findPause = 100 * time.Millisecond

// find looks for the outcome of a batch that the store could not tell. When
// nothing came of it, that is no sign that a condition failed: it is written again.
func (s *System) find(ctx context.Context, b *batch, r persistence.Result, tries int, then func(persistence.Result)) {
	r = s.lookUp(ctx, b, r)
	switch {
	case r.Outcome != persistence.Lost:
		s.complete(b, r, then)
	case tries > 1:
		s.write(b, tries-1, then)
	default:
		r.Err = fmt.Errorf("%w: %d writes were forgotten", persistence.ErrUnavailable, writeTries)
		s.complete(b, r, then)
	}
}

// lookUp says that a batch was won when every record is as it would have left it.
func (s *System) lookUp(ctx context.Context, b *batch, r persistence.Result) persistence.Result {
	for {
		outcome, err := applied(ctx, s.store, &b.t)
		switch {
		case err == nil:
			return persistence.Result{Outcome: outcome}
		case errors.Is(err, persistence.ErrFailed): // nobody knows before a restart
			return r
		}
		s.log.Warn("the outcome of a write is unknown and cannot be looked up yet", "error", err)
		select {
		case <-ctx.Done():
			return r
		case <-time.After(findPause):
		}
	}
}

// storeError turns the store's verdict into an answer; nil: won.
func storeError(r persistence.Result) error {
	switch {
	case r.Outcome == persistence.Won:
		return nil
	case r.Outcome == persistence.Unknown:
		return failure(CodeTimeout, r.Err, "the outcome of the change is not known")
	case r.Err == nil:
		return Refuse(CodeConflict, "changed by another request meanwhile; try again")
	case errors.Is(r.Err, persistence.ErrUnavailable):
		return failure(CodeUnavailable, r.Err, "the store takes no changes at present")
	case errors.Is(r.Err, persistence.ErrTooLarge):
		return failure(CodeInvalid, r.Err, "the change is too large to be made at once; ask for less at a time")
	default:
		return failure(CodeInternal, r.Err, "the store refused the change")
	}
}

// work runs fn off every mailbox; Stop ends its context and waits for it.
func (s *System) work(fn func(ctx context.Context)) {
	s.workers.add()
	s.engine.runners.run(func() {
		defer s.workers.end()
		fn(s.stopping)
	})
}

// after calls fn after a time, unless stop is called or the service stops.
func (s *System) after(d time.Duration, fn func()) (stop func()) {
	t := time.AfterFunc(d, func() {
		if s.stopping.Err() == nil {
			fn()
		}
	})
	return func() { t.Stop() }
}

// operate starts an operation, which comes as far as it gets without anybody's
// waiting on the goroutine of the caller.
func (s *System) operate(o temporary) {
	if a, idle := s.engine.embody(kindOperationActor, o, begin{}); idle {
		s.engine.visit(a.box)
	}
}

// sweep sends idle actors to rest, until the service stops.
func (s *System) sweep(ctx context.Context) {
	tick := time.NewTicker(s.opts.IdleAfter / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			before := s.now().Add(-s.opts.IdleAfter)
			s.arqs.sweep(before)
			s.profiles.sweep(before)
			s.projects.sweep(before)
		}
	}
}
