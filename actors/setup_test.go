package actors

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a System over a memory store, with hardware that does what the test
// says and a compute service that writes down what it is told.
type world struct {
	t     *testing.T
	sys   *System
	store *memory.Store
	opts  Options
	do    func(ctx context.Context, c devices.Command) error
	tell  func(ctx context.Context, e *Event) error
	take  func(ctx context.Context, events []*Event) []error // a delivery; nil: each by tell, one after the other

	panics func(format string, args ...any) // what hears of an actor's

	mu     sync.Mutex
	told   []*Event
	faults func(persistence.Transition) memory.Fault
}

type worldOption func(*world)

// inBubble runs a test in fake time, with a world of one host "h" that has
// one fake device of n handles.
func inBubble(t *testing.T, n int, body func(w *world), options ...worldOption) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options...)
		w.start(w.store)
		w.inventory("h", n)
		body(w)
		w.stop()
	})
}

func newWorld(t *testing.T, options ...worldOption) *world {
	t.Helper()
	w := &world{t: t, panics: t.Errorf}
	w.do = func(context.Context, devices.Command) error { return nil }
	w.tell = func(context.Context, *Event) error { return nil }
	if testing.Verbose() && os.Getenv("SIM_RUNS") == "" {
		w.opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for _, o := range options {
		o(w)
	}
	w.opts.heedPanics(w.panics)
	w.store = memory.New(memory.Options{Faults: w.fault})
	return w
}

func (w *world) fault(t persistence.Transition) memory.Fault {
	w.mu.Lock()
	f := w.faults
	w.mu.Unlock()
	if f == nil {
		return memory.Fault{}
	}
	return f(t)
}

func (w *world) setFaults(f func(persistence.Transition) memory.Fault) {
	w.mu.Lock()
	w.faults = f
	w.mu.Unlock()
}

func (w *world) start(store *memory.Store) {
	w.t.Helper()
	w.store = store
	w.sys = New(w.opts, store, hardwareFunc(func(ctx context.Context, c devices.Command) error { return w.do(ctx, c) }),
		NotifierFunc(w.notify))
	if err := w.sys.Start(w.t.Context()); err != nil {
		w.t.Fatalf("start: %v", err)
	}
}

type hardwareFunc func(ctx context.Context, c devices.Command) error

func (f hardwareFunc) Do(ctx context.Context, c devices.Command) error { return f(ctx, c) }

func (w *world) notify(ctx context.Context, events []*Event) []error {
	outcomes := w.answers(ctx, events)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range events {
		if outcomes == nil || i < len(outcomes) && outcomes[i] == nil {
			w.told = append(w.told, e)
		}
	}
	return outcomes
}

func (w *world) answers(ctx context.Context, events []*Event) []error {
	if w.take != nil {
		return w.take(ctx, events)
	}
	var outcomes []error
	for _, e := range events {
		outcomes = append(outcomes, w.tell(ctx, e))
	}
	return outcomes
}

// events gives what the compute service took, once everything has come to rest.
func (w *world) events() []*Event {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

func (w *world) stop() {
	w.t.Helper()
	synctest.Wait()
	if err := w.sys.Stop(w.t.Context()); err != nil {
		w.t.Errorf("stop: %v", err)
	}
	if err := w.store.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	w.drainEngine()
}

// drainEngine lets the library's dead-letter throttle, which sleeps for a
// second, come to its end inside the bubble.
func (w *world) drainEngine() { <-time.After(2 * time.Second) }

// crash loses everything but what is durable, and starts again from that.
func (w *world) crash() {
	w.t.Helper()
	w.crashFor(0)
}

// crashFor is crash, and a while until the start.
func (w *world) crashFor(d time.Duration) {
	w.t.Helper()
	next := w.store.Crash()
	w.sys.cancel()
	w.sys.life.set(stopped)
	<-time.After(d)
	w.start(next)
}

func (w *world) inventory(host string, handles int) {
	w.t.Helper()
	found, err := fake.New(fake.Options{Host: host, DevicesPerHost: 1, HandlesPerDevice: handles}).Discover(w.t.Context())
	if err == nil {
		err = w.sys.RegisterInventory(w.t.Context(), host, found.Devices)
	}
	if err != nil {
		w.t.Fatalf("inventory of %s: %v", host, err)
	}
}

func (w *world) deployableOf(host string) *Deployable {
	w.t.Helper()
	for _, d := range w.sys.Devices() {
		if d.Hostname == host {
			return d.Deployables[0]
		}
	}
	w.t.Fatalf("no device on host %s", host)
	return nil
}

func (w *world) profile(name string, requests ...Request) *Profile {
	w.t.Helper()
	if len(requests) == 0 {
		requests = []Request{{"resources:FPGA", "1"}}
	}
	p, err := w.sys.CreateProfile(w.t.Context(), ProfileSpec{Name: name, Groups: [][]Request{requests}})
	if err != nil {
		w.t.Fatalf("profile %s: %v", name, err)
	}
	return p
}

// create makes n ARQs of a profile that asks for one each.
func (w *world) create(profile string, n int) []uuid.UUID {
	w.t.Helper()
	var ids []uuid.UUID
	for range n {
		made, err := w.sys.CreateARQs(w.t.Context(), CreateARQs{ProfileName: profile, ProjectID: "demo"})
		if err != nil {
			w.t.Fatalf("create: %v", err)
		}
		for _, a := range made {
			ids = append(ids, a.UUID)
		}
	}
	return ids
}

var (
	demo     = Scope{ProjectID: "demo"}
	admin    = Scope{ProjectID: "admin", Admin: true}
	instance = uuid.MustParse("10000000-0000-4000-8000-000000000001")
	another  = uuid.MustParse("10000000-0000-4000-8000-000000000002")
)

func (w *world) to(host string, i uuid.UUID) *BindTo {
	return &BindTo{Hostname: host, ProviderUUID: w.deployableOf(host).ProviderUUID, InstanceUUID: i}
}

func (w *world) bind(to *BindTo, ids ...uuid.UUID) error {
	p := Patch{Scope: demo, RequestID: "req-test"}
	for _, id := range ids {
		p.Items = append(p.Items, PatchItem{ARQ: id, Bind: to})
	}
	return w.sys.PatchARQs(context.Background(), p)
}

func (w *world) unbind(ids ...uuid.UUID) error {
	p := Patch{Scope: demo}
	for _, id := range ids {
		p.Items = append(p.Items, PatchItem{ARQ: id})
	}
	return w.sys.PatchARQs(context.Background(), p)
}

func (w *world) remove(ids ...uuid.UUID) error {
	return w.sys.DeleteARQs(context.Background(), DeleteARQs{Scope: demo, ARQs: ids, Service: true})
}

func (w *world) removeInstance(i uuid.UUID) error {
	return w.sys.DeleteARQs(context.Background(), DeleteARQs{Scope: demo, Instance: i, Service: true})
}

func (w *world) state(id uuid.UUID) string {
	a, ok := w.sys.ARQ(id)
	if !ok {
		return "gone"
	}
	return a.State.String()
}

func (w *world) wantStates(want string, ids ...uuid.UUID) {
	w.t.Helper()
	for _, id := range ids {
		if got := w.state(id); got != want {
			w.t.Errorf("ARQ %s is %s, want %s", id, got, want)
		}
	}
}

func (w *world) wantHandles(free, taken, releasing int) {
	w.t.Helper()
	synctest.Wait()
	st := w.sys.Stats()
	if st.HandlesFree != free || st.HandlesTaken != taken || st.HandlesReleasing != releasing {
		w.t.Errorf("handles free, taken, releasing: %d, %d, %d; want %d, %d, %d",
			st.HandlesFree, st.HandlesTaken, st.HandlesReleasing, free, taken, releasing)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("unexpected: %v", err)
	}
}

func (w *world) wantCode(err error, want Code) {
	w.t.Helper()
	if err == nil {
		w.t.Errorf("no error, want code %d", want)
	} else if got := ErrorCode(err); got != want {
		w.t.Errorf("code %d (%v), want %d", got, err, want)
	}
}

// wantOneWinner expects one of several requests to have been granted, and all
// others to have been refused with one code.
func (w *world) wantOneWinner(errs []error, refused Code) {
	w.t.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			w.wantCode(err, refused)
		}
	}
	if won != 1 {
		w.t.Errorf("%d winners: %v", won, errs)
	}
}

// wantConsistent holds the data against the rules, also as it would be restored, and
// the views against the data.
func (w *world) wantConsistent() {
	w.t.Helper()
	synctest.Wait()
	w.wantViews()
}

// wantViews does so when all is at rest.
func (w *world) wantViews() {
	w.t.Helper()
	for _, of := range []Source{w.store, Restored(w.store, time.Now(), func(*ARQ) {}), Accepted(w.store)} {
		report, err := Verify(context.Background(), of)
		w.must(err)
		for _, v := range report.Violations {
			w.t.Errorf("%T: %s", of, v)
		}
	}
	seen := 0
	w.must(w.store.Each(context.Background(), func(r persistence.Record) error {
		if r.Key.Kind == kindARQ {
			seen++
			a, _ := decodeARQ(r)
			if v, ok := w.sys.ARQ(r.Key.ID); !ok || v.stored() != a.State || v.Generation != a.Generation {
				w.t.Errorf("ARQ %s: published %v, stored %v", r.Key.ID, v, a)
			}
		}
		return nil
	}))
	all := 0
	for _, n := range w.sys.Stats().ARQs {
		all += n
	}
	if all != seen {
		w.t.Errorf("%d ARQs are published, %d stored", all, seen)
	}
}
