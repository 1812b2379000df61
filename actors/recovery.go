package actors

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// recovered is what a start finds in the store, besides what it publishes.
type recovered struct {
	numbers    sequence
	devices    []*Device
	handles    map[uuid.UUID][]*heldHandle // by deployable
	events     []*Event
	unsettled  map[uuid.UUID]*part // ARQs of accepted binds
	lore       *lore
	arqs       *loader
	bulk       batch
	shown      map[uuid.UUID]*shown // by device
	lastNumber int
	awaited    *restoration
	hosts      []*hostRecord
	commands   []*commandRecord
}

// recover reads the store in one pass and publishes all of it.
func (s *System) recover(ctx context.Context) (*recovered, error) {
	f := &recovered{
		handles:   make(map[uuid.UUID][]*heldHandle),
		unsettled: make(map[uuid.UUID]*part),
		lore:      newLore(),
		arqs:      &loader{dir: s.dir},
		shown:     make(map[uuid.UUID]*shown),
	}
	err := s.store.Recover(ctx, func(r persistence.Record) error { return s.take(f, r) })
	if err != nil {
		return nil, err
	}
	f.arqs.finish()
	s.dir.makeRoom(&f.bulk)
	s.dir.publish(&f.bulk)
	s.holdAgain(f)
	s.order.Store(max(s.order.Load(), int64(f.lastNumber)))
	return f, nil
}

// take reads one record.
func (s *System) take(f *recovered, r persistence.Record) error {
	switch r.Key.Kind {
	case kindARQ:
		return f.takeARQ(r)
	case kindDevice:
		return f.takeDevice(r)
	case kindHandle:
		h, err := f.lore.decodeHandle(r)
		if err != nil {
			return err
		}
		f.handles[h.Deployable] = append(f.handles[h.Deployable], h)
		f.bulk.handles = append(f.bulk.handles, change[heldHandle]{nil, h})
	case kindInstance:
		members, err := decodeInstance(r)
		if err != nil {
			return err
		}
		f.bulk.instances = append(f.bulk.instances, instanceChange{r.Key.ID, r.Generation, members})
	case kindProfile:
		return f.takeProfile(r)
	case kindEvent:
		e, err := decodeEvent(r)
		if err != nil {
			return err
		}
		f.events = append(f.events, e)
	case kindShown:
		sh, err := decodeShown(r)
		if err != nil {
			return err
		}
		f.shown[r.Key.ID] = sh
	case kindHost:
		h, err := decodeHost(r)
		if err != nil {
			return err
		}
		f.hosts = append(f.hosts, h)
	case kindCommand:
		c, err := decodeCommand(r)
		if err != nil {
			return err
		}
		c.until = s.resumedUntil(c)
		f.commands = append(f.commands, c)
	case kindSequence:
		f.numbers.Generation = r.Generation
		return decodeJSON(r, &f.numbers)
	case kindRestoration:
		f.awaited = &restoration{Generation: r.Generation}
		return decodeJSON(r, f.awaited)
	}
	return nil
}

func (f *recovered) takeARQ(r persistence.Record) error {
	a, err := f.lore.decodeARQ(r)
	if err != nil {
		return err
	}
	if a.State == BindStarted {
		f.unsettled[a.UUID] = &part{id: a.UUID, ask: arqAsk{generation: a.Generation}}
	}
	f.arqs.add(a)
	return nil
}

func (f *recovered) takeDevice(r persistence.Record) error {
	d := &Device{}
	if err := decodeJSON(r, d); err != nil {
		return err
	}
	d.Generation = r.Generation
	for _, dep := range d.Deployables {
		for _, a := range dep.Attributes {
			f.lastNumber = max(f.lastNumber, a.ID)
		}
	}
	f.devices = append(f.devices, d)
	f.bulk.devices = append(f.bulk.devices, change[Device]{nil, d})
	return nil
}

func (f *recovered) takeProfile(r persistence.Record) error {
	p := &Profile{}
	if err := decodeJSON(r, p); err != nil {
		return err
	}
	p.Generation = r.Generation
	f.lastNumber = max(f.lastNumber, int(p.Seq))
	f.bulk.profiles = append(f.bulk.profiles, change[Profile]{nil, p})
	return nil
}

// holdAgain puts the events in order, and holds back again what those among
// them hold back that are not too old.
func (s *System) holdAgain(f *recovered) {
	slices.SortFunc(f.events, func(a, b *Event) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for _, e := range f.events {
		e.Held = e.Held && s.opts.HoldFailed && s.timeLeft(e) > 0
		if e.Held {
			s.dir.holdAgain(e)
		}
	}
}

// resume starts the devices' actors and takes up what was left unfinished.
func (s *System) resume(f *recovered) {
	s.await(f.awaited)
	r := s.resumeCommands(f)
	for _, h := range f.hosts {
		s.hosts.open(s, h.Name, h, r.host[h.Name])
	}
	s.dropCommands(r.drop)
	for _, d := range f.devices {
		var handles []*heldHandle
		for _, dep := range d.Deployables {
			handles = append(handles, f.handles[dep.UUID]...)
		}
		s.devices.start(s, d, handles, r.jobs[d.UUID], f.awaits(d.Hostname))
	}
	if len(f.events) > 0 {
		s.queue(f.events)
	}
	for instance, parts := range s.byInstance(f.unsettled) {
		s.log.Warn("a bind was cut short by a restart and fails", "instance", instance, "arqs", len(parts))
		s.settle(parts, evFailBind, "", nil)
	}
}

// byInstance gives the ARQs of each instance, in order of creation.
func (s *System) byInstance(unsettled map[uuid.UUID]*part) map[uuid.UUID][]*part {
	of := map[uuid.UUID][]*part{}
	for _, id := range ids(unsettled) {
		a, _ := s.dir.arq(id)
		of[a.Binding.InstanceUUID] = append(of[a.Binding.InstanceUUID], unsettled[id])
	}
	return of
}

// awaits tells whether a host has to report before its devices take part.
func (f *recovered) awaits(hostname string) bool {
	if f.awaited == nil {
		return false
	}
	_, awaited := slices.BinarySearch(f.awaited.Hosts, hostname)
	return awaited
}
