package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// Two binds of one instance, the first of which is checked and then has to
// wait for its device: the instance takes one of them.
func TestAnInstanceTakesNoSecondBindThatWasCheckedBeforeTheFirst(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.inventory("g", 1)
		w.profile("one")
		ids := w.create("one", 2)
		w.setFaults(slowDevices)
		var wg sync.WaitGroup
		errs := make([]error, 2)
		w.occupy(&wg, "g", 2)
		wg.Go(func() { errs[0] = w.bind(w.to("g", instance), ids[0]) }) // checked, waits for g
		synctest.Wait()
		wg.Go(func() { errs[1] = w.bind(w.to("h", instance), ids[1]) }) // done after one second
		wg.Wait()
		w.must(errs[1])
		w.wantCode(errs[0], CodeConflict)
		if n := len(w.sys.dir.instance(instance).members); n != 1 {
			t.Errorf("the instance has %d ARQs of two requests", n)
		}
		w.wantConsistent()
	})
}

func slowDevices(p persistence.Transition) memory.Fault {
	if len(p.Puts) > 0 && p.Puts[0].Key.Kind == kindDevice {
		return memory.Fault{Delay: time.Second}
	}
	return memory.Fault{}
}

// Two binds that want different images on one deployable, the second proposed
// while the first is undecided: one image, one guest.
func TestTwoUndecidedBindsDoNotLoadTwoImages(t *testing.T) {
	const other = "20000000-0000-4000-8000-000000000002"
	for name, second := range map[string]string{"another image": other, "none": ""} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(w *world) {
				loads := 0
				w.do = func(context.Context, devices.Command) error {
					loads++ // one command at a time
					<-time.After(time.Second)
					return nil
				}
				w.profile("first", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
				if second == "" {
					w.profile("second")
				} else {
					w.profile("second", Request{"resources:FPGA", "1"}, Request{keyBitstream, second})
				}
				a, b := w.create("first", 1)[0], w.create("second", 1)[0]
				w.setFaults(func(p persistence.Transition) memory.Fault {
					if slices.ContainsFunc(p.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindHandle }) {
						return memory.Fault{Delay: 50 * time.Millisecond}
					}
					return memory.Fault{}
				})
				var wg sync.WaitGroup
				errs := make([]error, 2)
				wg.Go(func() { errs[0] = w.bind(w.to("h", instance), a) })
				synctest.Wait()
				wg.Go(func() { errs[1] = w.bind(w.to("h", another), b) })
				wg.Wait()
				w.must(errs[0])
				w.wantCode(errs[1], CodeConflict) // being programmed
				<-time.After(5 * time.Second)
				w.wantStates("Bound", a)
				w.wantStates("Initial", b)
				if loads != 1 {
					t.Errorf("loaded %d times", loads)
				}
				w.wantConsistent()
			})
		})
	}
}

// Those who want the image that is being loaded wait for it with the first.
func TestBindsOfOneImageShareItsLoading(t *testing.T) {
	for name, good := range map[string]bool{"a good image": true, "a bad one": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(w *world) {
				loads := 0
				end := withProgramming(w)
				do := w.do
				w.do = func(ctx context.Context, c devices.Command) error {
					loads++
					return do(ctx, c)
				}
				ids := w.create("program", 3)
				w.must(w.bind(w.to("h", instance), ids[0]))
				w.must(w.bind(w.to("h", another), ids[1]))
				w.must(w.bind(w.to("h", uuid.New()), ids[2]))
				w.wantStates("BindStarted", ids...)
				if good {
					end <- nil
					synctest.Wait()
					w.wantStates("Bound", ids...)
					if loads != 1 {
						t.Errorf("loaded %d times", loads)
					}
				} else {
					for range ids {
						end <- errors.New("bad image")
					}
					synctest.Wait()
					w.wantStates("BindFailed", ids...)
					w.wantHandles(3, 0, 0)
				}
				w.wantConsistent()
			})
		})
	}
}

// twoRegions is a device with two deployables of n handles each.
func twoRegions(n int) devices.Device {
	d := devices.Device{Type: "FPGA", ControlPath: devices.ControlPathID{Type: "PCI", Info: `{"two":1}`}}
	for i := range 2 {
		dep := devices.Deployable{
			Name: fmt.Sprintf("two_%d", i), DriverName: "x", NumAccelerators: n,
			Attributes: []devices.Attribute{{Key: "rc", Value: "FPGA"}},
		}
		for j := range n {
			dep.AttachHandles = append(dep.AttachHandles, devices.AttachHandle{Type: "PCI", Info: fmt.Sprintf(`{"r":%d,"f":%d}`, i, j)})
		}
		d.Deployables = append(d.Deployables, dep)
	}
	return d
}

// twoRegions registers such a device on the host "two".
func (w *world) twoRegions(n int) {
	w.t.Helper()
	w.must(w.sys.RegisterInventory(w.t.Context(), "two", []devices.Device{twoRegions(n)}))
}

// toRegion is a binding to one of its deployables.
func (w *world) toRegion(n int, i uuid.UUID) *BindTo {
	w.t.Helper()
	for _, d := range w.sys.Devices() {
		if d.Hostname == "two" {
			return &BindTo{Hostname: "two", ProviderUUID: d.Deployables[n].ProviderUUID, InstanceUUID: i}
		}
	}
	w.t.Fatal("no device of two deployables")
	return nil
}

// A request that loads images into two deployables of a device keeps others
// off both.
func TestEveryDeployableThatIsBeingProgrammedTakesNoBind(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.twoRegions(2)
		end := withProgramming(w)
		w.profile("one")
		ids := w.create("program", 2)
		third := w.create("one", 1)[0]
		w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
			{ids[0], w.toRegion(0, instance)}, {ids[1], w.toRegion(1, instance)},
		}}))
		w.wantStates("BindStarted", ids...)
		for i := range 2 {
			err := w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{third, w.toRegion(i, another)},
			}})
			w.wantCode(err, CodeConflict)
			if err == nil {
				w.must(w.unbind(third))
			}
		}
		end <- nil
		end <- nil
		synctest.Wait()
		w.wantStates("Bound", ids...)
		w.wantConsistent()
	})
}

// The same handle reported twice is one handle, however often it is reported.
func TestAHandleReportedTwiceIsOne(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		d := twoRegions(1)
		d.Deployables = d.Deployables[:1]
		d.Deployables[0].AttachHandles = append(d.Deployables[0].AttachHandles, d.Deployables[0].AttachHandles[0])
		for range 3 {
			err := w.sys.RegisterInventory(w.t.Context(), "two", []devices.Device{d})
			if err != nil && ErrorCode(err) != CodeInvalid {
				t.Errorf("registering: %v", err)
			}
		}
		synctest.Wait()
		if n := w.sys.Stats().HandlesFree; n > 2 { // one of h, one of two
			t.Errorf("%d free handles, two exist", n)
		}
	})
}

// A profile that got an ARQ while its deletion waited for another profile is
// not deleted.
func TestAProfileThatGetsUsersDuringALongDeletionStays(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		w.profile("two")
		first := true
		w.setFaults(func(p persistence.Transition) memory.Fault {
			if first && len(p.Puts) > 0 && p.Puts[0].Key.Kind == kindARQ {
				first = false
				return memory.Fault{Effect: memory.Lose, Delay: time.Second, Err: fmt.Errorf("bad day: %w", persistence.ErrUnavailable)}
			}
			return memory.Fault{}
		})
		var wg sync.WaitGroup
		var deleted, created error
		wg.Go(func() {
			_, err := w.sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "two", ProjectID: "demo"})
			w.wantCode(err, CodeUnavailable)
		})
		synctest.Wait()
		wg.Go(func() { deleted = w.sys.DeleteProfiles(context.Background(), []string{"one", "two"}) })
		synctest.Wait()
		wg.Go(func() {
			_, created = w.sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "one", ProjectID: "demo"})
		})
		wg.Wait()
		_, there := w.sys.ProfileByName("one")
		if created == nil && !there {
			t.Errorf("the profile is gone (deletion: %v) and has an ARQ", deleted)
		}
	})
}

// A deletion that was withdrawn while a profile still waited for its creates
// is over for that profile too.
func TestAWithdrawnDeletionHoldsNoProfileThatItStillWaitedFor(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		w.profile("two")
		first := true
		w.setFaults(func(p persistence.Transition) memory.Fault {
			if first && len(p.Puts) > 0 && p.Puts[0].Key.Kind == kindARQ {
				first = false
				return memory.Fault{Effect: memory.Lose, Delay: 2 * offerPatience, Err: fmt.Errorf("bad day: %w", persistence.ErrUnavailable)}
			}
			return memory.Fault{}
		})
		create := func(name string) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err := w.sys.CreateARQs(ctx, CreateARQs{ProfileName: name, ProjectID: "demo"})
			return err
		}
		var wg sync.WaitGroup
		wg.Go(func() { w.wantCode(create("two"), CodeUnavailable) })
		synctest.Wait()
		wg.Go(func() {
			w.wantCode(w.sys.DeleteProfiles(context.Background(), []string{"one", "two"}), CodeUnavailable)
		})
		synctest.Wait()
		wg.Go(func() {
			if err := create("one"); err != nil {
				t.Errorf("create on the profile whose create made the deletion give way: %v", err)
			}
		})
		wg.Wait()
		if err := create("two"); err != nil {
			t.Errorf("create on the profile the deletion still waited for: %v", err)
		}
	})
}

// What others wrote over a generation that was never ours is no proof that it
// was ours.
func TestALaterGenerationIsNoProofOfAnUnknownWrite(t *testing.T) {
	s := memory.New(memory.Options{})
	defer s.Close()
	if err := s.Recover(t.Context(), func(persistence.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	key := arqKey(uuid.New())
	for g := range uint64(3) { // somebody else's writes
		persistence.Apply(t.Context(), s, []persistence.Transition{{Puts: []persistence.Put{{Key: key, Expected: g, Body: []byte{1, byte(g)}}}}})
	}
	ours := &persistence.Transition{Puts: []persistence.Put{{Key: key, Expected: 1, Body: []byte("ours, never written")}}}
	if got, err := applied(t.Context(), s, ours); err != nil || got == persistence.Won {
		t.Errorf("%v, %v: a write that never happened counts as won", got, err)
	}
}

// A PATCH that repeats one bind and makes another holds only while the first
// is as it was.
func TestARepeatedBindIsAConditionOfItsPatch(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.inventory("g", 1)
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.setFaults(slowDevices)
		var wg sync.WaitGroup
		w.occupy(&wg, "g", 2)
		var patched, unbound error
		wg.Go(func() {
			patched = w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ids[0], w.to("h", instance)}, {ids[1], w.to("g", another)},
			}})
		})
		synctest.Wait()
		wg.Go(func() { unbound = w.unbind(ids[0]) }) // waits 250 ms for the PATCH, then is done
		wg.Wait()
		w.must(unbound)
		if bound := w.state(ids[0]) == "Bound" && w.state(ids[1]) == "Bound"; patched == nil && !bound {
			t.Errorf("the PATCH was answered with success, its ARQs are %s and %s", w.state(ids[0]), w.state(ids[1]))
		}
		w.wantConsistent()
	})
}

// A proposal that stays undecided (its operation waits for another device, or
// died) keeps an administrator's programming, and all that comes behind it,
// waiting for a short time only.
func TestProgrammingDoesNotWaitForEver(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		a, _ := w.sys.ARQ(id)
		dev := w.sys.Devices()[0]
		silent := w.sys.engine.spawn(kindServiceActor, &engineDummy{})
		w.sys.devices.tell(dev.UUID, &proposeDevice{
			op: round{pid: silent}, engine: w.sys.engine,
			wants: []handleWant{{arq: a, deployable: dev.Deployables[0].UUID, hostname: "h"}},
		})
		synctest.Wait()
		if _, err := w.sys.ProgramDeployable(context.Background(), dev.Deployables[0].UUID, uuid.New()); err != nil {
			t.Errorf("programming: %v", err)
		}
		if err := w.bind(w.to("h", instance), id); err != nil {
			t.Errorf("binding: %v", err)
		}
	})
}

// A handle that its host no longer reports is given to nobody once its holder
// has left it, until the host reports it again.
func TestAHandleThatIsGoneIsNotGivenAgain(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids...))
		w.inventory("h", 1)
		if n := w.recorded(kindHandle); n != 2 {
			t.Errorf("%d handles are on record, and two are held", n)
		}
		w.must(w.unbind(ids...))
		w.wantHandles(1, 0, 0)
		w.wantCode(w.bind(w.to("h", instance), ids...), CodeNoFreeHandle)
		w.must(w.unbind(ids...))
		w.inventory("h", 2)
		w.wantHandles(2, 0, 0)
		w.must(w.bind(w.to("h", instance), ids...))
		w.inventory("h", 1)
		w.inventory("h", 2) // back before its holder left
		w.must(w.unbind(ids...))
		w.wantHandles(2, 0, 0)
		w.wantConsistent()
	})
}

// What a host reports anew about a deployable counts; what an administrator
// added stays.
func TestARefreshTakesOverAttributes(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.must(w.sys.RegisterInventory(w.t.Context(), "two", []devices.Device{twoRegions(1)}))
		_, err := w.sys.CreateAttribute(w.t.Context(), NewAttribute{DeployableID: w.deployableOf("two").ID, Key: "note", Value: "mine"})
		w.must(err)
		report := func(attributes ...devices.Attribute) string {
			d := twoRegions(1)
			d.Deployables[0].Attributes = attributes
			w.must(w.sys.RegisterInventory(w.t.Context(), "two", []devices.Device{d}))
			var got []string
			for _, a := range w.deployableOf("two").Attributes {
				got = append(got, a.Key+"="+a.Value)
			}
			return strings.Join(got, " ")
		}
		rc, trait := devices.Attribute{Key: "rc", Value: "FPGA"}, devices.Attribute{Key: "trait1", Value: "CUSTOM_NEW"}
		if got := report(rc, trait); got != "rc=FPGA note=mine trait1=CUSTOM_NEW" {
			t.Errorf("with a new trait: %s", got)
		}
		before := w.deployableOf("two").Attributes[0].UUID
		if got := report(rc); got != "rc=FPGA note=mine" || w.deployableOf("two").Attributes[0].UUID != before {
			t.Errorf("without it again: %s", got)
		}
	})
}

// Stop while more events wait than there are workers: each delivery that Stop
// ends begets the next, which must not trip over Stop's waiting. Real time.
func TestStopWhileWorkBegetsWork(t *testing.T) {
	for range 100 {
		var begun atomic.Int64
		store := memory.New(memory.Options{})
		sys := New(Options{}, store, nil, NotifierFunc(func(ctx context.Context, events []*Event) []error {
			begun.Add(1)
			<-ctx.Done()
			return slices.Repeat([]error{ctx.Err()}, len(events))
		}))
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var events []*Event
		for range 40 {
			events = append(events, &Event{
				ID: uuid.New(), Instance: uuid.New(), Created: time.Now().UnixMilli(), ARQs: make([]EventARQ, mostTogether), // alone
			})
		}
		sys.queue(events)
		for begun.Load() == 0 {
			runtime.Gosched()
		}
		if err := sys.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		_ = store.Close()
	}
}

// Deletes of an ARQ that arrive as soon as it can be seen to be bound. Real
// time, for the scheduler's sake.
func TestDeletesOnTheHeelsOfBinds(t *testing.T) {
	w := newWorld(t)
	w.start(w.store)
	w.inventory("h", 64)
	w.profile("one")
	for range 100 {
		ids := w.create("one", 32)
		var wg sync.WaitGroup
		wg.Go(func() { w.must(w.bind(w.to("h", instance), ids...)) })
		wg.Go(func() {
			for w.state(ids[0]) != "Bound" {
				runtime.Gosched()
			}
			w.must(w.remove(ids[0]))
		})
		wg.Wait()
		w.must(w.remove(ids[1:]...))
	}
	if st := w.sys.Stats(); st.HandlesFree != 64 {
		t.Errorf("free %d taken %d releasing %d", st.HandlesFree, st.HandlesTaken, st.HandlesReleasing)
	}
	_ = w.sys.Stop(t.Context())
	_ = w.store.Close()
}

// Hardware or a notifier that panics fails what it was asked to do, and
// nothing else.
func TestAPanicOutsideIsContained(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		withProgramming(w)
		w.do = func(context.Context, devices.Command) error { panic("driver bug") }
		calls := 0
		w.tell = func(context.Context, *Event) error {
			if calls++; calls == 1 {
				panic("notifier bug")
			}
			return nil
		}
		id := w.create("program", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		synctest.Wait()
		w.wantStates("BindFailed", id)
		<-time.After(time.Minute)
		if n := len(w.events()); n != 1 {
			t.Errorf("%d events told", n)
		}
		w.wantHandles(1, 0, 0)
	})
}
