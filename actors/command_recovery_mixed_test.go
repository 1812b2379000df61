package actors

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// A bind that is prepared on a host with an agent and by hardware of this process, too,
// does not go on after a restart: of the second part there is no command on record.
func TestABindThatIsPartlyOnRecordFailsAtARestart(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		works := make(chan struct{})
		w.do = func(ctx context.Context, _ devices.Command) error {
			select {
			case <-works:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := w.create("image", 2)
		w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
			{ARQ: ids[0], Bind: w.to("n", instance)}, {ARQ: ids[1], Bind: w.to("h", instance)},
		}}))
		w.wantStates("BindStarted", ids...)
		w.crash()
		close(works)
		a.open()
		a.report()
		w.finishAll(a)
		synctest.Wait()
		for _, id := range ids {
			if now, _ := w.sys.ARQ(id); now.State == Bound && w.deployableOf(now.Binding.Hostname).BitstreamID != uuid.MustParse(image) {
				t.Errorf("%s is Bound on %s, which has not the image that it wants", id, now.Binding.Hostname)
			}
		}
		w.wantStates("BindFailed", ids...)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}

// As long as the store does not take that such a bind has failed, nothing more is begun for it.
func TestWhatWasNotBegunOfABindThatFailsIsNotBegun(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, _ *Device) {
		w.do = func(ctx context.Context, _ devices.Command) error {
			<-ctx.Done()
			return ctx.Err()
		}
		w.profile("vgpu")
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		ids := append(w.create("vgpu", 2), w.create("image", 1)...)
		w.must(w.sys.PatchARQs(w.t.Context(), Patch{Scope: demo, Items: []PatchItem{
			{ARQ: ids[0], Bind: w.to("n", instance)}, {ARQ: ids[1], Bind: w.to("n", instance)}, {ARQ: ids[2], Bind: w.to("h", instance)},
		}}))
		begun := a.fetch()
		w.setFaults(func(t persistence.Transition) memory.Fault {
			if slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindARQ }) {
				return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
			}
			return memory.Fault{}
		})
		w.crash()
		a.open()
		a.report()
		a.done(begun)
		if kinds := w.finishAll(a); len(kinds) > 0 {
			t.Errorf("begun: %v", kinds)
		}
		w.wantStates("BindStarted", ids...)
		w.setFaults(nil)
		<-time.After(2 * settlePause)
		w.wantStates("BindFailed", ids...)
		w.finishAll(a)
		w.wantCommandsOnRecord(0)
		w.wantConsistent()
	})
}
