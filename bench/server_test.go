package bench

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/bench/process"
)

// The benchmarks of this file are for profiles: the service is in this process
// and the load comes from another, so that time, allocations and profiles are
// the service's alone.

// BenchmarkServerCreate is the durable create of one ARQ, 64 connections.
func BenchmarkServerCreate(b *testing.B) {
	p, client := openInProcess(b), startChild(b, roleLoad)
	measureServer(b, client, Load{
		Addr: p.addr, Connections: 64, Count: b.N, Status: 201,
		Requests: [][]byte{CreateARQs(p.addr, profileName)},
	})
}

// BenchmarkServerShow is the GET of one ARQ of many, 64 connections.
func BenchmarkServerShow(b *testing.B) {
	p, client := openInProcess(b), startChild(b, roleLoad)
	all := requests(p.create(b, 1000), func(_ int, id uuid.UUID) []byte { return ShowARQ(p.addr, id) })
	measureServer(b, client, Load{Addr: p.addr, Connections: 64, Count: b.N, Status: 200, Requests: all})
}

// BenchmarkServerList is a page of 1000 ARQs, 16 connections.
func BenchmarkServerList(b *testing.B) {
	p, client := openInProcess(b), startChild(b, roleLoad)
	p.create(b, 1000)
	measureServer(b, client, Load{
		Addr: p.addr, Connections: 16, Count: b.N, Status: 200, Requests: [][]byte{ListARQs(p.addr, 1000)},
	})
}

// BenchmarkServerBind is the PATCH of one ARQ to Bound, 64 connections; an
// operation includes its event, and that it is deleted behind.
func BenchmarkServerBind(b *testing.B) {
	p, client := openInProcess(b), startChild(b, roleLoad)
	err := errors.Join(p.addDevices(), p.createProfile(profileBulk, handlesPerDevice))
	if err != nil {
		b.Fatal(err)
	}
	to := &service{api: p.addr}
	for left := b.N; left > 0; left -= bindable {
		ids := make([]uuid.UUID, 0, bindable)
		for range fakeDevices {
			arqs, err := p.system.CreateARQs(b.Context(), actors.CreateARQs{ProfileName: profileBulk, ProjectID: "admin"})
			if err != nil {
				b.Fatal(err)
			}
			for _, a := range arqs {
				ids = append(ids, a.UUID)
			}
		}
		ids = ids[:min(left, bindable)]
		for _, l := range []Load{{Requests: to.binds(ids), Status: 202}, {Requests: to.deletions(ids), Status: 204}} {
			l.Addr, l.Connections, l.Count = p.addr, 64, len(ids)
			client.call(b, l, new(Result))
		}
	}
}

// create makes ARQs and gives their uuids.
func (p *inProcess) create(b *testing.B, n int) []uuid.UUID {
	b.Helper()
	made := make([]uuid.UUID, 0, n)
	for range n {
		arqs, err := p.system.CreateARQs(b.Context(), actors.CreateARQs{ProfileName: profileName, ProjectID: "admin"})
		if err != nil {
			b.Fatal(err)
		}
		made = append(made, arqs[0].UUID)
	}
	return made
}

func measureServer(b *testing.B, client *child, load Load) {
	b.Helper()
	before, err := process.OwnCPU()
	if err != nil {
		b.Fatal(err)
	}
	var result Result
	b.ReportAllocs()
	b.ResetTimer()
	client.call(b, load, &result)
	b.StopTimer()
	after, err := process.OwnCPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((after-before).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/result.Elapsed.Seconds(), "op/s")
}
