package actors

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// withParts is an agent with one card of two virtual functions, each a deployable
// with one handle, as a driver of network cards reports it.
func (w *world) withParts(host string) *scripted {
	w.t.Helper()
	a := w.agent(host, 1)
	d := &a.content.Devices[0]
	first := d.Deployables[0]
	first.NumAccelerators = 1
	second := first
	second.Name += "_1"
	first.AttachHandles, second.AttachHandles = first.AttachHandles[:1], first.AttachHandles[1:2]
	d.Deployables = []devices.Deployable{first, second}
	a.open()
	a.report()
	return a
}

// losesPart leaves the second virtual function out of what is reported.
func (a *scripted) losesPart() devices.Deployable {
	d := &a.content.Devices[0]
	lost := d.Deployables[1]
	d.Deployables = slices.Clone(d.Deployables[:1])
	return lost
}

// bindToPart binds a new ARQ to a deployable.
func (w *world) bindToPart(dep *Deployable, i uuid.UUID) (uuid.UUID, error) {
	w.t.Helper()
	return w.bindTo(&Device{Hostname: "n", Deployables: []*Deployable{dep}}, i)
}

func (w *world) wantParts(n int) []*Deployable {
	w.t.Helper()
	synctest.Wait()
	all := w.sys.devicesOf("n")[0].Deployables
	if len(all) != n {
		w.t.Errorf("%d deployables, want %d", len(all), n)
	}
	return all
}

// wantProvider wants the scheduler to have been shown so much of a part; -1:
// that it is gone.
func wantProvider(t *testing.T, s *shelf, id uuid.UUID, total int) {
	t.Helper()
	calls := s.all()
	for _, p := range calls[len(calls)-1].Providers {
		if p.UUID != id {
			continue
		}
		if p.Gone != (total < 0) || !p.Gone && p.Total != total {
			t.Errorf("the scheduler sees %+v, want %d", p, total)
		}
		return
	}
	if total >= 0 {
		t.Errorf("the scheduler is not shown %s", id)
	}
}

// A part of a device that its host does not report any more gives nothing away,
// and goes when a second scan lacks it, too.
func TestAPartOfADeviceGoes(t *testing.T) {
	s := &shelf{}
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		part := w.wantParts(2)[1]
		a.losesPart()
		a.report()
		w.wantParts(2)
		wantProvider(t, s, part.ProviderUUID, 0)
		_, err := w.bindToPart(part, instance)
		if err == nil {
			t.Error("what is not there was given away")
		}
		if a.beat().SendInventory {
			t.Error("a second scan is wanted at once")
		}
		<-time.After(protocol.ScansApart)
		if !a.beat().SendInventory {
			t.Error("no second scan is wanted")
		}
		a.report()
		left := w.wantParts(1)[0]
		wantProvider(t, s, part.ProviderUUID, -1)
		if a.beat().SendInventory {
			t.Error("another scan is wanted")
		}
		w.wantHandles(2, 0, 0) // with that of the built-in device
		w.crash()
		w.wantParts(1)
		if _, err := w.bindToPart(left, another); err != nil {
			t.Error(err)
		}
		w.wantConsistent()
	}, withShelf(s))
}

// A part that somebody has stays until it is given back; one that returns is as
// it was.
func TestAPartOfADeviceGoesUnderItsGuest(t *testing.T) {
	s := &shelf{}
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		part := w.wantParts(2)[1]
		id, err := w.bindToPart(part, instance)
		w.must(err)
		lost := a.losesPart()
		for range 3 {
			a.report()
			<-time.After(protocol.ScansApart)
		}
		w.wantParts(2)
		w.wantStates("Bound", id)
		if a.beat().SendInventory {
			t.Error("another scan is wanted while somebody has it")
		}

		whole := a.content.Devices[0].Deployables
		a.content.Devices[0].Deployables = append(slices.Clone(whole), lost)
		a.report()
		wantProvider(t, s, part.ProviderUUID, 1)
		w.must(w.unbind(id))
		again, err := w.bindToPart(part, another)
		w.must(err)

		a.content.Devices[0].Deployables = whole
		a.report()
		<-time.After(protocol.ScansApart)
		a.report()
		w.must(w.unbind(again))
		w.wantParts(1)
		wantProvider(t, s, part.ProviderUUID, -1)
		w.wantConsistent()
	}, withShelf(s))
}

// Also of a part that somebody has a second scan is wanted: otherwise it would stay
// when it is given back, and nobody would look any more.
func TestAPartOfADeviceIsMissedOnceUnderItsGuest(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		id, err := w.bindToPart(w.wantParts(2)[1], instance)
		w.must(err)
		a.losesPart()
		a.report()
		w.must(w.unbind(id))
		w.wantParts(2)
		<-time.After(protocol.ScansApart)
		if !a.beat().SendInventory {
			t.Error("no second scan is wanted")
		}
		a.report()
		w.wantParts(1)
		w.wantConsistent()
	})
}

// What a session has missed is no proof for the next one.
func TestAPartOfADeviceIsMissedInTwoSessions(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		a.losesPart()
		a.report()
		<-time.After(protocol.ScansApart)
		a.open()
		a.report()
		w.wantParts(2)
		<-time.After(protocol.ScansApart)
		a.report()
		w.wantParts(1)
	})
}

// That nobody knows what is loaded into a card does not go with the part that was to
// be programmed, and ends as ever.
func TestAnUncertainPartGoes(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		part := w.wantParts(2)[1].UUID
		var all sync.WaitGroup
		programs := func(id uuid.UUID) { _, _ = w.sys.ProgramDeployable(w.t.Context(), id, uuid.MustParse(image)) }
		all.Go(func() { programs(part) })
		a.failed(a.fetch(), protocol.ResultUnknown)
		a.losesPart()
		a.report()
		<-time.After(protocol.ScansApart)
		a.report()
		left := w.wantParts(1)[0]
		w.wantUncertain("n", true)
		all.Go(func() { programs(left.UUID) })
		a.failed(a.fetch(), protocol.ResultError) // which changes nothing
		w.wantUncertain("n", true)
		all.Go(func() { programs(left.UUID) })
		a.done(a.fetch())
		w.wantUncertain("n", false)
		all.Wait()
		w.wantConsistent()
	})
}

// A part that is removed while it is reported again has no number yet: the host has
// to report once more.
func TestAPartOfADeviceReturnsWhileItGoes(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		d := w.sys.devicesOf("n")[0]
		found := foundDevice{Device: a.content.Devices[0].Device, driver: fake.Name}
		found.Deployables = append(slices.Clone(found.Deployables), devices.Deployable{Name: "n_FakeDevice_7"})
		p := newPromise[bool]()
		w.must(w.sys.askDevice(d.UUID, &refresh{found: found, promise: p}, "device", d.UUID))
		_, err := p.wait(w.t.Context(), w.sys.callPatience)
		w.wantCode(err, CodeUnavailable)
		w.wantParts(2)
	})
}

// A scan that could not look at everything, or at the neighbourhood, is no proof.
func TestAPartOfADeviceMayBeHidden(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		a.content.Devices[0].Deployables[1].Name = "n_0000:0d:00.1"
		a.open()
		a.report()
		<-time.After(protocol.ScansApart)
		a.report()
		part := w.wantParts(2)[1]
		a.losesPart()
		for _, blind := range []func(){
			func() { a.content.Complete[fake.Name] = false },
			func() {
				a.content.Complete[fake.Name] = true
				a.content.Problems = []protocol.Problem{{Driver: fake.Name, Problem: devices.Problem{Where: "0000:0c:00.1", Kind: devices.ProblemUnreadable}}}
			},
			func() { a.content.Problems[0].Where = "0000:0d:00.1" }, // the part itself, on another bus
		} {
			blind()
			a.report()
			<-time.After(protocol.ScansApart)
			a.report()
			w.wantParts(2)
			id, err := w.bindToPart(part, instance)
			w.must(err)
			w.must(w.remove(id))
		}
	})
}

// The type of a handle may change while nobody has it.
func TestAHandleOfAnotherType(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		handles := a.content.Devices[0].Deployables[0].AttachHandles
		for i := range handles {
			handles[i].Type = handleTypePCI
		}
		a.report()
		typeOf := func(id uuid.UUID) string {
			arq, _ := w.sys.ARQ(id)
			return arq.Binding.Handle.Type
		}
		if got := typeOf(id); got != "TEST_PCI" {
			t.Errorf("the guest's handle has become %s", got)
		}
		second := w.bound(d, another)
		if got := typeOf(second); got != handleTypePCI {
			t.Errorf("the next one is %s", got)
		}
		w.wantConsistent()
	})
}

// A part goes whose guest missed its image, on a day on which the store would not take
// that nobody misses it any more: the device is not held off for it.
func TestAPartGoesWhoseImageIsLost(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.withParts("n")
		part := w.wantParts(2)[1]
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		id := w.create("image", 1)[0]
		w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: part.ProviderUUID, InstanceUUID: instance}, id))
		a.done(a.fetch())
		w.wantStates("Bound", id)
		a.restarted("boot-2")
		a.failed(a.fetchImage(), protocol.ResultError)
		a.losesPart()
		a.report()
		<-time.After(6 * time.Second)
		a.report()
		var once sync.Once
		w.setFaults(func(t persistence.Transition) (f memory.Fault) {
			if noDevices(t) != (memory.Fault{}) {
				once.Do(func() { f = memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable} })
			}
			return f
		})
		w.must(w.unbind(id))
		w.wantParts(1)
		w.wantNotQuarantined(w.wantDevices("n", 1)[0])
		w.wantConsistent()
	})
}
