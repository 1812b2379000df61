package actors

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// wantUncertain wants a device to be held off because nobody knows what is
// loaded into it, or wants it not to be.
func (w *world) wantUncertain(host string, want bool) {
	w.t.Helper()
	synctest.Wait()
	d := w.sys.devicesOf(host)[0]
	dep := d.Deployables[0]
	if dep.Uncertain != want || dep.Loading || want && dep.BitstreamID != uuid.Nil {
		w.t.Errorf("the deployable is %+v, uncertain should be %v", dep, want)
	}
	if d.Maintaining() != want {
		w.t.Errorf("maintaining: %v, health %+v", d.Maintaining(), d.Health)
	}
	reason := ""
	for _, a := range dep.Attributes {
		if a.Key == keyHealthReason {
			reason = a.Value
		}
	}
	if strings.Contains(reason, "what is loaded into "+dep.Name+" is not known") != want {
		w.t.Errorf("the reason is %q", reason)
	}
}

// An FPGA whose programming has ended nobody knows how is given to nobody who
// would take it as it is, whatever is started anew, until an image was loaded.
func TestAnFPGAOfWhichNobodyKnowsWhatIsLoaded(t *testing.T) {
	s := &shelf{}
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		a.failed(a.fetch(), protocol.ResultUnknown)
		w.wantStates("BindFailed", id)
		heldOff := func() {
			t.Helper()
			w.wantUncertain("n", true)
			_, err := w.bindTo(d, uuid.New())
			if w.wantCode(err, CodeConflict); !strings.Contains(err.Error(), "quarantined") {
				t.Error(err)
			}
			if p := s.seen(t, d); p.Reserved != 4 {
				t.Errorf("the scheduler sees %+v", p)
			}
		}
		heldOff()
		if st := w.sys.HealthStats(); st.Quarantines != 1 || st.Devices[Quarantined] != 1 {
			t.Errorf("%+v", st)
		}
		a.says(d, ok, nil)
		a.beats(2 * w.opts.HealthHold)
		a.report()
		heldOff()
		a.open() // the agent was started again
		a.report()
		heldOff()
		w.crash()
		heldOff()
		a.boot = "boot-2"
		a.open()
		a.report()
		heldOff()

		// Whoever has it programmed gets it, and others afterwards.
		w.must(w.remove(id))
		id = w.program("n", instance)
		_, err := w.bindTo(d, another)
		w.wantCode(err, CodeConflict)
		a.done(a.fetch())
		w.wantStates("Bound", id)
		w.wantUncertain("n", false)
		w.wantShown(w.wantDevices("n", 1)[0], Healthy, "")
		if p := s.seen(t, d); p.Reserved != 0 {
			t.Errorf("the scheduler sees %+v", p)
		}
		_, err = w.bindTo(d, another)
		w.must(err)
		w.wantConsistent()
	}, withShelf(s))
}

// A programming that is known to have failed, or never to have begun, leaves the
// device as certain as it was.
func TestAProgrammingThatHasFailed(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		for _, code := range []string{protocol.ResultError, protocol.ResultExpired, protocol.ResultNoDevice} {
			id := w.program("n", instance)
			a.failed(a.fetch(), code)
			w.wantStates("BindFailed", id)
			w.must(w.remove(id))
			w.wantUncertain("n", false)
		}
		w.program("n", instance)
		a.failed(a.fetch(), protocol.ResultUnknown)
		w.wantUncertain("n", true)
		w.program("n", another)
		a.failed(a.fetch(), protocol.ResultError) // no reason to believe in what was before
		w.wantUncertain("n", true)
		w.crash()
		w.wantUncertain("n", true)
	})
}

// An administrator may have the device programmed, or take it as it is.
func TestAnAdministratorAndAnUncertainFPGA(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		program := func(end func(protocol.Command)) error {
			t.Helper()
			answer := make(chan error)
			go func() {
				_, err := w.sys.ProgramDeployable(context.Background(), d.Deployables[0].UUID, uuid.MustParse(image))
				answer <- err
			}()
			synctest.Wait()
			end(a.fetch())
			return <-answer
		}
		unknown := func(c protocol.Command) { a.failed(c, protocol.ResultUnknown) }
		w.wantCode(program(unknown), CodeDeviceFailed)
		w.wantUncertain("n", true)
		w.must(program(a.done))
		w.wantUncertain("n", false)

		w.wantCode(program(unknown), CodeDeviceFailed)
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
		synctest.Wait()
		if now, _ := w.sys.Device(d.UUID); now.Maintaining() || now.Health.Condition != Degraded {
			t.Errorf("after the quarantine was lifted: %+v", now.Health)
		}
		id := w.bound(d, instance)
		w.must(w.unbind(id))
		w.wantCode(program(unknown), CodeDeviceFailed) // what was accepted was another one
		w.wantUncertain("n", true)
	})
}

// The service ends while an image is loaded: by an agent, which says later what
// has become of it; and on a host without one, where nobody can.
func TestTheServiceEndsWhileAnImageIsLoaded(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		w.do = func(ctx context.Context, _ devices.Command) error { <-ctx.Done(); return ctx.Err() }
		w.program("n", instance)
		w.program("h", another)
		c := a.fetch()
		synctest.Wait()
		w.crash()
		w.wantUncertain("h", true)
		a.open()
		a.failed(c, protocol.ResultUnknown)
		w.wantUncertain("n", true)
		w.do = func(context.Context, devices.Command) error { return nil }
		id := w.program("h", uuid.New())
		w.wantUncertain("h", false)
		w.wantStates("Bound", id)
		w.wantUncertain("n", true)
	})
}

// The service ends when the agent has said that a programming ended nobody knows how,
// and before that is on record. The device is uncertain all the same when another
// bind, which had joined, is begun for and fails.
func TestAnUnknownEndIsNotThatOfWhoCameNext(t *testing.T) {
	for name, begin := range map[string]func(*world, *Device) (leave func()){
		"of a bind that was undone": func(w *world, _ *Device) func() {
			id := w.program("n", instance)
			return func() { w.must(w.remove(id)) }
		},
		"of an administrator": func(w *world, d *Device) func() { return w.orders(d, image) },
	} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				leave := begin(w, d)
				c := a.fetch()
				next := w.program("n", another)
				leave()
				w.setFaults(noDevices)
				w.must(a.tryResult(c, protocol.ResultFailed, protocol.ResultUnknown))
				synctest.Wait()
				w.crashOnABadDay()
				a.open()
				a.failed(a.fetch(), protocol.ResultError)
				w.wantStates("BindFailed", next)
				w.wantUncertain("n", true)
			})
		})
	}
}

// A reason is what is kept of it, however long the name of the deployable is: what
// is lost anew is none of what was accepted.
func TestTheReasonOfALongName(t *testing.T) {
	dep := &Deployable{Name: strings.Repeat("n", 250), Uncertain: true}
	d := &Device{Deployables: []*Deployable{dep}}
	d.judgeLoads(true, dep)
	d.Health = d.Health.accept(1)
	if d.Quarantined() {
		t.Error("it is not accepted")
	}
	if d.judgeLoads(true, dep); !d.Quarantined() {
		t.Errorf("what is lost anew is accepted: %+v", d.Health)
	}
}

// noDevices is the store's day on which no record of a device can be written.
func noDevices(t persistence.Transition) memory.Fault {
	if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindDevice }) {
		return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
	}
	return memory.Fault{}
}

// crashOnABadDay crashes, and the store's next day is a good one from its first moment.
func (w *world) crashOnABadDay() {
	w.t.Helper()
	w.setFaults(nil)
	w.crash()
}

// orders has a device programmed and does not wait for the end, until it is told
// to give up.
func (w *world) orders(d *Device, image string) (giveUp func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = w.sys.ProgramDeployable(ctx, d.Deployables[0].UUID, uuid.MustParse(image))
	}()
	synctest.Wait()
	return cancel
}

// What the agent has said of a programming for nobody is not lost with the
// service that has it on disk and has drawn no conclusion.
func TestAnUnknownEndOnABadDay(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		defer w.orders(d, image)()
		c := a.fetch()
		w.setFaults(noDevices)
		w.must(a.tryResult(c, protocol.ResultFailed, protocol.ResultUnknown))
		synctest.Wait()
		w.crashOnABadDay()
		w.wantUncertain("n", true)

		// And it gets on record when the store's day gets better.
		a.open()
		defer w.orders(d, otherImage)()
		a.done(a.fetch())
		w.wantUncertain("n", false)
		w.program("n", instance)
		c = a.fetch()
		w.setFaults(noDevices)
		w.must(a.tryResult(c, protocol.ResultFailed, protocol.ResultUnknown))
		<-time.After(2 * healthRetry)
		w.setFaults(nil)
		<-time.After(2 * healthRetry)
		w.wantUncertain("n", true)
	})
}

// What the agent has said of a programming whose bind nobody waits for is not lost
// either, though the service ended before it was on record with the device: no device
// is held off for that.
func TestAKnownEndOnABadDay(t *testing.T) {
	for name, begin := range map[string]func(w *world, d *Device) (over func()){
		"an administrator's": func(w *world, d *Device) func() { return w.orders(d, image) },
		"of a bind that is over": func(w *world, _ *Device) func() {
			id := w.program("n", instance)
			return func() { w.must(w.remove(id)) }
		},
	} {
		for state, code := range map[protocol.ResultState]string{protocol.ResultDone: "", protocol.ResultFailed: protocol.ResultError} {
			t.Run(name+" "+string(state), func(t *testing.T) {
				inBubble(t, 1, func(w *world) {
					a := w.joined("n", 1)
					over := begin(w, w.wantDevices("n", 1)[0])
					c := a.fetch()
					over()
					synctest.Wait()
					w.setFaults(noDevices)
					w.must(a.tryResult(c, state, code))
					synctest.Wait()
					w.wantCommandsOnRecord(1)
					w.crashOnABadDay()
					w.wantUncertain("n", false)
					if loaded := w.deployableOf("n").BitstreamID.String() == image; loaded != (state == protocol.ResultDone) {
						t.Errorf("it is loaded: %v", loaded)
					}
					a.open()
					w.must(a.tryResult(c, state, code)) // which the agent may say again
					w.wantCommandsOnRecord(0)
					w.crash()
					w.wantUncertain("n", false)
					w.wantConsistent()
				})
			})
		}
	}
}
