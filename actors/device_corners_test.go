package actors

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// Somebody gets something of an FPGA as it is, in flight when the image is tried again.
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
			t.Errorf("programmed under a guest who is Bound without the image: %+v; %+v", got, w.deployableOf("n"))
		}
		w.wantConsistent()
	})
}

// A device falls off its bus and is back while what its guests have is made anew for the time before.
func TestFallsOnceMoreWhileMadeAnew(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, another)
		w.finishAll(a)
		w.wantStates("Bound", id)
		lost := a.lose(0)
		a.content.Devices = []protocol.Device{lost}
		a.report()
		c := a.fetch() // to be made anew
		lost = a.lose(0)
		a.content.Devices = []protocol.Device{lost}
		a.report()
		synctest.Wait()
		a.done(c) // it may have been made before it fell once more
		var kinds []devices.CommandKind
		for range 60 {
			for _, c := range a.poll(0, 10*time.Second) {
				kinds = append(kinds, c.Kind)
				a.done(c)
			}
			a.beat()
		}
		if !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev}) {
			t.Errorf("done: %v; %+v", kinds, w.sys.devicesOf("n")[0].Anew)
		}
		w.wantConsistent()
	})
}

// Two parts have lost their images; one of the images cannot be loaded.
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

// The start of a host does not come on record at first, and an image is loaded since that start.
func TestLoadedSinceAStartThatIsNotOnRecord(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		w.setFaults(noDevices)
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(nil)
		id := w.program("n", instance)
		a.done(a.fetchImage())
		w.wantStates("Bound", id)
		w.wantLost("n", false)
		a.beats(10 * time.Second)
		a.wantNothingToDo(2 * restorePause)
		w.wantLost("n", false)
	})
}

// A card is missing while its image is loaded again, and is seen to be missing after that.
func TestLoadedWhileMissing(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		lost := a.lose(0)
		synctest.Wait()
		a.done(c)
		again := a.fetchImage()
		a.done(again) // it was there for a moment
		t.Logf("%+v", w.deployableOf("n"))
		<-time.After(6 * time.Second)
		a.report() // and is not any more
		<-time.After(6 * time.Second)
		a.report()
		synctest.Wait()
		t.Logf("%s %+v", w.state(id), w.deployableOf("n"))
		a.content.Devices = []protocol.Device{lost}
		a.report()
		synctest.Wait()
		t.Logf("%s %+v", w.state(id), w.deployableOf("n"))
		if got := a.poll(0, 10*time.Second); len(got) == 0 {
			t.Error("it is not loaded again")
		}
	})
}

// A bind is over before its device comes to it, and its host has had many commands since.
func TestABindThatIsOverLongSince(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.mdevsOf(1)
		a.open()
		a.report()
		var fpga, mdevs *Device
		for _, d := range w.wantDevices("n", 2) {
			if d.ControlPath.Info == a.content.Devices[0].ControlPath.Info {
				fpga = d
			} else {
				mdevs = d
			}
		}
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := w.create("image", 2)
		w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: fpga.Deployables[0].ProviderUUID, InstanceUUID: instance}, ids[0]))
		first := a.fetchImage()
		w.must(w.bind(&BindTo{Hostname: "n", ProviderUUID: fpga.Deployables[0].ProviderUUID, InstanceUUID: another}, ids[1]))
		a.beats(w.sys.opts.BindTimeout + 10*time.Second)
		w.wantStates("BindFailed", ids...)
		finish := func() {
			for range 10 {
				got := slices.DeleteFunc(a.poll(first.N, time.Second), func(c protocol.Command) bool { return c.ID == first.ID })
				if len(got) == 0 {
					return
				}
				for _, c := range got {
					a.done(c)
				}
			}
		}
		for range commandsRemembered/2 + 1 {
			id := w.bound(mdevs, uuid.New())
			finish()
			w.wantStates("Bound", id)
			w.must(w.remove(id))
			synctest.Wait()
			finish()
		}
		a.failed(first, protocol.ResultError)
		for _, c := range a.poll(0, 10*time.Second) {
			t.Errorf("sent for a bind that is over: %s %s, answer: %v", c.Kind, c.ID, a.tryResult(c, protocol.ResultDone, ""))
		}
		synctest.Wait()
		a.beats(time.Minute)
		for _, c := range a.poll(0, 10*time.Second) {
			t.Errorf("sent again: %s %s, answer: %v", c.Kind, c.ID, a.tryResult(c, protocol.ResultDone, ""))
		}
		synctest.Wait()
		t.Logf("%+v", w.wantDevices("n", 2)[0].Deployables[0])
		t.Logf("%+v", w.wantDevices("n", 2)[1].Deployables[0])
		w.wantHandles(9, 0, 0)
		w.wantCommandsOnRecord(0)
	})
}

func (w *world) rewriteDevices(change func(*Device)) {
	w.t.Helper()
	var t persistence.Transition
	w.must(w.store.Each(w.t.Context(), func(r persistence.Record) error {
		if r.Key.Kind != kindDevice {
			return nil
		}
		d := &Device{}
		w.must(decodeJSON(r, d))
		change(d)
		t.Puts = append(t.Puts, persistence.Put{Key: r.Key, Expected: r.Generation, Body: encodeJSON(d), Claims: deviceClaims(d)})
		return nil
	}))
	if got := persistence.Apply(w.t.Context(), w.store, []persistence.Transition{t}); got[0].Outcome != persistence.Won {
		w.t.Fatalf("%+v", got)
	}
	_ = json.Marshal
}

// Older: Loading without Loader.
func TestOldLoadingWithoutLoader(t *testing.T) {
	for _, gone := range []bool{false, true} {
		withAgent(t, func(w *world, a *scripted, d *Device) {
			id := w.program("n", instance)
			c := a.fetch()
			if gone {
				w.must(w.remove(id))
			}
			w.rewriteDevices(func(d *Device) {
				d.Boot, d.Anew = "", false
				for _, dep := range d.Deployables {
					dep.Loader, dep.Outdated = uuid.Nil, false
				}
			})
			w.crash()
			a.open()
			t.Logf("gone %v first: %v", gone, a.tryResult(c, protocol.ResultDone, ""))
			synctest.Wait()
			t.Logf("kinds %v", w.finishAll(a))
			t.Logf("%s %+v %+v", w.state(id), w.deployableOf("n"), w.sys.devicesOf("n")[0].Health)
			w.wantCommandsOnRecord(0)
			w.wantConsistent()
		})
	}
}

// Older: a device is missing, and nothing says that it is to be made anew.
func TestOldMissing(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, another)
		w.finishAll(a)
		w.wantStates("Bound", id)
		lost := a.lose(0)
		synctest.Wait()
		w.rewriteDevices(func(d *Device) { d.Boot, d.Anew = "", false })
		w.crash()
		a.open()
		a.report()
		a.content.Devices = []protocol.Device{lost}
		a.report()
		synctest.Wait()
		if kinds := w.finishAll(a); !slices.Equal(kinds, []devices.CommandKind{devices.CreateMdev}) {
			t.Errorf("done: %v", kinds)
		}
	})
}

// A missing device that cannot leave: never too often, and it leaves in the end.
func TestLeaveLoses(t *testing.T) {
	for _, f := range []memory.Fault{{Effect: memory.Lose}, {Effect: memory.Lose, Err: persistence.ErrUnavailable}} {
		withAgent(t, func(w *world, a *scripted, d *Device) {
			id := w.bound(d, another)
			a.lose(0)
			n := 0
			w.setFaults(func(t persistence.Transition) memory.Fault {
				if slices.ContainsFunc(t.Deletes, func(p persistence.Delete) bool { return p.Key.Kind == kindDevice }) {
					n++
					return f
				}
				return memory.Fault{}
			})
			w.must(w.unbind(id))
			a.beats(10 * time.Minute)
			t.Logf("tried %d times", n)
			w.setFaults(nil)
			a.beats(time.Minute)
			w.wantDevices("n", 0)
		})
	}
}

// All writes of devices lose for a while, in all kinds of moments.
func TestWritesThatLose(t *testing.T) {
	for name, f := range map[string]memory.Fault{"lost": {Effect: memory.Lose}, "unavailable": {Effect: memory.Lose, Err: persistence.ErrUnavailable}} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				n := 0
				bad := func(t persistence.Transition) memory.Fault {
					if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindDevice }) &&
						!slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindARQ }) {
						n++
						return f
					}
					return memory.Fault{}
				}
				id := w.program("n", instance)
				c := a.fetch()
				w.setFaults(bad)
				a.restarted("boot-2")
				a.done(c)
				a.beats(3 * time.Minute)
				t.Logf("%d writes, %s %+v", n, w.state(id), w.deployableOf("n"))
				w.setFaults(nil)
				a.beats(time.Minute)
				w.finishAll(a)
				a.beats(time.Minute)
				w.finishAll(a)
				t.Logf("%s %+v", w.state(id), w.deployableOf("n"))
				w.wantCommandsOnRecord(0)
				w.wantLost("n", false)
				w.wantConsistent()
			})
		})
	}
}

// A bind of two cards: one image is loaded and lost again, and somebody gets that card as it is;
// the service is started again before the other card is ready.
func TestOutdatedLoadUnderAnother(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.open()
		a.report()
		d := w.wantDevices("n", 2)
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := w.create("image", 2)
		w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
			{ARQ: ids[0], Bind: &BindTo{Hostname: "n", ProviderUUID: d[0].Deployables[0].ProviderUUID, InstanceUUID: instance}},
			{ARQ: ids[1], Bind: &BindTo{Hostname: "n", ProviderUUID: d[1].Deployables[0].ProviderUUID, InstanceUUID: instance}},
		}}))
		all := a.poll(0, time.Second)
		for len(all) < 2 {
			all = a.poll(0, time.Second)
		}
		for _, c := range all {
			if c.Device.Info == d[0].ControlPath.Info {
				a.done(c)
			}
		}
		w.wantStates("BindStarted", ids...)
		a.restarted("boot-2")
		synctest.Wait()
		for _, c := range a.poll(0, time.Second) {
			if c.Device.Info == d[0].ControlPath.Info {
				a.failed(c, protocol.ResultError)
			}
		}
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), d[0].UUID, true))
		guest := w.bound(d[0], uuid.New())
		w.wantStates("Bound", guest)
		w.wantStates("BindStarted", ids...)
		w.crash()
		a.open()
		synctest.Wait()
		w.wantStates("Bound", guest)
		for _, c := range a.poll(0, time.Second) {
			if c.Device.Info == d[0].ControlPath.Info {
				t.Errorf("loaded under a guest: %s", c.Kind)
			}
		}
	})
}

// The start of a host does not come on record at first, and an agent says then that it had loaded an image before.
func TestLoadedBeforeAStartThatIsNotOnRecord(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.program("n", instance)
		c := a.fetch()
		w.setFaults(noDevices)
		a.restarted("boot-2")
		synctest.Wait()
		w.setFaults(nil)
		a.done(c)
		<-time.After(10 * time.Second)
		w.wantNotThere(id)
	})
}
