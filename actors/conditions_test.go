package actors

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// What a batch rests on is a condition of it: a proposal that somebody overtakes
// after offerPatience, while its operation waits for another device, is gathered
// again.

// occupy keeps the device of a host busy with n changes of its own, for so many
// seconds at least once devices are slow.
func (w *world) occupy(wg *sync.WaitGroup, host string, n int) {
	w.t.Helper()
	id := w.deployableOf(host).ID
	for range n {
		wg.Go(func() {
			_, err := w.sys.CreateAttribute(context.Background(), NewAttribute{DeployableID: id, Key: "k", Value: "v"})
			w.must(err)
		})
	}
	synctest.Wait()
}

// An unbind of what was not bound yet, overtaken by a bind, gives back what that
// has taken.
func TestAnARQIsWrittenAsItWasProposed(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.inventory("g", 1)
		w.profile("one")
		ids := w.create("one", 2)
		w.setFaults(slowDevices)
		var wg sync.WaitGroup
		w.occupy(&wg, "g", 2)
		wg.Go(func() {
			w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ARQ: ids[0]}, {ids[1], w.to("g", instance)},
			}}))
		})
		synctest.Wait()
		w.must(w.bind(w.to("h", another), ids[0]))
		wg.Wait()
		w.wantStates("Unbound", ids[0])
		w.wantStates("Bound", ids[1])
		w.wantHandles(1, 1, 0)
		w.wantConsistent()
	})
}

// An image is not loaded under a guest whose bind was undecided when the load
// was proposed, and written before it.
func TestNoImageIsLoadedUnderABindThatWasUndecided(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.inventory("g", 1)
		w.inventory("k", 1)
		w.profile("one")
		w.profile("program", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := append(w.create("one", 3), w.create("program", 1)...)
		w.setFaults(slowDevices)
		var wg sync.WaitGroup
		var loaded error
		w.occupy(&wg, "g", 1)
		w.occupy(&wg, "k", 2)
		wg.Go(func() {
			w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ids[0], w.to("h", instance)}, {ids[1], w.to("g", instance)},
			}}))
		})
		synctest.Wait()
		wg.Go(func() {
			loaded = w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ids[3], w.to("h", another)}, {ids[2], w.to("k", another)},
			}})
		})
		wg.Wait()
		w.wantCode(loaded, CodeConflict)
		w.wantStates("Bound", ids[:2]...)
		w.wantStates("Initial", ids[2:]...)
		w.wantConsistent()
	})
}

// A bind that found no free handle, and has to wait before that is written, gets
// the one that was given back meanwhile.
func TestNoFreeHandleIsTrueWhenItsPatchHadToWait(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.inventory("g", 1)
		w.profile("one")
		ids := w.create("one", 3)
		w.must(w.bind(w.to("h", uuid.New()), ids[0]))
		w.setFaults(slowDevices)
		var wg sync.WaitGroup
		w.occupy(&wg, "g", 2)
		wg.Go(func() {
			w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: demo, Items: []PatchItem{
				{ids[1], w.to("h", instance)}, {ids[2], w.to("g", instance)},
			}}))
		})
		synctest.Wait()
		w.must(w.unbind(ids[0]))
		wg.Wait()
		w.wantStates("Bound", ids[1:]...)
		w.wantConsistent()
	})
}

// A deletion whose operation has died is over for its profile, and may still be
// written: nothing is made behind it.
func TestNothingIsMadeBehindTheDeletionOfItsProfile(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		p := w.profile("one")
		died := w.sys.engine.spawn(kindServiceActor, &engineDummy{})
		w.sys.profiles.tell(p.UUID, &proposeDeletion{op: round{pid: died}, engine: w.sys.engine})
		w.setFaults(slowly)
		b := relief()
		b.deleteProfile(p)
		w.sys.submit(b, func(persistence.Result) {})
		w.sys.profiles.tell(p.UUID, &decided{op: round{pid: died}})
		_, err := w.sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "one", ProjectID: "demo"})
		w.wantCode(err, CodeNotFound)
		w.wantConsistent()
	})
}
