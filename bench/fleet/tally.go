package fleet

import (
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/arqd/arqd/bench/measure"
)

// tally counts calls by kind and outcome, and those that the service answered by
// the second.
type tally struct {
	begin time.Time

	mu       sync.Mutex
	answered []int // in each second
	opens    []int // of them, those that ask for a session
	calls    map[string]*calls
}

// calls are those of one kind.
type calls struct {
	outcomes map[string]int64
	latency  *hdrhistogram.Histogram // in microseconds, of those with an answer
}

func newTally(begin time.Time) *tally { return &tally{begin: begin, calls: map[string]*calls{}} }

// unanswered is the outcome of a call that was not.
const unanswered = "connection"

// add takes down a call that is over.
func (t *tally) add(op, outcome string, latency time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls[op]
	if c == nil {
		c = &calls{map[string]int64{}, measure.NewHistogram()}
		t.calls[op] = c
	}
	c.outcomes[outcome]++
	if outcome == unanswered {
		return
	}
	_ = c.latency.RecordValue(max(1, latency.Microseconds())) // it is within the range
	second := int(time.Since(t.begin) / time.Second)
	for len(t.answered) <= second {
		t.answered, t.opens = append(t.answered, 0), append(t.opens, 0)
	}
	t.answered[second]++
	if op == opOpen {
		t.opens[second]++
	}
}

// take gives the calls that ended since it was last asked.
func (t *tally) take() map[string]*calls {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.calls
	t.calls = map[string]*calls{}
	return all
}

// peaks gives the most answers, and of those to who asks for a session, in a
// second of some; seconds 0: up to now.
func (t *tally) peaks(began, seconds float64) (answers, opens int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, to := min(int(began), len(t.answered)), len(t.answered)
	if seconds > 0 {
		to = min(int(began+seconds)+1, to)
	}
	if from >= to {
		return 0, 0
	}
	return slices.Max(t.answered[from:to]), slices.Max(t.opens[from:to])
}
