package measure

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range and precision of latencies: a microsecond to an hour, in 1 of 1000.
const (
	unit         = time.Microsecond
	longest      = time.Hour
	significance = 3
)

// NewHistogram makes a histogram of latencies in microseconds.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(longest/unit), significance)
}

// Operation is what was seen of one kind of call.
type Operation struct {
	Outcomes  map[string]int64        // by status, or by why there was none
	Good      int64                   // of them, those of success
	Things    int64                   // ARQs that the good ones made, changed or gave
	Latency   *hdrhistogram.Histogram // of the good ones
	PerSecond []int64                 // good ones, by the second in which they were over
}

// Recorder takes down calls. Any number of goroutines may use it.
type Recorder struct {
	begin      time.Time
	good, bad  atomic.Int64 // calls
	iterations atomic.Int64 // that are over

	mu     sync.Mutex
	order  []string
	ops    map[string]*Operation
	count  string // operation whose tenths are timed
	timed  int64  // calls of it
	tenths []time.Duration
}

// NewRecorder makes a recorder whose time begins now.
func NewRecorder() *Recorder {
	return &Recorder{begin: time.Now(), ops: map[string]*Operation{}}
}

// TimeTenths has the moment noted at which each tenth of so many good calls of
// an operation was over. The first and the last are of equally many; of less than
// ten there are none.
func (r *Recorder) TimeTenths(operation string, calls int64) {
	if calls >= 10 {
		r.count, r.timed = operation, calls
	}
}

// tenthEnds gives the number of the call with which the next tenth ends.
func (r *Recorder) tenthEnds() int64 {
	switch next := int64(len(r.tenths) + 1); next {
	case 9, 10:
		return r.timed - (10-next)*(r.timed/10)
	default:
		return next * (r.timed / 10)
	}
}

// Add takes down a call that has just come to its end.
func (r *Recorder) Add(operation, outcome string, good bool, latency time.Duration, things int) {
	if good {
		r.good.Add(1)
	} else {
		r.bad.Add(1)
	}
	r.Sum(operation, outcome, good, latency, things)
}

// Sum takes down what is no call itself: what several of them came to, or what
// was waited for.
func (r *Recorder) Sum(operation, outcome string, good bool, latency time.Duration, things int) {
	at := time.Since(r.begin)
	r.mu.Lock()
	defer r.mu.Unlock()
	op := r.ops[operation]
	if op == nil {
		op = &Operation{Outcomes: map[string]int64{}, Latency: NewHistogram()}
		r.ops[operation] = op
		r.order = append(r.order, operation)
	}
	op.Outcomes[outcome]++
	if !good {
		return
	}
	op.Good++
	op.Things += int64(things)
	_ = op.Latency.RecordValue(clamp(latency)) // it is within the range
	second := int(at / time.Second)
	for len(op.PerSecond) <= second {
		op.PerSecond = append(op.PerSecond, 0)
	}
	op.PerSecond[second]++
	if operation == r.count && op.Good == r.tenthEnds() {
		r.tenths = append(r.tenths, at)
	}
}

func clamp(latency time.Duration) int64 {
	return int64(min(max(latency, unit), longest) / unit)
}

// Counts gives how many calls were good, and how many were not, so far.
func (r *Recorder) Counts() (good, bad int64) { return r.good.Load(), r.bad.Load() }

// Over takes down that an iteration is over.
func (r *Recorder) Over() { r.iterations.Add(1) }

// Iterations gives how many are over, so far.
func (r *Recorder) Iterations() int64 { return r.iterations.Load() }

// Operations gives what was taken down, by name, and the names in the order in
// which they came first. The recorder is not used any more.
func (r *Recorder) Operations() (order []string, ops map[string]*Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order, r.ops
}

// Tenths gives what TimeTenths asked for.
func (r *Recorder) Tenths() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tenths
}
