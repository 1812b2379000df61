package actors

import (
	"testing"

	"github.com/google/uuid"
)

// An index that keeps what is gone costs memory for ever, and counts it.
func TestWhatIsDeletedLeavesEveryIndex(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 3)
		w.must(w.bind(w.to("h", instance), ids[:2]...))
		w.must(w.unbind(ids[1]))
		x := &w.sys.dir.indexes
		if n := x.hosts["h"].Len(); n != 1 {
			t.Errorf("%d ARQs in the index of the host, one is bound there", n)
		}
		w.must(w.remove(ids...))
		if n := x.all.Len(); n != 0 {
			t.Errorf("%d ARQs in the index of all", n)
		}
		for state, index := range x.states {
			if n := index.Len(); n != 0 {
				t.Errorf("%d ARQs in the index of %s", n, State(state))
			}
		}
		if n := len(x.projects) + len(x.unbound) + len(x.profiles) + len(x.hosts) + len(x.providers); n != 0 {
			t.Errorf("left over: %+v", x)
		}
	})
}

// Batches may be published in another order than that in which they became
// durable: the newest view of an ARQ stays.
func TestAViewNeverGoesBack(t *testing.T) {
	d := newDirectory()
	first := &ARQ{UUID: uuid.New(), Generation: 1, Group: &Group{}}
	second, third := *first, *first
	second.Generation, second.State = 2, Unbound
	third.Generation, third.State = 3, Bound
	for _, c := range []change[ARQ]{{nil, first}, {&second, &third}, {first, &second}} {
		d.publish(&batch{arqs: []change[ARQ]{c}})
	}
	if got, _ := d.arq(first.UUID); got != &third {
		t.Errorf("shown is generation %d, want 3", got.Generation)
	}
	if d.indexes.states[Bound].Len() != 1 || d.indexes.states[Unbound].Len() != 0 {
		t.Error("the index of states went back")
	}
}
