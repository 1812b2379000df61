package actors

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// The calls of a simulation's clients, each written down with its answer.

func (s *simulation) told(l *life, a ask, call func(ctx context.Context) error) error {
	k := s.history.asks(l, a)
	err := call(l.ctx)
	s.history.answered(s, k, err)
	return err
}

func (s *simulation) askCreate(l *life, profile string) []uuid.UUID {
	a := &createAsk{profile: profile}
	_ = s.told(l, a, func(ctx context.Context) (err error) {
		a.made, err = l.sys.CreateARQs(ctx, CreateARQs{ProfileName: profile, ProjectID: "demo"})
		return err
	})
	var ids []uuid.UUID
	for _, made := range a.made {
		ids = append(ids, made.UUID)
	}
	return ids
}

func (s *simulation) askPatch(l *life, items ...PatchItem) error {
	return s.told(l, &patchAsk{items}, func(ctx context.Context) error {
		return l.sys.PatchARQs(ctx, Patch{Scope: demo, Items: items})
	})
}

// askBind binds ARQs to an instance on a host.
func (s *simulation) askBind(l *life, host string, instance uuid.UUID, ids ...uuid.UUID) error {
	var items []PatchItem
	for _, id := range ids {
		items = append(items, PatchItem{id, s.toHost(host, instance)})
	}
	return s.askPatch(l, items...)
}

func (s *simulation) askUnbind(l *life, ids ...uuid.UUID) error {
	var items []PatchItem
	for _, id := range ids {
		items = append(items, PatchItem{ARQ: id})
	}
	return s.askPatch(l, items...)
}

// toHost asks for a binding; it takes the provider from the inventory and not
// from the service, which may be on its way down.
func (s *simulation) toHost(host string, instance uuid.UUID) *BindTo {
	dep := simInventory(host)[0].Deployables[0]
	return &BindTo{Hostname: host, ProviderUUID: dep.ProviderUUID(), InstanceUUID: instance}
}

func (s *simulation) askRemove(l *life, ids ...uuid.UUID) error {
	return s.told(l, &removeAsk{ids: ids}, func(ctx context.Context) error {
		return l.sys.DeleteARQs(ctx, DeleteARQs{Scope: demo, ARQs: ids, Service: true})
	})
}

func (s *simulation) askRemoveInstance(l *life, instance uuid.UUID) error {
	return s.told(l, &removeAsk{instance: instance}, func(ctx context.Context) error {
		return l.sys.DeleteARQs(ctx, DeleteARQs{Scope: demo, Instance: instance, Service: true})
	})
}

func (s *simulation) askEnabled(l *life, host string, enabled bool) error {
	id := s.deviceOf(l, host).UUID
	return s.told(l, &enableAsk{id, enabled}, func(ctx context.Context) error {
		return l.sys.SetDeviceEnabled(ctx, id, enabled)
	})
}

func (s *simulation) deviceOf(l *life, host string) *Device {
	for _, d := range l.sys.Devices() {
		if d.Hostname == host {
			return d
		}
	}
	return nil
}

func (s *simulation) askProgram(l *life, host, image string) error {
	d := s.deviceOf(l, host)
	a := &programAsk{d.UUID, d.Deployables[0].UUID, uuid.MustParse(image)}
	return s.told(l, a, func(ctx context.Context) error {
		_, err := l.sys.ProgramDeployable(ctx, a.deployable, a.image)
		return err
	})
}

func (s *simulation) askAttribute(l *life, host string, id uuid.UUID) error {
	d := s.deviceOf(l, host)
	return s.told(l, &attributeAsk{d.UUID, id, false}, func(ctx context.Context) error {
		_, err := l.sys.CreateAttribute(ctx, NewAttribute{UUID: id, DeployableID: d.Deployables[0].ID, Key: "k", Value: "v"})
		return err
	})
}

func (s *simulation) askNoAttribute(l *life, host string, id uuid.UUID) error {
	return s.told(l, &attributeAsk{s.deviceOf(l, host).UUID, id, true}, func(ctx context.Context) error {
		return l.sys.DeleteAttribute(ctx, id)
	})
}

func (s *simulation) askProfile(l *life, name string, requests ...Request) error {
	return s.told(l, &profileAsk{name}, func(ctx context.Context) error {
		_, err := l.sys.CreateProfile(ctx, ProfileSpec{Name: name, Groups: [][]Request{requests}})
		return err
	})
}

func (s *simulation) askDrop(l *life, names ...string) error {
	return s.told(l, &dropAsk{names}, func(ctx context.Context) error { return l.sys.DeleteProfiles(ctx, names) })
}

// look reads an ARQ and an instance's list, and holds what is seen against
// what was durable: nothing that is not yet, nothing that is no more for those
// who were answered.
func (s *simulation) look(l *life, id, instance uuid.UUID) {
	h := s.history
	h.mu.Lock()
	k := &simCall{life: l, begin: len(h.commits), seq: h.tick(), from: time.Now()}
	h.mu.Unlock()
	one, there := l.sys.ARQ(id)
	seq, err := l.sys.ARQs(ARQQuery{Scope: demo, Instance: instance})
	listed := slices.Collect(seq)
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.isDead() || err != nil {
		return
	}
	k.end = len(h.commits)
	w := h.window(k)
	if !ever(h, arqKey(id), w, func(q *ARQ) bool { return there == (q != nil) && (q == nil || sameARQ(q, one)) }) {
		h.violated("ARQ %s is shown as %+v (%v), which it was after none of the commits %v", id, one, there, w)
	}
	h.checkHold(s, one)
	if !w.ever(func(i int) bool { return h.lists(instance, i, listed) }) {
		h.violated("instance %s is shown with %d ARQs, which it had after none of the commits %v", instance, len(listed), w)
	}
}

func sameARQ(a, b *ARQ) bool {
	return a.Generation == b.Generation && a.stored() == b.stored() && (a.Binding == nil) == (b.Binding == nil)
}

// lists says whether a list is what an instance had after a commit.
func (h *history) lists(instance uuid.UUID, index int, listed []*ARQ) bool {
	members := h.members(instance, index)
	return len(members) == len(listed) && !slices.ContainsFunc(listed, func(a *ARQ) bool {
		q := atOf[ARQ](h, arqKey(a.UUID), index)
		return !slices.Contains(members, a.UUID) || q == nil || !sameARQ(q, a)
	})
}

// crowd are clients that do what comes into their heads, on the same few ARQs.
type crowd struct {
	s    *simulation
	mu   sync.Mutex
	arqs []uuid.UUID
}

// simProfiles are what ARQs are made from: by name, what they ask for.
var simProfiles = []struct {
	name     string
	requests []Request
}{
	{"one", []Request{{"resources:FPGA", "1"}}},
	{"two", []Request{{"resources:FPGA", "2"}}},
	{"program", []Request{{"resources:FPGA", "1"}, {keyBitstream, image}}},
	{"other", []Request{{"resources:FPGA", "1"}, {keyBitstream, otherImage}}},
	{"vgpu", []Request{{"resources:VGPU", "1"}}},
	{"programmed-vgpu", []Request{{"resources:VGPU", "1"}, {keyBitstream, image}}},
}

const otherImage = "20000000-0000-4000-8000-000000000002"

// client makes some calls, and ends when its process does.
func (c *crowd) client(l *life, rng *rand.Rand) {
	for range 1 + rng.IntN(8) {
		if l.isDead() {
			return
		}
		c.step(l, rng)
		<-time.After(time.Duration(rng.IntN(300)) * time.Millisecond)
	}
}

func (c *crowd) step(l *life, rng *rand.Rand) {
	s, instance := c.s, uuid.UUID{15: byte(1 + rng.IntN(3))}
	hosts := s.hosts()
	host := hosts[rng.IntN(len(hosts))]
	spare := []string{"spare", "other-spare"}[rng.IntN(2)]
	attribute := uuid.UUID{0: 0xa, 15: byte(rng.IntN(2))}
	c.mu.Lock()
	s.counts.steps++
	c.mu.Unlock()
	switch n := rng.IntN(27); {
	case n < 5:
		made := s.askCreate(l, simProfiles[rng.IntN(len(simProfiles))].name)
		c.mu.Lock()
		c.arqs = append(c.arqs, made...)
		c.mu.Unlock()
	case n < 13:
		if items := c.items(rng, host, instance); len(items) > 0 {
			_ = s.askPatch(l, items...)
		}
	case n < 15:
		if ids := c.some(rng, 2); len(ids) > 0 {
			_ = s.askRemove(l, ids...)
		}
	case n < 17:
		_ = s.askRemoveInstance(l, instance)
	case n < 18:
		_ = s.askEnabled(l, host, rng.IntN(3) > 0)
	case n < 19:
		_ = s.askProgram(l, host, []string{image, otherImage}[rng.IntN(2)])
	case n < 20:
		_ = s.askAttribute(l, "h", attribute)
	case n < 21:
		_ = s.askNoAttribute(l, "h", attribute)
	case n < 22:
		if rng.IntN(2) == 0 {
			_ = s.askProfile(l, spare, Request{"resources:FPGA", "1"})
		} else {
			_ = s.askCreate(l, spare)
		}
	case n < 23:
		_ = s.askDrop(l, spare)
	case n < 26:
		errors := uint64(rng.IntN(3)) // another number than before is growth
		s.examine(l, host, []devices.HealthState{ok, ok, shaky, failed}[rng.IntN(4)], errors)
	default:
		if ids := c.some(rng, 1); len(ids) > 0 {
			s.look(l, ids[0], instance)
		}
	}
}

// some gives up to n of the ARQs made so far, hot ones rather than cold.
func (c *crowd) some(rng *rand.Rand, n int) []uuid.UUID {
	c.mu.Lock()
	recent := c.arqs[max(0, len(c.arqs)-6):]
	c.mu.Unlock()
	var ids []uuid.UUID
	for range 1 + rng.IntN(n) {
		if len(recent) == 0 {
			break
		}
		if id := recent[rng.IntN(len(recent))]; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *crowd) items(rng *rand.Rand, host string, instance uuid.UUID) []PatchItem {
	var items []PatchItem
	unbind := rng.IntN(3) == 0
	for _, id := range c.some(rng, 3) {
		item := PatchItem{ARQ: id}
		if rng.IntN(6) == 0 { // one PATCH may bind to several hosts
			host = c.s.hosts()[rng.IntN(len(c.s.hosts()))]
		}
		if !unbind {
			item.Bind = c.s.toHost(host, instance)
		}
		if rng.IntN(8) == 0 {
			unbind = !unbind
		}
		items = append(items, item)
	}
	return items
}
