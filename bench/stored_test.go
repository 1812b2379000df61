package bench

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
)

// The lines of reads by instance.
const (
	instanceFew  = "instance, few stored"
	instanceMany = "instance, many stored"
)

const (
	fewStored   = 1000
	instances   = 256 // that are read, of one ARQ each
	profileOf8  = "bench-fpga-8"
	profileBulk = "bench-fpga-bulk"
	bulkEach    = 32 // ARQs of a create in bulk
)

// BenchmarkStored fills services in bulk, and reads by instance from one that is
// nearly empty and one that is full.
func BenchmarkStored(b *testing.B) { whole(b, stored) }

func stored(tb testing.TB, into *Report) {
	tb.Helper()
	arqs, rounds := number(tb, arqsVariable, fewARQs), number(tb, roundsVariable, usualRounds)
	binary := buildService(tb)
	for round := range rounds {
		full := newPlace(tb, binary, handlesPerDevice).start(tb)
		full.fillInBulk(tb, arqs, into)
		say("%d in bulk: round %d is over", arqs, round+1)
		if round == rounds-1 {
			readByInstance(tb, full, newPlace(tb, binary, handlesPerDevice).start(tb), into)
		}
		full.stop(tb)
	}
}

// fillInBulk times the tenths of so many creates.
func (s *service) fillInBulk(tb testing.TB, arqs int, into *Report) {
	tb.Helper()
	s.do(tb, CreateProfile(s.api, profileBulk, bulkEach, profileGroup...), 201)
	var tenths []Sample
	for range 10 {
		n := max(1, arqs/bulkEach/10)
		m := &meter{tb: tb, pid: s.pid}
		m.load(Load{
			Addr: s.api, Connections: 64, Count: n, Status: 201, Requests: [][]byte{CreateARQs(s.api, profileBulk)},
		})
		tenths = append(tenths, m.sample(n*bulkEach))
	}
	first, last := tenths[0], tenths[9]
	into.AddGoal("bulk", last.Rate/first.Rate, fmt.Sprintf("last %.1f, first %.1f", last.CPU, first.CPU))
	into.AddFigure(Figure{Name: fmt.Sprintf("%d ARQs in bulk, last tenth", arqs), Value: last.Rate, Unit: "ARQs/s"})
}

// readByInstance measures the reads of both services in turn.
func readByInstance(tb testing.TB, full, few *service, into *Report) {
	tb.Helper()
	defer few.stop(tb)
	few.do(tb, CreateProfile(few.api, profileName, 1, profileGroup...), 201)
	full.do(tb, CreateProfile(full.api, profileName, 1, profileGroup...), 201)
	few.create(tb, fewStored-instances)
	ofFew, ofFull := few.bindSome(tb), full.bindSome(tb)
	count := max(fewest, int(few.readsByInstance(tb, ofFew, 2000).Rate*seconds(tb)))
	full.readsByInstance(tb, ofFull, 2000)
	for round := range number(tb, roundsVariable, usualRounds) {
		inTurn(round,
			func() { into.Add(round, instanceFew, few.readsByInstance(tb, ofFew, count)) },
			func() { into.Add(round, instanceMany, full.readsByInstance(tb, ofFull, count)) })
	}
}

// bindSome binds ARQs, for instances of one each, and gives the requests that
// look at these.
func (s *service) bindSome(tb testing.TB) [][]byte {
	tb.Helper()
	ids := s.create(tb, instances)
	reads := make([][]byte, instances)
	binds := requests(ids, func(i int, id uuid.UUID) []byte {
		to := bindingOf(i)
		reads[i] = request("GET", s.api, collection+"?instance="+to.Instance.String(), nil)
		return BindARQ(s.api, id, to)
	})
	run(tb, Load{Addr: s.api, Connections: 16, Requests: binds, Count: len(binds), Status: 202})
	return reads
}

func (s *service) readsByInstance(tb testing.TB, reads [][]byte, n int) Sample {
	tb.Helper()
	m := &meter{tb: tb, pid: s.pid}
	m.load(Load{Addr: s.api, Connections: 64, Requests: reads, Count: n, Status: 200})
	return m.sample(n)
}
