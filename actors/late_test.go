package actors

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// Who was won tells others after readers know it, and between the two it may be
// descheduled. What clients are answered meanwhile is the same as if it had not
// been.

// lateHearing stands in front of an actor and keeps back for a while that something
// was won.
type lateHearing struct {
	sys *System
	to  *actor.PID
	by  time.Duration
}

func (l *lateHearing) receive(_ actor.Context, msg any) {
	late := false
	switch m := msg.(type) {
	case *decided:
		late = m.won
	case *registered:
		late = true
	}
	if late {
		l.sys.after(l.by, func() { l.sys.engine.tell(l.to, msg) })
		return
	}
	l.sys.engine.tell(l.to, msg)
}

// decideLate has the devices hear late of what was won.
func (w *world) decideLate() {
	for _, d := range w.sys.Devices() {
		w.decideLateOn(d.UUID)
	}
}

func (w *world) decideLateOn(dev uuid.UUID) {
	at := w.sys.devices.actors[dev]
	at.address = w.sys.engine.settle(kindServiceActor, &lateHearing{w.sys, at.pid, 20 * time.Millisecond})
	w.sys.devices.actors[dev] = at
}

// A device that readers see is one, also before the registry has heard that it is
// on record.
func TestADeviceThatReadersSeeIsThere(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.sys.registry = w.sys.engine.spawn(kindServiceActor, &lateHearing{w.sys, w.sys.registry, 20 * time.Millisecond})
		var wg sync.WaitGroup
		wg.Go(func() { w.inventory("g", 1) })
		synctest.Wait()
		d := w.sys.devicesOf("g")[0]
		if err := w.sys.SetDeviceEnabled(context.Background(), d.UUID, false); err != nil {
			t.Errorf("a device that is listed: %v", err)
		}
		wg.Wait()
		if now, _ := w.sys.Device(d.UUID); !now.Disabled {
			t.Error("it was not disabled")
		}
		w.wantHandles(2, 0, 0)
		w.wantConsistent()
	})
}

// Of a device that does not come on record nothing is left.
func TestADeviceThatIsNotOnRecordIsNobody(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		found, err := fake.New(fake.Options{Host: "g", DevicesPerHost: 3, HandlesPerDevice: 1}).Discover(w.t.Context())
		w.must(err)
		w.setFaults(noDevices)
		w.wantCode(w.sys.RegisterInventory(context.Background(), "g", found.Devices), CodeUnavailable)
		synctest.Wait()
		if n := w.sys.Stats().ActiveActors["device"]; n != 1 {
			t.Errorf("%d device actors, want that of h", n)
		}
		w.setFaults(nil)
		w.must(w.sys.RegisterInventory(context.Background(), "g", found.Devices))
		w.wantDevices("g", 3)
		w.wantHandles(4, 0, 0)
		if n := w.sys.Stats().ActiveActors["device"]; n != 4 {
			t.Errorf("%d device actors, want 4", n)
		}
	})
}

// firstSlow holds up the first write of a handle.
func (w *world) firstSlow(by time.Duration) {
	slow := true
	w.setFaults(func(p persistence.Transition) memory.Fault {
		if !slow || !slices.ContainsFunc(p.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindHandle }) {
			return memory.Fault{}
		}
		slow = false
		return memory.Fault{Delay: by}
	})
}

// An ARQ is deleted by somebody who learned of its bind before its device did:
// the handle comes back all the same.
func TestADeleteThatOvertakesTheDecisionOfTheBind(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.decideLate()
		w.must(w.bind(w.to("h", instance), id))
		w.must(w.remove(id))
		<-time.After(time.Second)
		w.wantHandles(1, 0, 0)
		w.wantConsistent()
	})
}

// A bind that loses to another is not asked for on and on of a device that has
// not heard of that: it gets the answer that is true.
func TestABindThatLosesIsAnsweredByWhatItLostTo(t *testing.T) {
	const other = "20000000-0000-4000-8000-000000000002"
	plain := []Request{{"resources:FPGA", "1"}}
	with := func(image string) []Request { return append(slices.Clone(plain), Request{keyBitstream, image}) }
	for name, c := range map[string]struct {
		handles       int
		first, second []Request
		slow          time.Duration
		want          Code
	}{
		"the only handle, which is offered again":  {1, plain, plain, 10 * time.Second, CodeNoFreeHandle},
		"an image, where none was wanted":          {2, plain, with(image), 50 * time.Millisecond, CodeConflict},
		"another image":                            {2, with(image), with(other), 50 * time.Millisecond, CodeConflict},
		"no image, where one is loaded":            {2, with(image), plain, 50 * time.Millisecond, CodeConflict},
		"no image, where one is loaded, at length": {2, with(image), plain, 10 * time.Second, CodeConflict},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.handles, func(w *world) {
				w.profile("first", c.first...)
				w.profile("second", c.second...)
				first, second := w.create("first", 1)[0], w.create("second", 1)[0]
				w.decideLate()
				w.firstSlow(c.slow)
				var wg sync.WaitGroup
				wg.Go(func() { w.must(w.bind(w.to("h", instance), first)) })
				synctest.Wait()
				wg.Go(func() { w.wantCode(w.bind(w.to("h", another), second), c.want) })
				wg.Wait()
				<-time.After(10 * time.Second)
				w.wantStates("Bound", first)
				w.wantConsistent()
			})
		})
	}
}

// The same image as that of a bind that its device has not heard of is waited
// for with it.
func TestABindThatLosesSharesTheImageThatItLostTo(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := w.create("image", 2)
		w.decideLate()
		w.firstSlow(50 * time.Millisecond)
		var wg sync.WaitGroup
		for i, id := range ids {
			to := w.to("h", []uuid.UUID{instance, another}[i])
			wg.Go(func() { w.must(w.bind(to, id)) })
			synctest.Wait()
		}
		wg.Wait()
		<-time.After(10 * time.Second)
		w.wantStates("Bound", ids...)
		w.wantConsistent()
	})
}

// What a deployable did until an image was loaded into it is no reason to refuse
// who wants that image.
func TestARefusalDoesNotRestOnWhatWasLoadedBefore(t *testing.T) {
	const function = functionTraits + "_OLD"
	inBubble(t, 0, func(w *world) {
		d := twoRegions(2)
		d.Deployables[0].Attributes = append(d.Deployables[0].Attributes, devices.Attribute{Key: "trait0", Value: function})
		w.must(w.sys.RegisterInventory(w.t.Context(), "two", []devices.Device{d}))
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		w.profile("not-old", Request{"resources:FPGA", "1"}, Request{keyBitstream, image}, Request{"trait:" + function, "forbidden"})
		first, second := w.create("image", 1)[0], w.create("not-old", 1)[0]
		w.wantCode(w.bind(w.toRegion(0, another), second), CodeConflict)
		w.decideLate()
		w.firstSlow(50 * time.Millisecond)
		var wg sync.WaitGroup
		wg.Go(func() { w.must(w.bind(w.toRegion(0, instance), first)) })
		<-time.After(60 * time.Millisecond)
		w.wantStates("BindStarted", first)
		if err := w.bind(w.toRegion(0, another), second); err != nil {
			t.Errorf("refused for what was loaded before: %v", err)
		}
		wg.Wait()
		<-time.After(10 * time.Second)
		w.wantStates("Bound", first, second)
		w.wantConsistent()
	})
}

// An operator does not lose to what the device has not heard of.
func TestAnOperatorDoesNotLoseToWhatIsHeardLate(t *testing.T) {
	for name, change := range map[string]func(w *world) error{
		"disable": func(w *world) error {
			return w.sys.SetDeviceEnabled(context.Background(), w.device().UUID, false)
		},
		"create an attribute": func(w *world) error {
			_, err := w.sys.CreateAttribute(context.Background(), NewAttribute{DeployableID: w.deployableOf("h").ID, Key: "note", Value: "mine"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
				id := w.create("image", 1)[0]
				w.decideLate()
				w.firstSlow(3 * offerPatience)
				var wg sync.WaitGroup
				wg.Go(func() { w.must(w.bind(w.to("h", instance), id)) })
				synctest.Wait()
				wg.Go(func() { w.must(change(w)) })
				wg.Wait()
				<-time.After(10 * time.Second)
				w.wantStates("Bound", id)
				w.wantConsistent()
			})
		})
	}
}
