package actors

import "github.com/google/uuid"

// supplyChanged brings devices that are new, have changed or are gone.
type supplyChanged struct{ devices []change[Device] }

// supplyOfHost says whether a host is dead.
type supplyOfHost struct {
	hostname string
	dead     bool
}

// supplyBelow says what the provider is called that a host's devices go below.
type supplyBelow struct{ hostname, root string }

// supplyGone brings devices that are not on record any more and were shown.
type supplyGone struct{ devices []uuid.UUID }

// reconcile starts the reconciler with what a start has found.
func (s *System) reconcile(f *recovered) {
	if s.opts.Inventory == nil {
		return
	}
	r := newReconciler(s, f.shown)
	m := supplyChanged{}
	here := map[uuid.UUID]bool{}
	for _, d := range f.devices {
		here[d.UUID] = true
		m.devices = append(m.devices, change[Device]{nil, d})
	}
	for _, h := range f.hosts {
		if h.Dead {
			r.dead[h.Name] = true
		}
		r.roots[h.Name] = h.provider()
	}
	gone := supplyGone{}
	for id := range f.shown {
		if !here[id] {
			gone.devices = append(gone.devices, id)
		}
	}
	s.reconciler = s.engine.spawn(kindServiceActor, r)
	s.engine.tell(s.reconciler, gone)
	s.engine.tell(s.reconciler, m)
}

// supplyChanged passes the devices of a batch on that has become durable.
func (s *System) supplyChanged(b *batch) {
	if s.reconciler != nil && len(b.devices) > 0 {
		s.engine.tell(s.reconciler, supplyChanged{b.devices})
	}
}

// showHost has the scheduler see the devices of a host, or keeps it from them.
func (s *System) showHost(hostname string, dead bool) {
	if s.reconciler != nil {
		s.engine.tell(s.reconciler, supplyOfHost{hostname, dead})
	}
}

// showBelow moves the devices of a host, as the scheduler sees them, below
// another provider.
func (s *System) showBelow(hostname, root string) {
	if s.reconciler != nil {
		s.engine.tell(s.reconciler, supplyBelow{hostname, root})
	}
}
