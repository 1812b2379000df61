package scenario

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

const (
	mostLists     = 4   // full lists at a time: each may be many megabytes
	mostInstances = 256 // that reads by instance take turns with
	bulk          = 64  // ARQs of a create that only fills
)

// stock is what reads ask for.
type stock struct {
	ids       []uuid.UUID
	instances []uuid.UUID
}

// read is reads of what is there, each kind by itself.
func (r *run) read() ([]stage, error) {
	s, err := r.makeStock(r.Stored)
	if err != nil {
		return nil, err
	}
	return []stage{{phases: r.reading("", s, true)}}, nil
}

// reading is a phase for each kind of read; the suffix goes behind their names.
func (r *run) reading(suffix string, s *stock, lists bool) []phase {
	phases := []phase{{name: "show" + suffix, plan: r.plan(), step: r.shows("show"+suffix, s)}}
	if len(s.instances) > 0 {
		phases = append(phases, phase{name: "instance" + suffix, plan: r.plan(), step: r.byInstance("instance"+suffix, s)})
	}
	if r.hasPages() {
		phases = append(phases, phase{name: "page" + suffix, plan: r.plan(), step: r.pages("page"+suffix, s)})
	}
	if lists {
		p := phase{name: "list" + suffix, plan: r.plan(), step: r.lists("list" + suffix)}
		p.plan.Workers = min(p.plan.Workers, mostLists)
		phases = append(phases, p)
	}
	return phases
}

// hasPages asks the service whether it has pages.
func (r *run) hasPages() bool {
	a := r.calm.Page(r.ctx, 1, uuid.Nil)
	if a.OK() {
		return true
	}
	r.note("pages are not measured: the service answers %s to limit", a.Outcome)
	return false
}

// makeStock makes ARQs, and instances with some more of them.
func (r *run) makeStock(n int) (*stock, error) {
	s := &stock{}
	var err error
	if s.ids, err = r.bulk(max(1, n)); err != nil {
		return nil, err
	}
	if err := r.findPlaces(); err != nil {
		r.note("reads by instance are not measured: %v", err)
		return s, nil
	}
	most := min(mostInstances, cap(r.places))
	s.instances, err = r.bindSome(most)
	if err != nil && !r.stopped() {
		r.note("reads by instance are of %d, and not of %d: %v", len(s.instances), most, err)
		err = nil
	}
	return s, err
}

// bulk makes about so many ARQs that stay, past the measurement.
func (r *run) bulk(n int) ([]uuid.UUID, error) {
	profile, err := r.profileOf(min(n, bulk))
	if err != nil {
		return nil, err
	}
	body := rest.CreateBody(profile)
	var (
		mu  sync.Mutex
		ids []uuid.UUID
		bad error
	)
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	each(ctx, min(r.Concurrency, cleaners), make([]struct{}, (n+bulk-1)/bulk), func(struct{}) {
		a := r.calm.CreateARQs(ctx, body)
		var made []uuid.UUID
		fault := a.Fault()
		if fault == nil {
			made = readIDs(&a)
			fault = a.Fault()
		}
		r.ledger.created(&a, made, true)
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, made...)
		if fault != nil {
			stop() // the others would fare no better
			bad = fmt.Errorf("making ARQs: %w", fault)
		}
	})
	if bad == nil {
		bad = r.ctx.Err()
	}
	return ids, bad
}

// bindSome makes instances with ARQs that stay. With an error it gives those that
// were made before it.
func (r *run) bindSome(n int) ([]uuid.UUID, error) {
	profile, err := r.profileOf(r.ARQs)
	if err != nil {
		return nil, err
	}
	var instances []uuid.UUID
	for range n {
		place := <-r.places // to stay there
		a := r.calm.CreateARQs(r.ctx, rest.CreateBody(profile))
		if err := a.Fault(); err != nil {
			return instances, fmt.Errorf("making an instance: %w", err)
		}
		ids := readIDs(&a)
		r.ledger.created(&a, ids, true)
		instance := uuid.New()
		r.ledger.addInstance(instance)
		a = r.calm.Bind(r.ctx, rest.Binding{Hostname: place.Hostname, Provider: place.Provider, Instance: instance}, ids...)
		if err := a.Fault(); err != nil {
			return instances, fmt.Errorf("binding an instance: %w", err)
		}
		r.ledger.gave(instance, ids)
		instances = append(instances, instance)
	}
	return instances, nil
}

func (r *run) shows(operation string, s *stock) func(*work) {
	return func(w *work) {
		id := s.ids[w.rng.IntN(len(s.ids))]
		w.call(operation, func() rest.Answer { return r.Client.Show(w.ctx, id) }, func(*rest.Answer) int { return 1 })
	}
}

func (r *run) byInstance(operation string, s *stock) func(*work) {
	return func(w *work) {
		instance := s.instances[w.rng.IntN(len(s.instances))]
		w.call(operation, func() rest.Answer { return r.Client.OfInstance(w.ctx, instance) }, countARQs)
	}
}

// pages asks for a page behind any ARQ.
func (r *run) pages(operation string, s *stock) func(*work) {
	return func(w *work) {
		behind := s.ids[w.rng.IntN(len(s.ids))]
		w.call(operation, func() rest.Answer { return r.Client.Page(w.ctx, r.Page, behind) }, countARQs)
	}
}

func (r *run) lists(operation string) func(*work) {
	return func(w *work) {
		w.call(operation, func() rest.Answer { return r.Client.List(w.ctx) }, countARQs)
	}
}

var member = []byte(`"device_profile_group_id"`)

// countARQs counts the ARQs of an answer without reading them.
func countARQs(a *rest.Answer) int { return bytes.Count(a.Body, member) }

// fill brings the service to so many ARQs, and measures before and after it.
func (r *run) fill() ([]stage, error) {
	before, err := r.makeStock(1)
	if err != nil {
		return nil, err
	}
	one, err := r.creating("create", r.ARQs, false)
	if err != nil {
		return nil, err
	}
	full, err := r.creating("create, full", r.ARQs, false)
	if err != nil {
		return nil, err
	}
	filling, err := r.creating("fill", r.ARQs, true)
	if err != nil {
		return nil, err
	}
	filling.plan.Count, filling.plan.Duration = int64(max(1, (r.Stored+r.ARQs-1)/r.ARQs)), 0
	filling.plan.Rate, filling.plan.Ramp = 0, 0
	filling.timed = "fill"
	return []stage{
		{phases: slices.Concat([]phase{one}, r.reading("", before, false))},
		{phases: []phase{filling}, once: true},
		{phases: slices.Concat([]phase{full}, r.reading(", full", before, false))},
	}, nil
}
