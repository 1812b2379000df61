package actors

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/persistence"
)

// obliging is a store that takes everything and keeps nothing: what an operation
// costs without one.
type obliging struct {
	persistence.Store
	asked chan func(persistence.Result)
}

func (o obliging) Recover(context.Context, func(persistence.Record) error) error { return nil }

func (o obliging) Submit(_ persistence.Transition, done func(persistence.Result)) { o.asked <- done }

func (o obliging) run() {
	for done := range o.asked {
		done(persistence.Result{Outcome: persistence.Won})
	}
}

// BenchmarkOperations binds an ARQ, tells of it, and deletes it, many at a time.
func BenchmarkOperations(b *testing.B) {
	store := obliging{asked: make(chan func(persistence.Result), 1024)}
	go store.run()
	defer close(store.asked)
	hardware := hardwareFunc(func(context.Context, devices.Command) error { return nil })
	sys := New(Options{LocalHosts: []string{"h"}}, store, hardware, NotifierFunc(func(context.Context, []*Event) []error { return nil }))
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(sys.Start(b.Context()))
	found, err := fake.New(fake.Options{Host: "h", DevicesPerHost: 4, HandlesPerDevice: 64}).Discover(b.Context())
	must(err)
	must(sys.RegisterInventory(b.Context(), "h", found.Devices))
	_, err = sys.CreateProfile(b.Context(), ProfileSpec{Name: "p", Groups: [][]Request{{{"resources:FPGA", "1"}}}})
	must(err)
	devs := sys.Devices()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		scope := Scope{ProjectID: "demo"}
		for i := 0; pb.Next(); i++ {
			made, err := sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "p", ProjectID: "demo"})
			if err != nil {
				b.Error(err)
				return
			}
			id := made[0].UUID
			to := &BindTo{Hostname: "h", ProviderUUID: devs[i%len(devs)].Deployables[0].ProviderUUID, InstanceUUID: uuid.New()}
			if err := sys.PatchARQs(context.Background(), Patch{Scope: scope, Items: []PatchItem{{id, to}}}); err != nil {
				b.Error(err)
			}
			if err := sys.DeleteARQs(context.Background(), DeleteARQs{Scope: scope, ARQs: []uuid.UUID{id}, Service: true}); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	must(sys.Stop(context.Background()))
}
