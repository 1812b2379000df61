package test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/arqd/arqd/test/history"
)

// The world of the recorded histories: cells of two devices each, with few
// handles, few instances and few ARQs that all clients of the cell fight over.
// No request goes beyond its cell, so that each can be checked by itself; the
// service does not know of cells.
const (
	historyCells     = 4
	clientsPerCell   = 3
	devicesPerCell   = 2
	instancesPerCell = 4
	arqsPerCell      = 12 // about so many at a time
)

// cell is what the clients of a cell share. They learn from answers, but only
// to choose sensibly: what is true is the checker's affair.
type cell struct {
	number    int
	devices   []string // their hosts
	instances []string
	profiles  map[string]history.Profile

	mu     sync.Mutex
	arqs   []string          // uuids
	of     map[string]string // the instance that each is believed to have
	image  map[string]string // that each needs
	gone   []string          // the last ones that were deleted
	binds  []history.Request // the last ones, to be repeated
	tokens int
}

func newCell(number int) *cell {
	c := &cell{
		number: number, profiles: map[string]history.Profile{},
		of: map[string]string{}, image: map[string]string{},
	}
	for i := range devicesPerCell {
		c.devices = append(c.devices, c.name(fmt.Sprintf("d%d", i)))
	}
	for i := range instancesPerCell {
		c.instances = append(c.instances, c.name(fmt.Sprintf("i%d", i)))
	}
	image, other := newUUID(), newUUID()
	for name, p := range map[string]history.Profile{
		"one": {Amount: 1}, "two": {Amount: 2}, "four": {Amount: 4},
		"load": {Amount: 1, Image: image}, "loads": {Amount: 2, Image: image}, "other": {Amount: 1, Image: other},
		"bad": {Amount: 1, Image: badImage, Fails: true},
	} {
		c.profiles[c.name(name)] = p
	}
	return c
}

// name gives the cell's own name of something.
func (c *cell) name(of string) string { return fmt.Sprintf("c%d-%s", c.number, of) }

// owns says whether the cell made a name.
func (c *cell) owns(name string) bool { return strings.HasPrefix(name, c.name("")) }

// token gives a project name that is used once.
func (c *cell) token() string {
	c.tokens++
	return c.name(fmt.Sprintf("t%d", c.tokens))
}

// next chooses a request.
func (c *cell) next(rng *rand.Rand) history.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := rng.IntN(100)
	if len(c.arqs) < 3 || n < 14 && len(c.arqs) < arqsPerCell {
		names := []string{"one", "two", "four", "load", "loads", "loads", "other", "bad"}
		return history.Request{Kind: history.Create, Profile: c.name(one(rng, names)), Token: c.token()}
	}
	instance, device := one(rng, c.instances), one(rng, c.devices)
	switch {
	case n < 40:
		return c.nextBind(rng)
	case n < 50:
		return c.nextUnbind(rng)
	case n < 53 && len(c.binds) > 0:
		return one(rng, c.binds)
	case n < 59:
		return history.Request{Kind: history.Delete, ARQs: c.some(rng, 1+rng.IntN(2), rng.IntN(4) == 0)}
	case n < 66:
		return history.Request{Kind: history.DeleteOfInstance, Instance: instance}
	case n < 69:
		return history.Request{Kind: history.List}
	case n < 77:
		return history.Request{Kind: history.ListOfInstance, Instance: instance}
	case n < 82:
		return history.Request{Kind: history.ListResolved, Instance: instance}
	case n < 86:
		return history.Request{Kind: history.SetDevice, Device: device, Enable: rng.IntN(8) > 0}
	case n < 88:
		return history.Request{Kind: history.ShowDevice, Device: device}
	case n < 90:
		return history.Request{Kind: history.ShowImage, Device: device}
	default:
		return history.Request{Kind: history.Show, ARQs: c.some(rng, 1, true)}
	}
}

// nextBind binds up to eight ARQs, mostly such as could be bound, to one
// instance on one device; sometimes to several, sometimes in exchange for
// others, and seldom on the wrong host.
func (c *cell) nextBind(rng *rand.Rand) history.Request {
	r := history.Request{Kind: history.Patch, Token: c.token()}
	device, instance := one(rng, c.devices), c.freeInstance(rng)
	exchange, various, most := rng.IntN(5) == 0, rng.IntN(6) == 0, 3
	if exchange {
		instance = one(rng, c.instances)
	}
	if rng.IntN(4) == 0 {
		most = 8
	}
	ids := c.some(rng, 1+rng.IntN(most), rng.IntN(5) == 0)
	for _, id := range ids {
		if c.image[id] != c.image[ids[0]] && rng.IntN(16) > 0 {
			continue // two images on one device are refused
		}
		if various {
			device, instance = one(rng, c.devices), one(rng, c.instances)
		}
		i := history.Item{ARQ: id, Device: device, Instance: instance}
		if rng.IntN(60) == 0 {
			i.Host = one(rng, c.devices)
		}
		r.Items = append(r.Items, i)
	}
	if exchange {
		r.Items = c.unbinds(rng, r.Items, instance)
	}
	rng.Shuffle(len(r.Items), func(i, j int) { r.Items[i], r.Items[j] = r.Items[j], r.Items[i] })
	if c.binds = append(c.binds, r); len(c.binds) > 4 {
		c.binds = c.binds[1:]
	}
	return r
}

// freeInstance gives an instance, mostly one that is believed to have no ARQs.
func (c *cell) freeInstance(rng *rand.Rand) string {
	taken := map[string]bool{}
	for _, instance := range c.of {
		taken[instance] = true
	}
	free := slices.DeleteFunc(slices.Clone(c.instances), func(i string) bool { return taken[i] })
	if len(free) == 0 || rng.IntN(4) == 0 {
		return one(rng, c.instances)
	}
	return one(rng, free)
}

// unbinds adds ARQs to be unbound to a PATCH: those of an instance.
func (c *cell) unbinds(rng *rand.Rand, items []history.Item, instance string) []history.Item {
	for _, id := range c.arqs {
		named := slices.ContainsFunc(items, func(i history.Item) bool { return i.ARQ == id })
		if c.of[id] == instance && !named && rng.IntN(8) > 0 {
			items = append(items, history.Item{ARQ: id})
		}
	}
	return items
}

func (c *cell) nextUnbind(rng *rand.Rand) history.Request {
	r := history.Request{Kind: history.Patch}
	if rng.IntN(2) == 0 {
		r.Items = c.unbinds(rng, nil, one(rng, c.instances))
	}
	if len(r.Items) == 0 {
		for _, id := range c.some(rng, 1+rng.IntN(3), true) {
			r.Items = append(r.Items, history.Item{ARQ: id})
		}
	}
	return r
}

// some gives one to n ARQs, such as are believed to have no instance unless
// any will do, and now and then one that is gone.
func (c *cell) some(rng *rand.Rand, n int, anyWill bool) []string {
	var ids []string
	if len(c.gone) > 0 && rng.IntN(24) == 0 {
		ids = append(ids, one(rng, c.gone))
	}
	for _, at := range rng.Perm(len(c.arqs)) {
		id := c.arqs[at]
		if len(ids) < n && (anyWill || c.of[id] == "") && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		ids = append(ids, one(rng, c.arqs))
	}
	return ids
}

func one[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

// learn takes note of an answer.
func (c *cell) learn(r *history.Request, a *history.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, seen := range a.ARQs {
		c.meet(seen.UUID, seen.Instance)
		c.image[seen.UUID] = c.profiles[seen.Profile].Image
	}
	switch {
	case r.Kind == history.Patch && a.Status == 202, strings.HasPrefix(a.Reason, "no free attach handle"):
		for _, i := range r.Items {
			c.meet(i.ARQ, i.Instance)
		}
	case r.Kind == history.Patch && a.Status == 404:
		c.forget(func(id string) bool { return strings.Contains(a.Reason, id) })
	case r.Kind == history.Patch && a.Status == 409:
		for _, i := range r.Items {
			if strings.Contains(a.Reason, i.ARQ) { // bound, and not known to be
				c.meet(i.ARQ, somewhere)
			}
		}
	case r.Kind == history.Delete && a.Status == 204, r.Kind == history.Show && a.Status == 404:
		c.forget(func(id string) bool { return slices.Contains(r.ARQs, id) })
	case r.Kind == history.DeleteOfInstance && a.Status == 204:
		c.forget(func(id string) bool { return c.of[id] == r.Instance || c.of[id] == somewhere })
	}
}

// somewhere is the instance of an ARQ of which is not known which.
const somewhere = "somewhere"

func (c *cell) meet(id, instance string) {
	if _, known := c.of[id]; !known {
		c.arqs = append(c.arqs, id)
	}
	c.of[id] = instance
}

func (c *cell) forget(gone func(id string) bool) {
	c.arqs = slices.DeleteFunc(c.arqs, func(id string) bool {
		if !gone(id) {
			return false
		}
		delete(c.of, id)
		delete(c.image, id)
		if c.gone = append(c.gone, id); len(c.gone) > 3 {
			c.gone = c.gone[1:]
		}
		return true
	})
}

// know replaces what the cell believes by what is.
func (c *cell) know(now history.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arqs = nil
	clear(c.of)
	for _, a := range now.ARQs {
		c.meet(a.UUID, a.Instance)
	}
}
