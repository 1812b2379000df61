package actors

import (
	"sync"
	"testing"

	"github.com/google/uuid"
)

// Metrics are asked for while a start reads the store: they see numbers that grow.
func TestMetricsCountWhileARQsAreLoaded(t *testing.T) {
	const many = 1000
	d := newDirectory()
	l := &loader{dir: d}
	loaded := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		defer close(loaded)
		for range many {
			l.add(&ARQ{UUID: uuid.Must(uuid.NewV7()), State: Initial, Group: &Group{ProfileName: "one"}})
		}
		l.finish()
	})
	both.Go(func() {
		for seen := 0; ; {
			var st Stats
			d.count(&st)
			if st.ARQs[Initial] < seen {
				t.Errorf("%d ARQs after %d", st.ARQs[Initial], seen)
			}
			seen = st.ARQs[Initial]
			select {
			case <-loaded:
				return
			default:
			}
		}
	})
	both.Wait()
	var st Stats
	d.count(&st)
	if st.ARQs[Initial] != many {
		t.Errorf("%d ARQs counted of %d", st.ARQs[Initial], many)
	}
}
