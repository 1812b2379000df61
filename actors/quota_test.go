package actors

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

func withQuota(q Quota) worldOption { return func(w *world) { w.opts.Quota = q } }

func (w *world) tryCreate(project string) error {
	_, err := w.sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "one", ProjectID: project})
	return err
}

// TestQuotaOfAllARQs: a project gets no more than its share, another one gets
// its own; what is deleted makes room at once.
func TestQuotaOfAllARQs(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 3)
		err := w.tryCreate("demo")
		w.wantCode(err, CodeForbidden)
		if err == nil || !strings.Contains(err.Error(), "max_arqs_per_project exceeded: the project has 3 of 3 and asks for 1 more") {
			t.Errorf("%v", err)
		}
		w.must(w.tryCreate("other"))
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.wantCode(w.tryCreate("demo"), CodeForbidden)
		w.must(w.remove(ids[1]))
		w.must(w.tryCreate("demo"))
		w.wantCode(w.tryCreate("demo"), CodeForbidden)
		w.crash()
		w.wantCode(w.tryCreate("demo"), CodeForbidden)
	}, withQuota(Quota{ARQs: 3}))
}

// TestQuotaOfUnboundARQs: what is bound does not count; an unbind is never
// refused, whatever it makes of the count.
func TestQuotaOfUnboundARQs(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.wantCode(w.tryCreate("demo"), CodeForbidden)
		w.must(w.bind(w.to("h", instance), ids...))
		w.create("one", 2)
		w.must(w.unbind(ids...))
		w.wantCode(w.tryCreate("demo"), CodeForbidden)
		w.wantConsistent()
	}, withQuota(Quota{Unbound: 2}))
}

// TestQuotaUnderConcurrency: of many at once exactly as many are let through as
// there is room for, and a failed one takes none of it.
func TestQuotaUnderConcurrency(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		w.setFaults(func(persistence.Transition) memory.Fault {
			return memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}
		})
		w.wantCode(w.tryCreate("demo"), CodeUnavailable)
		w.setFaults(nil)
		const clients = 40
		errs := make([]error, clients)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() { errs[i] = w.tryCreate("demo") })
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else {
				w.wantCode(err, CodeForbidden)
			}
		}
		if made != 10 || len(errs) != clients {
			t.Errorf("%d creates were let through, want 10", made)
		}
		w.wantCode(w.sys.DeleteProfiles(context.Background(), []string{"one"}), CodeConflict)
	}, withQuota(Quota{ARQs: 10}))
}
