package actors

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// timedARQ is an ARQ of the usual size, bound if it is to be.
func timedARQ(bound bool) *ARQ {
	a := &ARQ{
		UUID: uuid.Must(uuid.NewV7()), Generation: 1, ProjectID: "b0f3e7d4a1c94c0f8d7e6a5b4c3d2e1f", CreatedAt: 1795447055,
		Group: &Group{ProfileUUID: uuid.New(), ProfileName: "gpu-small", Requests: []Request{
			{Key: "resources:PGPU", Value: "1"}, {Key: "trait:CUSTOM_GPU_NVIDIA", Value: "required"},
		}},
	}
	if bound {
		a.State = Bound
		a.Binding = &Binding{
			Hostname: "compute-0012", ProviderUUID: uuid.New(), InstanceUUID: uuid.New(),
			Handle: &Handle{UUID: uuid.New(), Type: "PCI", Info: `{"domain": "0000", "bus": "0c", "device": "00", "function": "1"}`},
		}
	}
	return a
}

func BenchmarkStateMachine(b *testing.B) {
	a, binding := timedARQ(false), timedARQ(true).Binding
	ask := arqAsk{event: evBind, scope: Scope{Admin: true}, bind: &BindTo{Hostname: binding.Hostname}}
	b.ReportAllocs()
	for b.Loop() {
		if err := ask.check(a); err != nil {
			b.Fatal(err)
		}
		if next := a.after(evBind, binding, 1); next.State != Bound {
			b.Fatal(next.State)
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	for name, a := range map[string]*ARQ{"unbound": timedARQ(false), "bound": timedARQ(true)} {
		record := persistence.Record{Key: arqKey(a.UUID), Generation: 1, Body: encodeARQ(a)}
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(record.Body)))
			for b.Loop() {
				encodeARQ(a)
			}
		})
		b.Run("decode/"+name, func(b *testing.B) {
			known := newLore()
			b.ReportAllocs()
			b.SetBytes(int64(len(record.Body)))
			for b.Loop() {
				if _, err := known.decodeARQ(record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// timedDirectory has n ARQs, a hundred of them bound, each to an instance.
func timedDirectory(n int) (d *directory, ids, instances []uuid.UUID) {
	d = newDirectory()
	group := timedARQ(false).Group
	for i := range n {
		a := timedARQ(i < 100)
		a.Group, a.ProjectID = group, intern(fmt.Sprintf("project-%d", i%25))
		c := &batch{arqs: []change[ARQ]{{nil, a}}}
		if a.Binding != nil {
			c.instances = []instanceChange{{a.Binding.InstanceUUID, 1, []uuid.UUID{a.UUID}}}
			instances = append(instances, a.Binding.InstanceUUID)
		}
		d.publish(c)
		ids = append(ids, a.UUID)
	}
	return d, ids, instances
}

// BenchmarkDirectory reads and publishes where few and where many are stored: the
// cost follows the answer.
func BenchmarkDirectory(b *testing.B) {
	for _, stored := range []int{1000, 100_000} {
		d, ids, instances := timedDirectory(stored)
		run := func(name string, op func(i int)) {
			b.Run(fmt.Sprintf("%s/%d", name, stored), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					op(i)
				}
			})
		}
		run("show", func(i int) { d.show(ids[i%len(ids)]) })
		run("instance", func(i int) {
			consume(b, d, ARQQuery{Scope: Scope{Admin: true}, Instance: instances[i%len(instances)]}, 1)
		})
		run("page-100", func(i int) {
			consume(b, d, ARQQuery{Scope: Scope{Admin: true}, After: ids[i%(len(ids)/2)], Limit: 100}, 100)
		})
		run("publish", func(int) { d.publish(&batch{arqs: []change[ARQ]{{nil, timedARQ(false)}}}) })
	}
}

func consume(b *testing.B, d *directory, q ARQQuery, want int) {
	b.Helper()
	found, err := d.query(q)
	n := 0
	if err == nil {
		for range found {
			n++
		}
	}
	if err != nil || n != want {
		b.Fatalf("%d ARQs (%v), want %d", n, err, want)
	}
}

func BenchmarkPickHandles(b *testing.B) {
	set := handleSet{}
	for i := range 1024 {
		h := &heldHandle{Order: i}
		if i%3 > 0 {
			h.State = handleTaken
		}
		set.set(h)
	}
	b.ReportAllocs()
	for b.Loop() {
		if picked := set.pick(4); len(picked) != 4 {
			b.Fatal(len(picked))
		}
	}
}

// BenchmarkActor is a message to an actor and its answer.
func BenchmarkActor(b *testing.B) {
	w := newWitness()
	m := mailboxOf(w)
	b.ReportAllocs()
	for b.Loop() {
		m.PostUserMessage(passivate{})
		<-w.done
		w.seen = w.seen[:0]
	}
}

// What is asked of a host's devices does not depend on how many others there are.
func BenchmarkDevicesOfAHost(b *testing.B) {
	for _, hosts := range []int{100, 10_000} {
		d := newDirectory()
		for i := range 8 * hosts {
			d.devices.replace(nil, &Device{
				ID: i, UUID: uuid.New(), Hostname: fmt.Sprintf("compute-%05d", i/8), ControlPath: devices.ControlPathID{Info: strconv.Itoa(i)},
			})
		}
		b.Run(strconv.Itoa(hosts), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := d.devicesOf("compute-00017"); len(got) != 8 {
					b.Fatal(len(got))
				}
			}
		})
	}
}
