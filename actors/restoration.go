package actors

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// A store that was restored from a backup does not know what was given out
// after the backup was taken. Until a host has reported what it has, its
// devices give nothing away and clean nothing up. That survives restarts: the
// hosts awaited are on record.

// restoration is the record of the hosts that have not reported since.
type restoration struct {
	Generation uint64    `json:"-"`
	Taken      time.Time `json:"taken"` // when the backup was
	Hosts      []string  `json:"hosts"`
}

// Source is what records are read from.
type Source interface {
	Each(ctx context.Context, visit func(persistence.Record) error) error
}

// Restored gives the records of a backup that was taken at a time, as they are
// to be restored: with the record that has every host of theirs awaited, without
// what was loaded into their FPGAs, and with no bind under way (see BindsOver).
func Restored(from Source, taken time.Time, bound func(*ARQ)) Source {
	return restored{BindsOver(from, bound), taken}
}

type restored struct {
	from  Source
	taken time.Time
}

// Each visits the records of the backup, and then the one that was added.
func (s restored) Each(ctx context.Context, visit func(persistence.Record) error) error {
	awaited := restoration{Taken: s.taken}
	err := s.from.Each(ctx, func(r persistence.Record) error {
		switch r.Key.Kind {
		case kindRestoration:
			return nil // of an earlier one: all its hosts are awaited again
		case kindDevice:
			d := &Device{}
			if err := decodeJSON(r, d); err != nil {
				return err
			}
			awaited.Hosts = append(awaited.Hosts, d.Hostname)
			if d.forgetImages() {
				r.Body, r.Claims = encodeJSON(d), deviceClaims(d)
			}
		}
		return visit(r)
	})
	slices.Sort(awaited.Hosts)
	awaited.Hosts = slices.Compact(awaited.Hosts)
	if err != nil || len(awaited.Hosts) == 0 {
		return err
	}
	return visit(persistence.Record{Key: restorationKey(), Generation: 1, Body: encodeJSON(&awaited)})
}

// BindsOver gives records in which the binds are over that were under way, and says of
// each accelerator request that it is Bound. If the bind was done since, its guest has what
// it shows; if not, the compute service has given up waiting, for no event of it
// is sent, and whoever removes the instance gives the handle back. Failed, its handle would go
// to another guest in either case.
func BindsOver(from Source, bound func(*ARQ)) Source { return bindsOver{from, bound} }

type bindsOver struct {
	from  Source
	bound func(*ARQ)
}

// Each visits the records.
func (s bindsOver) Each(ctx context.Context, visit func(persistence.Record) error) error {
	l := newLore()
	return s.from.Each(ctx, func(r persistence.Record) error {
		if r.Key.Kind != kindARQ {
			return visit(r)
		}
		a, err := l.decodeARQ(r)
		if err != nil {
			return err
		}
		if a.State == BindStarted && a.Binding.Handle != nil {
			a.State = Bound
			r.Body = encodeARQ(a)
			s.bound(a)
		}
		return visit(r)
	})
}

// forgetImages takes note that it is not known what is loaded, nor what guests miss,
// and says whether anything was.
func (d *Device) forgetImages() (known bool) {
	for _, dep := range d.Deployables {
		known = known || dep.BitstreamID != uuid.Nil || dep.Lost != nil
		dep.loaded(uuid.Nil, "")
		dep.Lost = nil
	}
	if !known || !d.judgeLoads(false, nil) {
		return known
	}
	for _, dep := range d.Deployables {
		for _, show := range d.healthShown() {
			dep.showOther(show.key, show.value)
		}
	}
	return true
}

// Accepted gives the records of a backup as they are to be restored where nothing
// has happened since: no host is awaited, nor those that the store awaited when the
// backup was taken.
func Accepted(from Source) Source { return accepted{from} }

type accepted struct{ from Source }

// Each visits the records of the backup but the one of hosts that are awaited.
func (s accepted) Each(ctx context.Context, visit func(persistence.Record) error) error {
	return s.from.Each(ctx, func(r persistence.Record) error {
		if r.Key.Kind == kindRestoration {
			return nil
		}
		return visit(r)
	})
}

// hostArrived tells a device that its host, which was awaited, has reported.
type hostArrived struct{}

// hostReported tells of a host whose inventory is on record.
type hostReported struct {
	hostname string
	promise  promise[struct{}]
}

func (m *hostReported) fail(err error) { m.promise.fail(err) }

// awaitedWritten is the store's verdict on what hosts are awaited.
type awaitedWritten struct {
	next   *restoration
	result persistence.Result
	asked  *hostReported
}

func (m *awaitedWritten) fail(err error) { m.asked.fail(err) }

// waitingRoom owns the record of the hosts that are awaited.
type waitingRoom struct {
	sys     *System
	rest    *restoration
	writing bool
	waiting []*hostReported
}

func (w *waitingRoom) receive(ctx actor.Context, msg any) {
	switch m := msg.(type) {
	case *hostReported:
		w.waiting = append(w.waiting, m)
	case *awaitedWritten:
		w.writing = false
		w.written(m)
	}
	for !w.writing && len(w.waiting) > 0 {
		next := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.arrive(ctx.Self(), next)
	}
}

// arrive strikes a host off the record.
func (w *waitingRoom) arrive(self *actor.PID, m *hostReported) {
	i, awaited := slices.BinarySearch(w.rest.Hosts, m.hostname)
	if !awaited {
		m.promise.resolve(struct{}{}, nil)
		return
	}
	next := *w.rest
	next.Hosts = slices.Delete(slices.Clone(w.rest.Hosts), i, i+1)
	next.Generation++
	b := relief()
	if len(next.Hosts) > 0 {
		b.put(restorationKey(), w.rest.Generation, encodeJSON(&next), nil)
	} else {
		b.remove(restorationKey(), w.rest.Generation)
	}
	w.writing = true
	w.sys.submit(b, func(r persistence.Result) {
		w.sys.engine.tell(self, &awaitedWritten{&next, r, m})
	})
}

func (w *waitingRoom) written(m *awaitedWritten) {
	if err := storeError(m.result); err != nil {
		m.fail(err)
		return
	}
	w.rest = m.next
	w.sys.awaited.Store(int64(len(w.rest.Hosts)))
	for _, d := range w.sys.devicesOf(m.asked.hostname) {
		w.sys.devices.tell(d.UUID, hostArrived{})
	}
	w.sys.log.Info("a host has reported since the store was restored from a backup",
		"host", m.asked.hostname, "still_awaited", len(w.rest.Hosts))
	m.asked.promise.resolve(struct{}{}, nil)
}

// await begins to wait for the hosts of a store that was restored.
func (s *System) await(rest *restoration) {
	if rest == nil {
		return
	}
	s.log.Warn("the store was restored from a backup; devices take no bind until their host has reported",
		"taken", rest.Taken, "hosts", strings.Join(rest.Hosts, ","))
	s.awaited.Store(int64(len(rest.Hosts)))
	s.waitingRoom = s.engine.spawn(kindServiceActor, &waitingRoom{sys: s, rest: rest})
}

// reported lets the devices of a host take part again, if they did not.
func (s *System) reported(ctx context.Context, hostname string) error {
	if s.waitingRoom == nil {
		return nil
	}
	p := newPromise[struct{}]()
	_, err := call(ctx, s, p, func() error {
		s.engine.tell(s.waitingRoom, &hostReported{hostname, p})
		return nil
	})
	return err
}
