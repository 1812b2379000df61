package bench

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// rounds is how often each line is measured. The lines take turns, so that a
// bad minute of the machine meets all of them.
const rounds = 5

// site is everything that is measured: the service and its floors, each in a
// process of its own, idle but for the one whose turn it is.
type site struct {
	service          *service
	echo, raw, store *child
	echoAddr         string
	recordBytes      int         // of the service's records, key and value
	shown            []uuid.UUID // ARQs to be looked at
}

func openSite(b *testing.B) *site {
	b.Helper()
	s := &site{
		service: startService(b), echo: startChild(b, roleEcho),
		raw: startChild(b, roleRaw), store: startChild(b, roleStore),
	}
	api := s.service.api
	s.service.do(b, CreateProfile(api, profileName, 1, profileGroup...), 201)
	before := s.service.scrape(b)
	created := s.service.do(b, CreateARQs(api, profileName), 201)
	after := s.service.scrape(b)
	s.recordBytes = int(after["arqd_store_batch_bytes_sum"] - before["arqd_store_batch_bytes_sum"])
	s.shown = s.service.create(b, 4096)
	shown := s.service.do(b, ShowARQ(api, s.shown[0]), 200)
	var answer echoAnswer
	s.echo.call(b, echoQuestion{Show: len(shown), Create: len(created)}, &answer)
	s.echoAddr = answer.Addr
	table.Title = fmt.Sprintf("%s, GOMAXPROCS %d, records of %d B, ARQs of %d B%s",
		runtime.Version(), runtime.GOMAXPROCS(0), s.recordBytes, len(shown), logNote(s.service.chatty))
	return s
}

func logNote(chatty bool) string {
	if chatty {
		return ", WITH the access log"
	}
	return ""
}

// turn is one measurement of a round.
type turn struct {
	name    string
	measure func(b *testing.B) map[string]Sample // by line of the report
}

// line is a turn that measures one line, with n connections or writers.
func line(name string, n int, measure func(b *testing.B, n int) Sample) turn {
	name = fmt.Sprintf("%s/%d", name, n)
	return turn{name, func(b *testing.B) map[string]Sample {
		b.Helper()
		return map[string]Sample{name: measure(b, n)}
	}}
}

func (s *site) turns() []turn {
	var all []turn
	for _, n := range []int{64, 256} {
		all = append(all,
			line("create", n, s.create), line("commit", n, s.commit),
			line("store", n, s.commitToStore), line("echo-create", n, s.echoCreate))
	}
	return append(all,
		line("show", 64, s.show), line("echo-show", 64, s.echoShow),
		line("list-1000", 16, s.list), turn{"bind/64", s.bindAndDelete})
}

// BenchmarkSideBySide measures each line once in each round; the report at the
// end shows medians and ratios.
func BenchmarkSideBySide(b *testing.B) {
	s := openSite(b)
	for round := range rounds {
		for _, t := range s.turns() {
			var samples map[string]Sample // of the last run, the longest
			b.Run(fmt.Sprintf("%s/round=%d", t.name, round+1), func(b *testing.B) { samples = t.measure(b) })
			for _, name := range slices.Sorted(maps.Keys(samples)) {
				table.Add(round, name, samples[name])
			}
		}
	}
}

// create is the durable create of one ARQ.
func (s *site) create(b *testing.B, connections int) Sample {
	b.Helper()
	before := s.service.scrape(b)
	m := newMeter(b, s.service.pid)
	m.load(Load{
		Addr: s.service.api, Connections: connections, Count: b.N, Status: 201,
		Requests: [][]byte{CreateARQs(s.service.api, profileName)},
	})
	sample := m.sample()
	sample.Batch = s.service.scrape(b).Mean(before, "arqd_store_batch_transitions")
	return sample
}

// commit is the durable write of one record, without a service.
func (s *site) commit(b *testing.B, writers int) Sample {
	b.Helper()
	return s.commitTo(b, s.raw, writers)
}

func (s *site) commitToStore(b *testing.B, writers int) Sample {
	b.Helper()
	return s.commitTo(b, s.store, writers)
}

func (s *site) commitTo(b *testing.B, floor *child, writers int) Sample {
	b.Helper()
	var answer commitAnswer
	m := newMeter(b, floor.pid)
	m.during(func() {
		floor.call(b, commitQuestion{Writers: writers, Count: b.N, RecordBytes: s.recordBytes}, &answer)
	})
	sample := m.sample()
	sample.Batch = float64(b.N) / float64(max(1, answer.Commits))
	return sample
}

// echoCreate is what a create would be without anything behind it.
func (s *site) echoCreate(b *testing.B, connections int) Sample {
	b.Helper()
	m := newMeter(b, s.echo.pid)
	m.load(Load{
		Addr: s.echoAddr, Connections: connections, Count: b.N, Status: 201,
		Requests: [][]byte{CreateARQs(s.service.api, profileName)},
	})
	return m.sample()
}

// show is the GET of one ARQ of many.
func (s *site) show(b *testing.B, connections int) Sample {
	b.Helper()
	return s.showFrom(b, s.service.pid, s.service.api, connections)
}

// echoShow sends the same requests to the echo.
func (s *site) echoShow(b *testing.B, connections int) Sample {
	b.Helper()
	return s.showFrom(b, s.echo.pid, s.echoAddr, connections)
}

func (s *site) showFrom(b *testing.B, pid int, addr string, connections int) Sample {
	b.Helper()
	all := requests(s.shown, func(_ int, id uuid.UUID) []byte { return ShowARQ(s.service.api, id) })
	m := newMeter(b, pid)
	m.load(Load{Addr: addr, Connections: connections, Count: b.N, Status: 200, Requests: all})
	return m.sample()
}

// list is a page of 1000 ARQs.
func (s *site) list(b *testing.B, connections int) Sample {
	b.Helper()
	m := newMeter(b, s.service.pid)
	m.load(Load{
		Addr: s.service.api, Connections: connections, Count: b.N, Status: 200,
		Requests: [][]byte{ListARQs(s.service.api, 1000)},
	})
	return m.sample()
}

// bindAndDelete binds ARQs, to Bound, and deletes them, as many at a time as
// there are handles.
func (s *site) bindAndDelete(b *testing.B) map[string]Sample {
	b.Helper()
	binding := newMeter(b, s.service.pid)
	deleting := newMeter(b, s.service.pid)
	deleting.label = "delete-"
	for left := b.N; left > 0; {
		n := min(left, bindable)
		ids := s.service.create(b, n)
		binding.load(s.each(s.service.binds(ids), 202))
		deleting.load(s.each(s.service.deletions(ids), 204))
		left -= n
	}
	return map[string]Sample{"bind/64": binding.sample(), "delete/64": deleting.sample()}
}

func (s *site) each(all [][]byte, status int) Load {
	return Load{Addr: s.service.api, Connections: 64, Count: len(all), Status: status, Requests: all}
}
