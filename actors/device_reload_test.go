package actors

import (
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

// wantLost wants a device to be held off because guests miss their image, or wants
// it not to be.
func (w *world) wantLost(host string, want bool) {
	w.t.Helper()
	synctest.Wait()
	d := w.sys.devicesOf(host)[0]
	lost := strings.Contains(strings.Join(d.Health.Reasons(), ";"), "is lost; it is loaded again")
	if (d.Deployables[0].Lost != nil) != want || lost != want || d.Quarantined() != want {
		w.t.Errorf("lost should be %v: %+v, health %+v", want, d.Deployables[0], d.Health)
	}
}

// fetchImage gives the one command that there is, which is to load the image.
func (a *scripted) fetchImage() protocol.Command {
	a.t.Helper()
	c := a.fetch()
	if c.Kind != devices.ProgramFPGA || c.Args.Image == nil || c.Args.Image.String() != image {
		a.t.Fatalf("%+v", c)
	}
	return c
}

// wantNothingToDo wants no command for a while.
func (a *scripted) wantNothingToDo(d time.Duration) {
	a.t.Helper()
	for end := a.sys.now().Add(d); a.sys.now().Before(end); {
		if got := a.poll(0, 10*time.Second); len(got) > 0 {
			a.t.Errorf("there is to do %+v", got)
			return
		}
	}
}

// A guest finds its image again after a start of the host, and nobody gets the card
// meanwhile; also when the service ends in between.
func TestTheImageOfAGuestAfterAStartOfTheHost(t *testing.T) {
	s, log := &shelf{}, &lines{}
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		a.done(a.fetch())
		a.restarted("boot-2")
		first := a.fetchImage()
		w.wantLost("n", true)
		if n := log.count("level=ERROR", "may be gone from their FPGA", id.String()); n != 1 {
			t.Errorf("said %d times", n)
		}
		if n := w.sys.HealthStats(); n.ARQs != 1 {
			t.Errorf("%+v", n)
		}
		_, err := w.bindTo(d, another)
		w.wantCode(err, CodeConflict)
		if p := s.seen(t, d); p.Reserved != 4 {
			t.Errorf("the scheduler sees %+v", p)
		}
		w.crash()
		a.open()
		a.report()
		again := a.fetchImage()
		if again.ID != first.ID {
			t.Error("it is another command")
		}
		a.done(again)
		w.wantLost("n", false)
		w.wantStates("Bound", id)
		if dep := w.deployableOf("n"); dep.BitstreamID.String() != image {
			t.Errorf("%+v", dep)
		}
		a.wantNothingToDo(2 * restorePause)
		w.crash()
		a.open()
		a.wantNothingToDo(2 * restorePause)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	}, withShelf(s), withLog(log))
}

// What cannot be loaded again is tried again, as long as the guest is there.
func TestAnImageThatCannotBeLoadedAgain(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		a.done(a.fetch())
		a.restarted("boot-2")
		a.failed(a.fetchImage(), protocol.ResultError)
		w.wantLost("n", true)
		<-time.After(reloadPause / 2)
		a.beat()
		if got := a.poll(0, time.Second); len(got) > 0 {
			t.Errorf("too soon: %+v", got)
		}
		<-time.After(reloadPause / 2)
		a.beat()
		a.failed(a.fetchImage(), protocol.ResultUnknown)
		w.must(w.unbind(id))
		w.wantUncertain("n", true)
		a.beats(2 * reloadPause)
		a.wantNothingToDo(time.Minute)
		w.program("n", instance)
		a.done(a.fetch())
		w.wantUncertain("n", false)
		w.wantConsistent()
	})
}

// An image that nobody misses any more is not loaded, and holds nobody off.
func TestALostImageThatNobodyMisses(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		a.done(a.fetch())
		a.restarted("boot-2")
		a.failed(a.fetchImage(), protocol.ResultError)
		w.must(w.unbind(id))
		w.wantLost("n", false)
		w.bound(d, another) // as it is
		a.beats(2 * reloadPause)
		a.wantNothingToDo(time.Minute)
		w.wantConsistent()
	})
}

// While something else of its host cannot be made anew, and its host is not in order, an
// image that is loaded again is left alone.
func TestAnImageIsLoadedAgainOnceForAStart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.mdevsOf(1)
		a.open()
		a.report()
		var guests []uuid.UUID
		guests = append(guests, w.program("n", instance))
		guests = append(guests, w.bound(w.wantDevices("n", 2)[1], another))
		w.finishAll(a)
		w.wantStates("Bound", guests...)
		w.setFaults(neverInOrder("boot-2"))
		a.restarted("boot-2")
		loads := 0
		for range 20 {
			for _, c := range a.poll(0, 10*time.Second) {
				if c.Kind == devices.ProgramFPGA {
					loads++
					a.done(c)
				} else {
					a.failed(c, protocol.ResultError)
				}
			}
		}
		w.setFaults(nil)
		if loads != 1 {
			t.Errorf("loaded %d times", loads)
		}
		w.finishAll(a)
		w.wantConsistent()
	})
}

// An FPGA that falls off its bus under its guest has its image again when it is back.
func TestAnImageOfACardThatReturns(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		a.done(a.fetch())
		lost := a.lose(0)
		w.wantLost("n", true)
		a.wantNothingToDo(time.Minute)
		a.content.Devices = slices.Concat(a.content.Devices, []protocol.Device{lost})
		a.report()
		a.done(a.fetchImage())
		w.wantLost("n", false)
		w.wantStates("Bound", id)
		w.wantConsistent()
	})
}

// An image that could not be loaded again is tried again while somebody is about to get
// something of the FPGA as it is, which an operator has found good: it is not loaded under him.
func TestReloadUnderOneWhoIsOnHisWay(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		w.program("n", instance)
		a.done(a.fetch())
		a.restarted("boot-2")
		a.failed(a.fetchImage(), protocol.ResultError)
		failed := time.Now()
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d.UUID, true))
		w.profile("one")
		ids := w.create("one", 1)
		a.beats(20 * time.Second)
		<-time.After(reloadPause - time.Since(failed) - time.Second)
		a.beat()
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindARQ }) {
				return memory.Fault{Delay: 2 * time.Second}
			}
			return memory.Fault{}
		})
		w.must(w.bind(w.to("n", another), ids...))
		w.setFaults(nil)
		synctest.Wait()
		w.wantStates("Bound", ids[0])
		if got := a.poll(0, time.Second); len(got) > 0 {
			t.Errorf("done under a guest who is Bound without the image: %+v; %+v", got, w.deployableOf("n"))
		}
		w.wantConsistent()
	})
}

// Two parts of a card have lost their images, and one of the images cannot be loaded: the
// other one is, once.
func TestOneImageThatCannotBeLoadedHoldsUpTheOther(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		other := "00000000-0000-0000-0000-00000000beef"
		parts := w.wantParts(2)
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		w.profile("other", Request{"resources:FPGA", "1"}, Request{keyBitstream, other})
		for i, p := range []string{"image", "other"} {
			id := w.create(p, 1)[0]
			w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: parts[i].ProviderUUID, InstanceUUID: uuid.New()}, id))
			w.finishAll(a)
			w.wantStates("Bound", id)
		}
		a.restarted("boot-2")
		tried := map[string]int{}
		for range 60 {
			for _, c := range a.poll(0, 10*time.Second) {
				tried[c.Args.Image.String()]++
				if c.Args.Image.String() == image {
					a.failed(c, protocol.ResultError)
				} else {
					a.done(c)
				}
			}
			a.beat()
		}
		if tried[other] != 1 {
			t.Errorf("tried %v", tried)
		}
	})
}
