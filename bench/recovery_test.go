package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/bench/process"
	"github.com/arqd/arqd/bench/report"
)

// walkQuestion asks to open the Badger database in a directory with the
// service's options, and to go through all keys and values once.
type walkQuestion struct{ Dir string }

type walkAnswer struct {
	Open, Walk time.Duration
	CPU        time.Duration
	Records    map[string]int // by kind
	Bytes      int64          // of keys and values
	Memory     process.Memory
}

// BenchmarkRecovery restarts the service after a kill -9 under load, and has a
// bare Badger read the same directory, in turns, each in a process of its own
// that begins with a copy.
func BenchmarkRecovery(b *testing.B) { whole(b, recovery) }

func recovery(tb testing.TB, into *Report) {
	tb.Helper()
	arqs := number(tb, arqsVariable, fewARQs)
	bound := number(tb, boundVariable, arqs/10)
	if bound > arqs {
		tb.Fatalf("%d of %d ARQs cannot be bound", bound, arqs)
	}
	// Room for those bound under load as well.
	killed := newPlace(tb, buildService(tb), bound/fakeDevices*5/4+handlesPerDevice)
	killed.fill(tb, arqs, bound)
	say("a service with %d is killed", arqs)
	var restarts []restart
	var walks []walkAnswer
	for round := range number(tb, roundsVariable, usualRounds) {
		inTurn(round,
			func() { restarts = append(restarts, killed.copied(tb).restart(tb)) },
			func() { walks = append(walks, killed.copied(tb).walk(tb)) })
	}
	compareRecovery(tb, into, restarts, walks, arqs, bound)
}

// fill makes ARQs, binds some, and kills the service while it makes and binds
// more. It begins with an empty store.
func (p *place) fill(tb testing.TB, arqs, bound int) {
	tb.Helper()
	if err := os.RemoveAll(p.state); err != nil {
		tb.Fatal(err)
	}
	s := p.start(tb)
	defer s.kill()
	const many, group = "bench-many", 250
	s.do(tb, CreateProfile(s.api, profileName, 1, profileGroup...), 201)
	s.do(tb, CreateProfile(s.api, many, group, profileGroup...), 201)
	if n := (arqs - bound) / group; n > 0 {
		run(tb, Load{Addr: s.api, Connections: 16, Requests: [][]byte{CreateARQs(s.api, many)}, Count: n, Status: 201})
	}
	ids := s.create(tb, bound+(arqs-bound)%group)
	for some := range slices.Chunk(s.binds(ids[:bound]), 10_000) {
		run(tb, Load{Addr: s.api, Connections: 64, Requests: some, Count: len(some), Status: 202})
	}
	binds := s.binds(s.create(tb, bound/4))
	killing := time.AfterFunc(time.Second, func() { _ = s.cmd.Process.Kill() })
	defer killing.Stop()
	var clients sync.WaitGroup
	for _, load := range []Load{
		{Requests: binds, Count: len(binds), Status: 202},
		{Requests: [][]byte{CreateARQs(s.api, profileName)}, Count: 1 << 20, Status: 201},
	} {
		load.Addr, load.Connections = s.api, 32
		clients.Go(func() { _, _ = Run(tb.Context(), load) }) // ends with the service
	}
	clients.Wait()
}

// copied gives another place with the same state, holes and all.
func (p *place) copied(tb testing.TB) *place {
	tb.Helper()
	dir := diskDir(tb)
	other := &place{binary: p.binary, config: filepath.Join(dir, "arqd.conf"), state: filepath.Join(dir, "state")}
	config, err := os.ReadFile(p.config)
	if err != nil {
		tb.Fatal(err)
	}
	config = bytes.ReplaceAll(config, []byte(p.state), []byte(other.state))
	if err := os.WriteFile(other.config, config, 0o600); err != nil {
		tb.Fatal(err)
	}
	for _, args := range [][]string{{"cp", "-a", "--sparse=always", p.state, other.state}, {"sync", "-f", other.state}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			tb.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return other
}

func (p *place) remove(tb testing.TB) {
	tb.Helper()
	if err := os.RemoveAll(filepath.Dir(p.state)); err != nil {
		tb.Error(err)
	}
}

// restart is what a start of the service took, and what there was then.
type restart struct {
	ready  time.Duration
	cpu    time.Duration
	arqs   int
	bound  int
	taken  int // attach handles
	memory process.Memory
}

// restart measures from before the process exists to the moment when /readyz
// says yes.
func (p *place) restart(tb testing.TB) restart {
	tb.Helper()
	begin := time.Now()
	s := p.start(tb)
	s.awaitReady(tb)
	r := restart{ready: time.Since(begin)}
	r.memory, r.cpu = usage(tb, s.pid)
	for name, n := range s.scrape(tb) {
		switch {
		case strings.HasPrefix(name, "arqd_arqs{"):
			r.arqs += int(n)
			if strings.Contains(name, `"Bound"`) {
				r.bound = int(n)
			}
		case name == `arqd_attach_handles{state="taken"}`:
			r.taken = int(n)
		}
	}
	s.kill()
	p.remove(tb)
	return r
}

func (s *service) awaitReady(tb testing.TB) {
	tb.Helper()
	for {
		response, err := scraper.Get(s.operators + "/readyz")
		if err != nil {
			tb.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *place) walk(tb testing.TB) (a walkAnswer) {
	tb.Helper()
	startChild(tb, roleWalk).call(tb, walkQuestion{filepath.Join(p.state, "store")}, &a)
	p.remove(tb)
	return a
}

// walk is the role of the bare Badger.
func walk(ask *json.Decoder, answer *json.Encoder) error {
	return serveQuestions(ask, answer, func(q walkQuestion) (a walkAnswer, err error) {
		begin := time.Now()
		db, err := badgerdb.Open(rawOptions(q.Dir))
		if err != nil {
			return a, err
		}
		defer db.Close()
		a.Open = time.Since(begin)
		begin = time.Now()
		a.Records = map[string]int{}
		err = db.View(func(txn *badgerdb.Txn) error {
			opts := badgerdb.DefaultIteratorOptions
			opts.PrefetchValues = false // faster for short values
			it := txn.NewIterator(opts)
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				item := it.Item()
				key := item.Key()
				if kind, _, is := bytes.Cut(bytes.TrimPrefix(key, []byte("r/")), []byte("/")); is {
					a.Records[string(kind)]++
				}
				if err := item.Value(func(value []byte) error {
					a.Bytes += int64(len(key) + len(value))
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		})
		a.Walk = time.Since(begin)
		if err != nil {
			return a, err
		}
		if a.CPU, err = process.OwnCPU(); err != nil {
			return a, err
		}
		a.Memory, err = process.MemoryOf(os.Getpid())
		return a, err
	})
}

// compareRecovery checks that both have seen the same, and reports.
func compareRecovery(tb testing.TB, into *Report, restarts []restart, walks []walkAnswer, arqs, bound int) {
	tb.Helper()
	var ready, open, bare, ratios, cpu []float64
	for i, r := range restarts {
		w := walks[i]
		if r.arqs != w.Records["arq"] || r.arqs < arqs || r.bound < bound || r.taken != r.bound {
			tb.Errorf("%d ARQs, %d bound with %d handles, of %d records; there were %d, %d bound",
				r.arqs, r.bound, r.taken, w.Records["arq"], arqs, bound)
		}
		ready = append(ready, r.ready.Seconds())
		open = append(open, w.Open.Seconds())
		bare = append(bare, (w.Open + w.Walk).Seconds())
		ratios = append(ratios, r.ready.Seconds()/(w.Open+w.Walk).Seconds())
		cpu = append(cpu, r.cpu.Seconds()/w.CPU.Seconds())
	}
	for _, ratio := range ratios {
		into.AddGoal("restart", ratio, fmt.Sprintf("%.2f times that of the bare one", report.Median(cpu)))
	}
	last, floor := restarts[len(restarts)-1], walks[len(walks)-1]
	const mega = 1 << 20
	name := fmt.Sprintf("%d ARQs, %d bound", last.arqs, last.bound)
	for _, f := range []Figure{
		{Name: "restart to ready, " + name, Value: report.Median(ready), Unit: "s"},
		{Name: "  bare Badger: open, and all keys and values", Value: report.Median(bare), Unit: "s"},
		{Name: "    of it open", Value: report.Median(open), Unit: "s"},
		{Name: "  anonymous memory when ready", Value: float64(last.memory.Anonymous) / mega, Unit: "MiB"},
		{Name: "  peak resident memory, with mapped files", Value: float64(last.memory.Peak) / mega, Unit: "MiB"},
		{Name: "  anonymous memory of bare Badger", Value: float64(floor.Memory.Anonymous) / mega, Unit: "MiB"},
		{Name: "  keys and values", Value: float64(floor.Bytes) / mega, Unit: "MiB"},
	} {
		into.AddFigure(f)
	}
}
