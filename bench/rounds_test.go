package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"
)

// site is everything that is measured: the service and its floors, each in a
// process of its own, idle but for the one whose turn it is.
type site struct {
	service     *service
	echo, raw   *child
	store       *child
	echoAddr    string
	disk        *disk
	recordBytes int         // of the service's records, key and value
	shown       []uuid.UUID // ARQs to be looked at
	seconds     float64     // of each measurement
	into        *Report
	counts      map[string]int // how much a line does in that time
	capacity    float64        // creates a second, in this round
}

func openSite(tb testing.TB, into *Report) *site {
	tb.Helper()
	s := &site{
		service: startService(tb), echo: startChild(tb, roleEcho),
		raw: startChild(tb, roleRaw), store: startChild(tb, roleStore), disk: openDisk(tb),
		seconds: seconds(tb), counts: map[string]int{}, into: into,
	}
	api := s.service.api
	s.service.do(tb, CreateProfile(api, profileName, 1, profileGroup...), 201)
	s.service.do(tb, CreateProfile(api, profileOf8, 8, profileGroup...), 201)
	before := s.service.scrape(tb)
	created := s.service.do(tb, CreateARQs(api, profileName), 201)
	after := s.service.scrape(tb)
	s.recordBytes = int(after["arqd_store_batch_bytes_sum"] - before["arqd_store_batch_bytes_sum"])
	s.shown = s.service.create(tb, 4096)
	shown := s.service.do(tb, ShowARQ(api, s.shown[0]), 200)
	var answer echoAnswer
	s.echo.call(tb, echoQuestion{Show: len(shown), Create: len(created)}, &answer)
	s.echoAddr = answer.Addr
	into.Title = fmt.Sprintf("%s, GOMAXPROCS %d, records of %d B, ARQs of %d B%s",
		runtime.Version(), runtime.GOMAXPROCS(0), s.recordBytes, len(shown), logNote(s.service.chatty))
	return s
}

func logNote(chatty bool) string {
	if chatty {
		return ", WITH the access log"
	}
	return ""
}

// line is one measurement of a round: it does a number of operations and gives
// what it found, by line of the report; the first is the one that it is named
// after.
type line struct {
	name    string
	first   int // operations, to find out how many take the time
	measure func(tb testing.TB, n int) []Sample
	more    []string // names of the other samples
}

func (s *site) lines() []line {
	one := func(name string, connections int, measure func(tb testing.TB, connections, n int) Sample) line {
		return line{name: fmt.Sprintf("%s/%d", name, connections), first: 2000, measure: func(tb testing.TB, n int) []Sample {
			tb.Helper()
			return []Sample{measure(tb, connections, n)}
		}}
	}
	list := one("list-1000", 16, s.list)
	list.first = 200
	disk := one("sync", 1, s.sync)
	disk.first = 200
	return []line{
		disk,
		one("commit", 64, s.commit), one("create", 64, s.create), one("create8", 64, s.create8), one("echo-create", 64, s.echoCreate),
		one("commit", 256, s.commit), one("create", 256, s.create), one("echo-create", 256, s.echoCreate),
		one("store", 64, s.commitToStore), one("store", 256, s.commitToStore),
		one("show", 64, s.show), one("echo-show", 64, s.echoShow), list,
		{name: "bind/64", first: 2000, measure: s.bindAndDelete, more: []string{"delete/64"}},
		{name: "boot/64", first: 1000, measure: s.boots},
		{name: "show+create", first: 500, measure: s.showAmongCreates},
		{name: "echo-show+create", first: 500, measure: s.echoAmongCreates},
	}
}

// BenchmarkSideBySide measures each line once in each round; the report at the
// end shows medians and ratios.
func BenchmarkSideBySide(b *testing.B) { whole(b, sideBySide) }

func sideBySide(tb testing.TB, into *Report) {
	tb.Helper()
	s := openSite(tb, into)
	s.warm(tb)
	for round := range number(tb, roundsVariable, usualRounds) {
		for _, l := range s.lines() {
			s.take(tb, round, &l)
		}
		say("lines side by side: round %d is over", round+1)
	}
}

// fewest operations: each connection has one.
const fewest = 256

// warm finds out how much each line does in the time.
func (s *site) warm(tb testing.TB) {
	tb.Helper()
	for _, l := range s.lines() {
		s.note(&l, l.measure(tb, max(fewest, int(float64(l.first)*min(1, s.seconds)))))
	}
}

func (s *site) take(tb testing.TB, round int, l *line) {
	tb.Helper()
	samples := l.measure(tb, s.counts[l.name])
	s.note(l, samples)
	s.into.Add(round, l.name, samples[0])
	for i, name := range l.more {
		s.into.Add(round, name, samples[i+1])
	}
}

func (s *site) note(l *line, samples []Sample) {
	s.counts[l.name] = max(fewest, int(samples[0].Rate*s.seconds))
	if l.name == "create/64" {
		s.capacity = samples[0].Rate
	}
}

func (s *site) sync(tb testing.TB, _, n int) Sample {
	tb.Helper()
	return s.disk.syncs(tb, n)
}

// create is the durable create of one ARQ.
func (s *site) create(tb testing.TB, connections, n int) Sample {
	tb.Helper()
	return s.createOf(tb, connections, n, profileName)
}

// create8 counts ARQs, not requests.
func (s *site) create8(tb testing.TB, connections, n int) Sample {
	tb.Helper()
	return each(s.createOf(tb, connections, max(1, n/8), profileOf8), 8)
}

func (s *site) createOf(tb testing.TB, connections, n int, profile string) Sample {
	tb.Helper()
	before := s.service.scrape(tb)
	m := &meter{tb: tb, pid: s.service.pid}
	m.load(Load{
		Addr: s.service.api, Connections: connections, Count: n, Status: 201,
		Requests: [][]byte{CreateARQs(s.service.api, profile)},
	})
	sample := m.sample(n)
	sample.Batch = s.service.scrape(tb).Mean(before, "arqd_store_batch_transitions")
	return sample
}

// each gives a sample of operations that were n things each.
func each(s Sample, n float64) Sample {
	s.Rate *= n
	s.CPU /= n
	s.ClientCPU /= n
	return s
}

// commit is the durable write of one record, without a service.
func (s *site) commit(tb testing.TB, writers, n int) Sample {
	tb.Helper()
	return s.commitTo(tb, s.raw, writers, n)
}

func (s *site) commitToStore(tb testing.TB, writers, n int) Sample {
	tb.Helper()
	return s.commitTo(tb, s.store, writers, n)
}

func (s *site) commitTo(tb testing.TB, floor *child, writers, n int) Sample {
	tb.Helper()
	var answer commitAnswer
	m := &meter{tb: tb, pid: floor.pid}
	m.during(func() {
		floor.call(tb, commitQuestion{Writers: writers, Count: n, RecordBytes: s.recordBytes}, &answer)
	})
	sample := m.sample(n)
	sample.Batch = float64(n) / float64(max(1, answer.Commits))
	return sample
}

// echoCreate is what a create would be without anything behind it.
func (s *site) echoCreate(tb testing.TB, connections, n int) Sample {
	tb.Helper()
	m := &meter{tb: tb, pid: s.echo.pid}
	m.load(Load{
		Addr: s.echoAddr, Connections: connections, Count: n, Status: 201,
		Requests: [][]byte{CreateARQs(s.service.api, profileName)},
	})
	return m.sample(n)
}

// show is the GET of one ARQ of many.
func (s *site) show(tb testing.TB, connections, n int) Sample {
	tb.Helper()
	return s.showFrom(tb, s.service.pid, s.service.api, connections, n)
}

// echoShow sends the same requests to the echo.
func (s *site) echoShow(tb testing.TB, connections, n int) Sample {
	tb.Helper()
	return s.showFrom(tb, s.echo.pid, s.echoAddr, connections, n)
}

func (s *site) showFrom(tb testing.TB, pid int, addr string, connections, n int) Sample {
	tb.Helper()
	m := &meter{tb: tb, pid: pid}
	m.load(Load{Addr: addr, Connections: connections, Count: n, Status: 200, Requests: s.shows()})
	return m.sample(n)
}

func (s *site) shows() [][]byte {
	return requests(s.shown, func(_ int, id uuid.UUID) []byte { return ShowARQ(s.service.api, id) })
}

// list is a page of 1000 ARQs.
func (s *site) list(tb testing.TB, connections, n int) Sample {
	tb.Helper()
	m := &meter{tb: tb, pid: s.service.pid}
	m.load(Load{
		Addr: s.service.api, Connections: connections, Count: n, Status: 200,
		Requests: [][]byte{ListARQs(s.service.api, 1000)},
	})
	return m.sample(n)
}

// bindAndDelete binds ARQs, to Bound and until their events were handed over,
// and deletes them, as many at a time as there are handles.
func (s *site) bindAndDelete(tb testing.TB, n int) []Sample {
	tb.Helper()
	binding, deleting := &meter{tb: tb, pid: s.service.pid}, &meter{tb: tb, pid: s.service.pid}
	for left := n; left > 0; {
		n := min(left, bindable)
		ids := s.service.create(tb, n)
		binds, deletions := s.service.binds(ids), s.service.deletions(ids)
		binding.during(func() {
			binding.last = run(tb, s.service.all(binds, 202))
			s.service.awaitEvents(tb)
		})
		deleting.load(s.service.all(deletions, 204))
		left -= n
	}
	return []Sample{binding.sample(n), deleting.sample(n)}
}

// all is each of the requests once, 64 at a time.
func (s *service) all(all [][]byte, status int) Load {
	return Load{Addr: s.api, Connections: 64, Count: len(all), Status: status, Requests: all}
}

// eventPause is time enough for the events of one round of binds, mostly.
const eventPause = 10 * time.Millisecond

// awaitEvents waits until all events have been taken and their records removed.
// It asks rarely, and waits first: to gather all metrics costs as much as a dozen
// binds.
func (s *service) awaitEvents(tb testing.TB) {
	tb.Helper()
	time.Sleep(eventPause)
	for s.scrape(tb)["arqd_outbox_depth"] > 0 {
		time.Sleep(eventPause)
	}
}
