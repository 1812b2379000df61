package actors

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// What clients are told has an order: each request is as if it had been done at
// one moment between its call and its answer.

// slowly holds up every write for less than an undecided proposal is waited
// for.
func slowly(persistence.Transition) memory.Fault { return memory.Fault{Delay: 100 * time.Millisecond} }

// A deletion by instance that has to wait for one of its ARQs deletes what the
// instance then has: not what has left it meanwhile, but what came instead.
func TestADeletionByInstanceTakesWhatTheInstanceHas(t *testing.T) {
	for name, comes := range map[string]bool{"an ARQ leaves": false, "an ARQ leaves and another comes": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(w *world) {
				w.profile("one")
				ids := w.create("one", 2)
				w.must(w.bind(w.to("h", instance), ids[0]))
				w.setFaults(slowly)
				p := Patch{Scope: demo, Items: []PatchItem{{ARQ: ids[0]}}}
				want := []string{"Unbound", "Initial"}
				if comes {
					p.Items = append(p.Items, PatchItem{ARQ: ids[1], Bind: w.to("h", instance)})
					want[1] = "gone"
				}
				var wg sync.WaitGroup
				wg.Go(func() { w.must(w.sys.PatchARQs(context.Background(), p)) })
				synctest.Wait()
				wg.Go(func() { w.must(w.removeInstance(instance)) })
				wg.Wait()
				w.wantStates(want[0], ids[0])
				w.wantStates(want[1], ids[1])
				w.wantConsistent()
			})
		})
	}
}

// What a deletion by instance may not see it leaves alone, and ends.
func TestADeletionByInstanceLeavesOtherProjects(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		to := *w.to("h", instance)
		to.ProjectID = "elsewhere"
		w.must(w.sys.PatchARQs(context.Background(), Patch{Scope: admin, Items: []PatchItem{
			{ids[0], &to}, {ids[1], w.to("h", instance)},
		}}))
		for range 2 {
			w.must(w.removeInstance(instance))
			w.wantStates("Bound", ids[0])
			w.wantStates("gone", ids[1])
		}
		w.must(w.removeInstance(uuid.New()))
		w.wantConsistent()
	})
}
