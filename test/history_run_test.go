package test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/arqd/arqd/test/history"
)

// historyRun is one run: a service that is made to suffer, its clients, and
// what they saw.
type historyRun struct {
	t          *testing.T
	seed       uint64
	rng        *rand.Rand // of the one who makes it suffer
	node       *node
	service    atomic.Pointer[process] // the present one
	suffers    suffering               // what the present one does
	setting    history.Setting
	translator *translator
	recorder   *history.Recorder
	cells      []*cell
	snapshots  []history.Snapshot // of each cell, when the epoch began
	epoch      int
	unreliable bool // a device may have failed in this epoch

	mu         sync.Mutex
	faults     map[string]int            // by kind
	answers    map[string]map[string]int // by kind of request, then what came back
	complaints []string
	operations int // checked
	slowest    time.Duration
}

// newHistoryRun starts a service for a run. What is in it follows from the
// seed.
func newHistoryRun(t *testing.T, seed uint64) *historyRun {
	t.Helper()
	run := &historyRun{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1<<40)), recorder: history.NewRecorder(),
		faults: map[string]int{}, answers: map[string]map[string]int{},
	}
	var hosts, instances []string
	for n := range historyCells {
		c := newCell(n)
		run.cells = append(run.cells, c)
		hosts, instances = append(hosts, c.devices...), append(instances, c.instances...)
	}
	run.setting = history.Setting{Seed: seed, Handles: 2 + run.rng.IntN(4), Profiles: map[string]history.Profile{}}
	run.node = newNode(t, options{
		"api.auth_strategy": "headers",
		"fake.hosts":        strings.Join(hosts, ","), "fake.handles_per_device": fmt.Sprint(run.setting.Handles),
		"fake.operation_delay": "10", "fake.fail_images": badImage,
	})
	run.node.program = faultyBinary(t)
	p := run.node.start()
	p.mayFail = true
	c := p.client().with(as("nova")).with(serviceToken("service"))
	for _, each := range run.cells {
		for name, made := range each.profiles {
			run.setting.Profiles[name] = made
			c.want(http.StatusCreated, http.MethodPost, "/device_profiles", imageProfileBody(name, made))
		}
	}
	run.translator = newTranslator(c, instances)
	c.http.CloseIdleConnections() // at rest the service has no connections
	run.service.Store(p)
	run.settle()
	return run
}

func imageProfileBody(name string, p history.Profile) any {
	group := map[string]string{"resources:FPGA": fmt.Sprint(p.Amount)}
	if p.Image != "" {
		group["accel:bitstream_id"] = p.Image
	}
	return []any{map[string]any{"name": name, "groups": []any{group}}}
}

// requestsPerEpoch is what each client sends between two moments of rest. It
// bounds what has to be ordered at a time.
const requestsPerEpoch = 60

// oneEpoch has the clients work while the service suffers, waits for rest, and
// checks what was seen.
func (run *historyRun) oneEpoch() {
	run.t.Helper()
	run.epoch++
	run.unreliable = run.suffers.devices
	var clients sync.WaitGroup
	end := make(chan struct{})
	for _, c := range run.cells {
		for n := range clientsPerCell {
			stream := uint64(run.epoch)<<16 | uint64(c.number*clientsPerCell+n)
			client := &historyClient{run: run, cell: c, number: n, rng: rand.New(rand.NewPCG(run.seed, stream))}
			clients.Go(func() { client.work(requestsPerEpoch, end) })
		}
	}
	done := make(chan struct{})
	go func() {
		clients.Wait()
		close(done)
	}()
	run.torment(done)
	close(end)
	<-done
	began := run.snapshots
	run.settle()
	trials := make([]*history.Trial, len(run.cells))
	for n, operations := range run.recorder.Take(len(run.cells)) {
		trials[n] = &history.Trial{
			Epoch: run.epoch, Cell: n, Unreliable: run.unreliable, Start: began[n], Operations: operations,
		}
	}
	run.check(trials)
}

// checkLimit is for one trial. None has been seen to need a second.
const checkLimit = time.Minute

func (run *historyRun) check(trials []*history.Trial) {
	run.t.Helper()
	verdicts := make([]*history.Verdict, len(trials))
	var all []func()
	for n, t := range trials {
		run.operations += len(t.Operations)
		all = append(all, func() {
			begin := time.Now()
			verdicts[n] = history.Check(&run.setting, t, checkLimit)
			run.mu.Lock()
			run.slowest = max(run.slowest, time.Since(begin))
			run.mu.Unlock()
		})
	}
	together(all...)
	for _, v := range verdicts {
		if v.Result != porcupine.Ok {
			run.report(v)
		}
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, c := range run.complaints {
		run.t.Error(c)
	}
}

// report says what is wrong and leaves behind what is needed to look into it.
func (run *historyRun) report(v *history.Verdict) {
	run.t.Helper()
	dir := os.Getenv("ARQD_HISTORY_DIR")
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "arqd-history-"); err != nil {
			run.t.Fatal(err)
		}
	}
	base := filepath.Join(dir, fmt.Sprintf("seed-%d-epoch-%d-cell-%d", run.seed, v.Trial.Epoch, v.Trial.Cell))
	lines, err := os.Create(base + ".jsonl")
	if err == nil {
		err = history.Write(lines, &run.setting, []*history.Trial{v.Trial})
		_ = lines.Close()
	}
	if err == nil {
		err = v.Visualize(base + ".html")
	}
	what := "no order of the operations fits the answers"
	if v.Result == porcupine.Unknown {
		what = fmt.Sprintf("no verdict within %v, which is no proof", checkLimit)
	}
	run.t.Errorf("%s\n  at: %s\n  picture: %s.html\n  history: %s.jsonl (%v)\n"+
		"  judge it again:  make verify HISTORY=%s.jsonl\n  the run again:   make verify SEED=%d",
		what, v.Stuck(), base, base, err, base, run.seed)
}

func (run *historyRun) count(fault string) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.faults[fault]++
}

func (run *historyRun) complain(format string, args ...any) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.complaints = append(run.complaints, fmt.Sprintf(format, args...))
}

// answered counts an answer; nil: there was none.
func (run *historyRun) answered(r *history.Request, a *history.Answer) {
	what := "none"
	if a != nil {
		what = fmt.Sprint(a.Status)
		if strings.HasPrefix(a.Reason, "no free attach handle") {
			what += " no handle"
		}
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	kind := string(r.Kind)
	if run.answers[kind] == nil {
		run.answers[kind] = map[string]int{}
	}
	run.answers[kind][what]++
}

// summary tells what was done and what came of it.
func (run *historyRun) summary() string {
	run.mu.Lock()
	defer run.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%d operations in %d epochs of %d cells; the slowest check took %v\n",
		run.operations, run.epoch, len(run.cells), run.slowest.Round(time.Millisecond))
	for _, kind := range slices.Sorted(maps.Keys(run.answers)) {
		fmt.Fprintf(&b, "  %-28s", kind)
		for _, status := range slices.Sorted(maps.Keys(run.answers[kind])) {
			fmt.Fprintf(&b, " %s: %d ", status, run.answers[kind][status])
		}
		b.WriteString("\n")
	}
	faults := 0
	for _, n := range run.faults {
		faults += n
	}
	fmt.Fprintf(&b, "%d faults\n", faults)
	for _, kind := range slices.Sorted(maps.Keys(run.faults)) {
		fmt.Fprintf(&b, "  %-28s %d\n", kind, run.faults[kind])
	}
	verdict := "every history has an order that fits"
	if run.t.Failed() {
		verdict = "VIOLATION, or no verdict; see above"
	}
	return b.String() + "verdict: " + verdict
}
