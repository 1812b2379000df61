package actors

import (
	"sync"
	"testing"

	"github.com/google/uuid"
)

// TestWhatChangesTogetherIsReadTogether: whoever has read one ARQ of a batch as
// the batch left it reads no other of them as it was before, without a lock and
// while batch after batch is published.
func TestWhatChangesTogetherIsReadTogether(t *testing.T) {
	d := newDirectory()
	views := func(generation uint64) (a, b *ARQ) {
		group := &Group{}
		a = &ARQ{UUID: uuid.UUID{1}, Generation: generation, Group: group}
		b = &ARQ{UUID: uuid.UUID{2}, Generation: generation, Group: group}
		return a, b
	}
	a, b := views(1)
	d.publish(&batch{arqs: []change[ARQ]{{nil, a}, {nil, b}}})
	const batches = 20_000
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for first := uint64(0); first < batches; {
				one, _ := d.show(a.UUID)
				other, _ := d.show(b.UUID)
				if first = one.Generation; other.Generation < first {
					t.Errorf("generation %d, and then %d of the other", first, other.Generation)
					return
				}
			}
		})
	}
	before := [2]*ARQ{a, b}
	for n := uint64(2); n <= batches; n++ {
		a, b := views(n)
		d.publish(&batch{arqs: []change[ARQ]{{before[0], a}, {before[1], b}}})
		before = [2]*ARQ{a, b}
	}
	readers.Wait()
}

// TestOneARQIsReadBesideWhatIsPublished: a reader of one ARQ waits for nobody
// who is publishing others.
func TestOneARQIsReadBesideWhatIsPublished(t *testing.T) {
	d := newDirectory()
	a := &ARQ{UUID: uuid.New(), Generation: 1, Group: &Group{}}
	d.publish(&batch{arqs: []change[ARQ]{{nil, a}}})
	d.mu.Lock()
	defer d.mu.Unlock()
	if got, _ := d.show(a.UUID); got != a {
		t.Errorf("read %+v, want %+v", got, a)
	}
}
