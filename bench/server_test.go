package bench

import (
	"errors"
	"testing"
	"time"

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

// BenchmarkServerBind is the PATCH of one ARQ to Bound, event and all, and the
// DELETE of it, 64 connections each.
func BenchmarkServerBind(b *testing.B) {
	p, client := openInProcess(b), startChild(b, roleLoad)
	if err := errors.Join(p.addDevices(), p.createProfile(profileBulk, handlesPerDevice)); err != nil {
		b.Fatal(err)
	}
	to := &service{api: p.addr}
	var binding, deleting time.Duration
	for left := b.N; left > 0; left -= bindable {
		ids := p.createMany(b, bindable)[:min(left, bindable)]
		binding += p.using(b, func() { client.send(b, to.all(to.binds(ids), 202)) })
		deleting += p.using(b, func() { client.send(b, to.all(to.deletions(ids), 204)) })
	}
	b.ReportMetric(float64(binding.Microseconds())/float64(b.N), "bind-cpu-us/op")
	b.ReportMetric(float64(deleting.Microseconds())/float64(b.N), "delete-cpu-us/op")
}

// createMany makes n ARQs, those of the profile in bulk at a time.
func (p *inProcess) createMany(b *testing.B, n int) []uuid.UUID {
	b.Helper()
	made := make([]uuid.UUID, 0, n)
	for len(made) < n {
		arqs, err := p.system.CreateARQs(b.Context(), actors.CreateARQs{ProfileName: profileBulk, ProjectID: "admin"})
		if err != nil {
			b.Fatal(err)
		}
		for _, a := range arqs {
			made = append(made, a.UUID)
		}
	}
	return made
}

// using gives the processor time that this process takes for work, and for the
// events behind it.
func (p *inProcess) using(b *testing.B, work func()) time.Duration {
	b.Helper()
	before, err := process.OwnCPU()
	if err != nil {
		b.Fatal(err)
	}
	work()
	for p.system.Stats().OutboxDepth > 0 {
		time.Sleep(time.Millisecond)
	}
	after, err := process.OwnCPU()
	if err != nil {
		b.Fatal(err)
	}
	return after - before
}

// send has the child carry out a load.
func (c *child) send(tb testing.TB, l Load) {
	tb.Helper()
	c.call(tb, l, new(Result))
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
