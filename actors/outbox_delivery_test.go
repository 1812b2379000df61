package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence/memory"
)

var errAway = errors.New("away")

// deliveries writes down what a compute service is brought at a time. Each delivery
// takes it so long, and is answered as the test says.
type deliveries struct {
	takes  time.Duration
	answer func(events []*Event) []error // nil: all are taken

	mu     sync.Mutex
	all    [][]*Event
	atOnce int
	most   int // of those at once
}

func (d *deliveries) take(ctx context.Context, events []*Event) []error {
	d.mu.Lock()
	d.all = append(d.all, events)
	d.atOnce++
	d.most = max(d.most, d.atOnce)
	takes := d.takes
	d.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.atOnce--
	switch {
	case ctx.Err() != nil:
		return slices.Repeat([]error{ctx.Err()}, len(events))
	case d.answer == nil:
		return nil
	}
	return d.answer(events)
}

// change has what comes from now on treated otherwise.
func (d *deliveries) change(how func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how()
}

// begun gives the deliveries, once everything has come to rest.
func (d *deliveries) begun() [][]*Event {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

// sizes are those of deliveries, the largest first.
func sizes(of [][]*Event) (n []int) {
	for _, events := range of {
		n = append(n, len(events))
	}
	slices.Sort(n)
	slices.Reverse(n)
	return n
}

// afterAway has events of so many instances wait for a compute service, which is
// back all at once. So many deliveries are made at a time.
func afterAway(t *testing.T, instances, atATime int, back *deliveries, body func(w *world)) {
	t.Helper()
	inBubble(t, instances, func(w *world) {
		w.tell = func(context.Context, *Event) error { return errAway }
		w.boundInstances(instances)
		synctest.Wait()
		w.take = back.take
		w.crash()
		body(w)
	}, func(w *world) { w.opts.Deliveries = atATime })
}

// As long as there is a worker for each who is ready, nobody waits for another.
func TestEventsGoOutInParallelFirst(t *testing.T) {
	d := &deliveries{takes: time.Second}
	afterAway(t, 16, 16, d, func(*world) {
		if got := sizes(d.begun()); !slices.Equal(got, slices.Repeat([]int{1}, 16)) {
			t.Errorf("deliveries of %v", got)
		}
		if d.most != 16 {
			t.Errorf("%d at a time", d.most)
		}
	})
}

// When there are more than workers, each takes its share.
func TestEventsShareDeliveriesWhenThereAreMany(t *testing.T) {
	d := &deliveries{takes: time.Second}
	afterAway(t, 40, 16, d, func(w *world) {
		if got, want := sizes(d.begun()), append(slices.Repeat([]int{3}, 13), 1); !slices.Equal(got, want) {
			t.Errorf("deliveries of %v, want %v", got, want)
		}
		<-time.After(time.Minute)
		if st := w.sys.Stats(); st.EventsDelivered != 40 || st.OutboxDepth != 0 || w.recorded(kindEvent) != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Who becomes free first takes his share too, and not all that wait: the others
// will be free soon.
func TestAFreeWorkerLeavesTheOthersTheirShare(t *testing.T) {
	inBubble(t, 4+12, func(w *world) {
		d := &deliveries{takes: time.Hour}
		w.take = d.take
		w.boundInstances(4)
		d.begun()
		d.change(func() { d.takes = time.Second })
		w.sys.queue(unrecorded(12))
		if n := len(d.begun()); n != 4 {
			t.Fatalf("%d deliveries of 4 workers", n)
		}
		w.sys.engine.tell(w.sys.outbox, &delivered{}) // as if one had become free
		if all := d.begun(); len(all) != 5 || len(all[4]) != 3 {
			t.Errorf("of 12 that wait for 4 workers, the first to be free takes %v", sizes(all[4:]))
		}
		w.sys.cancel()
	}, func(w *world) { w.opts.Deliveries, w.opts.EventDeadline = 4, 2*time.Hour })
}

// unrecorded are events of so many instances, of which there are no records.
func unrecorded(n int) (events []*Event) {
	for range n {
		events = append(events, &Event{
			ID: uuid.Must(uuid.NewV7()), Instance: uuid.New(), Created: time.Now().UnixMilli(), ARQs: []EventARQ{{uuid.New(), true}},
		})
	}
	return events
}

// A delivery tells of 32 ARQs at most. An event that has more goes by itself.
func TestADeliveryIsBounded(t *testing.T) {
	d := &deliveries{}
	afterAway(t, 70, 1, d, func(*world) {
		if got := sizes(d.begun()); !slices.Equal(got, []int{32, 32, 6}) {
			t.Errorf("deliveries of %v", got)
		}
	})
	inBubble(t, 105, func(w *world) {
		w.tell = func(context.Context, *Event) error { return errAway }
		w.profile("one")
		for i, arqs := range []int{20, 12, 1, 40, 32} {
			w.must(w.bind(w.to("h", uuid.UUID{15: byte(i)}), w.create("one", arqs)...))
		}
		synctest.Wait()
		d := &deliveries{}
		w.take = d.take
		w.crash()
		var got [][]int
		for _, events := range d.begun() {
			var arqs []int
			for _, e := range events {
				arqs = append(arqs, len(e.ARQs))
			}
			got = append(got, arqs)
		}
		if want := [][]int{{20, 12}, {1}, {40}, {32}}; !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("delivered ARQs %v, want %v", got, want)
		}
	}, func(w *world) { w.opts.Deliveries = 1 })
}

// Each event of a delivery has an outcome of its own.
func TestEventsOfADeliveryAreSettledByThemselves(t *testing.T) {
	d := &deliveries{answer: func(events []*Event) []error {
		if len(events) == 1 {
			return []error{nil}
		}
		return []error{nil, fmt.Errorf("unknown: %w", ErrRefused), errAway, nil}
	}}
	afterAway(t, 4, 1, d, func(w *world) {
		all := d.begun()
		if st := w.sys.Stats(); len(all) != 1 || st.EventsDelivered != 2 || st.EventsRefused != 1 || st.EventsRetried != 1 || st.OutboxDepth != 1 {
			t.Fatalf("after %d deliveries: %+v", len(all), st)
		}
		if got := w.recorded(kindEvent); got != 1 {
			t.Errorf("%d events are on record, want that which is not settled", got)
		}
		<-time.After(time.Minute)
		all = d.begun()
		if len(all) != 2 || len(all[1]) != 1 || all[1][0].ID != all[0][2].ID {
			t.Errorf("delivered %v, want the third again", all[1:])
		}
		if st := w.sys.Stats(); st.EventsDelivered != 3 || st.OutboxDepth != 0 || w.recorded(kindEvent) != 0 {
			t.Errorf("in the end: %+v", st)
		}
	})
}

// Of an instance no two events are in one delivery, and the second goes when the
// first is settled, whoever they were with.
func TestEventsOfAnInstanceGoInOrderInCompany(t *testing.T) {
	inBubble(t, 6, func(w *world) {
		d := &deliveries{takes: 10 * time.Second}
		w.take = d.take
		w.profile("one")
		want := map[uuid.UUID][]uuid.UUID{}
		for range 3 {
			for _, to := range []uuid.UUID{instance, another} {
				id := w.create("one", 1)[0]
				w.must(w.bind(w.to("h", to), id))
				w.must(w.unbind(id))
				want[to] = append(want[to], id)
			}
		}
		failed := false
		d.change(func() {
			d.answer = func(events []*Event) []error {
				outcomes := make([]error, len(events))
				if len(events) == 2 && !failed {
					outcomes[1], failed = errAway, true
				}
				return outcomes
			}
		})
		<-time.After(2 * time.Minute)
		got := map[uuid.UUID][]uuid.UUID{}
		together := 0
		for _, events := range d.begun() {
			if len(events) == 2 {
				together++
				if events[0].Instance == events[1].Instance {
					t.Error("two events of an instance in one delivery")
				}
			}
		}
		for _, e := range w.events() {
			got[e.Instance] = append(got[e.Instance], e.ARQs[0].UUID)
		}
		for to := range want {
			if !slices.Equal(got[to], want[to]) {
				t.Errorf("told of %v, want %v", got[to], want[to])
			}
		}
		if d.most != 1 || together < 2 || !failed {
			t.Errorf("%d at a time, %d together", d.most, together)
		}
	}, func(w *world) { w.opts.Deliveries = 1 })
}

// One that makes all fail who are with it is soon by itself: whoever has failed in
// company is in half of it next time. The others do not fail for it for long.
func TestCompanyThatFailsIsParted(t *testing.T) {
	var poison uuid.UUID
	d := &deliveries{takes: 10 * time.Second}
	d.answer = func(events []*Event) []error {
		if poison == (uuid.UUID{}) {
			poison = events[5].ID
		}
		if slices.ContainsFunc(events, func(e *Event) bool { return e.ID == poison }) {
			return slices.Repeat([]error{errors.New("timed out")}, len(events))
		}
		return nil
	}
	afterAway(t, 30, 1, d, func(w *world) {
		<-time.After(4 * time.Minute)
		last, bears := map[uuid.UUID]int{}, map[uuid.UUID]int{}
		for _, events := range d.begun() {
			for _, e := range events {
				if most, failed := bears[e.ID]; failed && len(events) > most {
					t.Errorf("one that is to be among %d is delivered among %d", most, len(events))
				}
				if last[e.ID] = len(events); len(events) > 1 { // who is alone has nobody to part from
					bears[e.ID] = len(events) / 2
				}
			}
		}
		if last[poison] != 1 {
			t.Errorf("what makes others fail is among %d in the end", last[poison])
		}
		if st := w.sys.Stats(); st.EventsDelivered != 29 || st.OutboxDepth != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// While the compute service is away everybody is by himself, and that is nobody's
// fault: when it is back, they go together.
func TestWhoFailedAloneGoesInCompany(t *testing.T) {
	inBubble(t, 10, func(w *world) {
		away := true
		d := &deliveries{answer: func(events []*Event) []error {
			if away {
				return slices.Repeat([]error{errAway}, len(events))
			}
			return nil
		}}
		w.take = d.take
		w.profile("one")
		for i, id := range w.create("one", 10) {
			w.must(w.bind(w.to("h", uuid.UUID{15: byte(i)}), id))
			<-time.After(2 * time.Second)
		}
		before := d.begun()
		if got := sizes(before); got[0] != 1 {
			t.Fatalf("deliveries of %v before", got)
		}
		d.change(func() { away, d.takes = false, 100*time.Second }) // in which all the others are to be tried again
		<-time.After(220 * time.Second)
		if got := sizes(d.begun()[len(before):]); !slices.Equal(got, []int{9, 1}) {
			t.Errorf("deliveries of %v afterwards, want the first and all the others", got)
		}
	}, func(w *world) { w.opts.Deliveries = 1 })
}

// What the notifier does not answer for is not settled, and comes again.
func TestAnswersThatMakeNoSense(t *testing.T) {
	for name, answer := range map[string]func(events []*Event) []error{
		"too few":  func(events []*Event) []error { return make([]error, len(events)-1) },
		"none":     func([]*Event) []error { return []error{} },
		"too many": func(events []*Event) []error { return make([]error, len(events)+1) },
		"a panic":  func([]*Event) []error { panic("notifier bug") },
	} {
		t.Run(name, func(t *testing.T) {
			d, first := &deliveries{}, true
			d.answer = func(events []*Event) []error {
				if first {
					first = false
					return answer(events)
				}
				return nil
			}
			afterAway(t, 3, 1, d, func(w *world) {
				d.begun()
				if st := w.sys.Stats(); st.EventsRetried != 3 || st.OutboxDepth != 3 || w.recorded(kindEvent) != 3 {
					t.Errorf("%+v", st)
				}
				<-time.After(time.Minute)
				if st := w.sys.Stats(); st.EventsDelivered != 3 || st.OutboxDepth != 0 || w.recorded(kindEvent) != 0 {
					t.Errorf("in the end: %+v", st)
				}
			})
		})
	}
}

// Stop ends what is under way; what is not settled is on record, and told after the
// next start.
func TestStopInADelivery(t *testing.T) {
	d := &deliveries{takes: time.Hour}
	afterAway(t, 8, 1, d, func(w *world) {
		d.begun()
		w.must(w.sys.Stop(w.t.Context()))
		if got := w.recorded(kindEvent); got != 8 {
			t.Errorf("%d events are on record, want 8", got)
		}
		d.change(func() { d.takes = 0 })
		w.must(w.store.Close())
		w.start(memory.New(memory.Options{Faults: w.fault, Snapshot: w.store.Snapshot()}))
		all := d.begun()
		if st := w.sys.Stats(); len(all) != 2 || len(all[1]) != 8 || st.OutboxDepth != 0 {
			t.Errorf("deliveries of %v, %+v", sizes(all), st)
		}
	})
}

// What is held back and what is not go together. Who has left his hold while he
// waited is not told of.
func TestHoldsInCompany(t *testing.T) {
	inBubble(t, 8, func(w *world) {
		d := &deliveries{takes: 10 * time.Second}
		w.take = d.take
		w.profile("one")
		w.inventory("g", 2)
		w.must(w.bind(w.to("g", uuid.UUID{15: 9}), w.create("one", 1)...)) // which is on its way for 10 s
		w.profile("program", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
		gone, stays, good := w.create("program", 1)[0], w.create("program", 2), w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), gone))
		<-time.After(1500 * time.Millisecond)
		w.must(w.bind(w.to("h", another), stays...))
		<-time.After(1500 * time.Millisecond)
		w.must(w.bind(w.to("g", uuid.UUID{15: 8}), good))
		w.must(w.remove(gone, stays[1]))
		<-time.After(10 * time.Second)
		all := d.begun()
		if len(all) != 2 || len(all[1]) != 2 {
			t.Fatalf("deliveries of %v", sizes(all))
		}
		if got := all[1][0].ARQs; !slices.Equal(got, []EventARQ{{stays[0], false}}) {
			t.Errorf("told of %v, want what is held back still", got)
		}
		if got := all[1][1].ARQs; !slices.Equal(got, []EventARQ{{good, true}}) {
			t.Errorf("told of %v, want the bind", got)
		}
		<-time.After(15 * time.Second)
		if all = d.begun(); len(all) < 3 || all[2][0].Instance != another {
			t.Error("what is held back is not told again")
		}
		w.must(w.remove(stays[0]))
	}, holding, func(w *world) { w.opts.Deliveries = 1 })
}

// The events of a commit are a message each: they are seen together. Yet messages
// without end keep no event waiting.
func TestEventsOfACommitAreSeenTogether(t *testing.T) {
	for n, want := range map[int][]int{30: slices.Repeat([]int{2}, 15), 100: slices.Repeat([]int{4}, 16)} {
		inBubble(t, 1, func(w *world) {
			d := &deliveries{takes: time.Second}
			w.take = d.take
			o := newOutbox(w.sys)
			at := w.sys.engine.settle(kindServiceActor, o)
			o.mail, w.sys.outbox = at.box, at.pid
			synctest.Wait() // it has begun, and nobody handles messages
			w.sys.events.depth.Add(int64(n))
			for _, e := range unrecorded(n) {
				at.box.put(queued{[]*Event{e}})
			}
			at.box.begin()
			if got := sizes(d.begun()); !slices.Equal(got, want) {
				t.Errorf("of %d: deliveries of %v, want %v", n, got, want)
			}
			<-time.After(time.Minute)
			if got := w.sys.Stats().EventsDelivered; got != uint64(n) {
				t.Errorf("%d of %d events delivered", got, n)
			}
		})
	}
}
