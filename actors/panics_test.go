package actors

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
)

// panicAlarm is a log that says when an actor has panicked: the one whose message it was
// hears of an internal error, and everybody else of nothing.
type panicAlarm struct {
	slog.Handler
	raise func(format string, args ...any)
}

func (a panicAlarm) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError || a.Handler.Enabled(ctx, l)
}

func (a panicAlarm) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == actorPanicked {
		var said []string
		r.Attrs(func(attr slog.Attr) bool {
			said = append(said, attr.String())
			return true
		})
		a.raise("an actor panicked: %s", strings.Join(said, ", "))
	}
	if !a.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return a.Handler.Handle(ctx, r)
}

func (a panicAlarm) WithAttrs(attrs []slog.Attr) slog.Handler {
	return panicAlarm{a.Handler.WithAttrs(attrs), a.raise}
}

func (a panicAlarm) WithGroup(name string) slog.Handler {
	return panicAlarm{a.Handler.WithGroup(name), a.raise}
}

// heedPanics has the options' log raise an alarm.
func (o *Options) heedPanics(raise func(format string, args ...any)) {
	o.fill()
	o.Logger = slog.New(panicAlarm{o.Logger.Handler(), raise})
}

// heard counts the alarms of a test that makes actors panic.
func heard(alarms *atomic.Int32) worldOption {
	return func(w *world) { w.panics = func(string, ...any) { alarms.Add(1) } }
}

// A proposal that makes a device's code panic is answered, and does not take
// the device with it.
func TestAPanicOfADeviceDoesNotWedgeIt(t *testing.T) {
	var alarms atomic.Int32
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		dev := w.sys.Devices()[0]
		nobody := w.sys.engine.spawn(kindServiceActor, &engineDummy{})
		w.sys.devices.tell(dev.UUID, &proposeDevice{
			op: round{pid: nobody}, engine: w.sys.engine,
			wants: []handleWant{{arq: nil, deployable: dev.Deployables[0].UUID, hostname: "h"}}, // panics
		})
		synctest.Wait()
		if n := alarms.Load(); n != 1 {
			t.Errorf("%d panics are heard of", n)
		}
		if err := w.bind(w.to("h", instance), id); err != nil {
			t.Errorf("the device serves nobody any more: %v", err)
		}
	}, heard(&alarms))
}

// A device may go between any two steps of a bind to it.
func TestADeviceGoesWhileABindIsOnTheWayToIt(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.create(w.profile("one").Name, 1)[0]
		arq, _ := w.sys.ARQ(id)
		promise := newPromise[struct{}]()
		to := &BindTo{Hostname: a.host, ProviderUUID: d.Deployables[0].ProviderUUID, InstanceUUID: uuid.New()}
		o := &operation{
			sys: w.sys, purpose: forPatch, promise: promise, attempt: maxAttempts,
			parts: []*part{{id: id, arq: arq, ask: arqAsk{event: evBind, scope: demo, bind: to}}},
		}
		o.members = newMembership(w.sys.dir)
		w.must(o.groupByDevice())
		a.content.Removed = []string{a.without(0).ControlPath.Info}
		a.report()
		w.wantDevices(a.host, 0)
		o.askDevices()
		_, err := promise.wait(context.Background(), newPatience(time.Second))
		w.wantCode(err, CodeNotFound)
	})
}
