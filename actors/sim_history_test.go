package actors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// history is everything that became durable, in order, and everything that
// clients asked and were told.
type history struct {
	mu         sync.Mutex
	seq        int // of what happens, across all goroutines
	commits    []*commit
	versions   map[persistence.Key][]version
	calls      []*simCall
	faults     []int // when the store misbehaved
	commands   []*commandSpan
	events     map[uuid.UUID]*Event // that the compute service was told
	created    map[uuid.UUID]*Event // that it is to be told
	from       map[uuid.UUID]int    // the commit that each event comes from
	violations []string
	agents     map[string]*simAgent // by host
}

// version is what a record is from a commit on; nil: there is none.
type version struct {
	from int
	rec  any
}

// commit is one transition that was written. The first has index 1.
type commit struct {
	index     int
	seq       int
	at        time.Time
	life      *life
	arqs      []change[ARQ]
	handles   []change[heldHandle]
	devices   []change[Device]
	profiles  []change[Profile]
	instances map[uuid.UUID]change[[]uuid.UUID]
	events    []*Event // new ones
	delivered []uuid.UUID
	commands  []change[commandRecord]
	numbers   bool     // the sequence was written
	by        *simCall // whose work it is; nil: not known yet, or the service's own
}

func newHistory() *history {
	return &history{
		versions: map[persistence.Key][]version{}, events: map[uuid.UUID]*Event{}, created: map[uuid.UUID]*Event{},
		from: map[uuid.UUID]int{},
	}
}

// violated notes a broken rule; the caller holds mu.
func (h *history) violated(format string, args ...any) {
	h.violations = append(h.violations, fmt.Sprintf(format, args...))
}

func (h *history) violation(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violated(format, args...)
}

func (h *history) tick() int {
	h.seq++
	return h.seq
}

func (h *history) fault() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, h.tick())
}

// hears holds a delivery against the order that is promised: one event at a time
// for each instance, the earlier first.
func (h *history) hears(s *simulation, l *life, events []*Event) (done func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(events) > 1 {
		s.counts.together++
	}
	for _, e := range events {
		if l.busy[e.Instance] {
			h.violated("two events of instance %s are delivered at the same time", e.Instance)
		}
		if h.from[e.ID] == 0 || h.from[e.ID] < l.told[e.Instance] {
			h.violated("event %s of commit %d is delivered after that of commit %d", e.ID, h.from[e.ID], l.told[e.Instance])
		}
		l.busy[e.Instance], l.told[e.Instance] = true, h.from[e.ID]
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, e := range events {
			l.busy[e.Instance] = false
		}
	}
}

func (h *history) heard(e *Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events[e.ID] = e
}

// apply takes down a transition as it is written.
func (h *history) apply(s *simulation, t persistence.Transition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &commit{
		index: len(h.commits) + 1, seq: h.tick(), at: time.Now(), life: s.life,
		instances: map[uuid.UUID]change[[]uuid.UUID]{},
	}
	h.commits = append(h.commits, c)
	for _, p := range t.Puts {
		rec, err := decoded(persistence.Record{Key: p.Key, Generation: p.Expected + 1, Body: bytes.Clone(p.Body), Claims: p.Claims})
		if err != nil {
			h.violated("%s is written and cannot be read: %v", p.Key, err)
			continue
		}
		h.enter(c, p.Key, rec)
		if x := as[heldHandle](rec); x != nil && !slices.Equal(p.Claims, simClaims(x)) {
			h.violated("%s, in state %d, claims %v", p.Key, x.State, p.Claims)
		}
	}
	for _, d := range t.Deletes {
		h.enter(c, d.Key, nil)
	}
	h.checkCommit(s, c)
}

// simClaims are what a handle has to claim: that nobody else has its holder.
func simClaims(x *heldHandle) []persistence.Claim {
	if x.State != handleTaken {
		return nil
	}
	return []persistence.Claim{{Space: "holder", Value: string(x.Holder[:])}}
}

func decoded(r persistence.Record) (any, error) {
	switch r.Key.Kind {
	case kindARQ:
		return decodeARQ(r)
	case kindHandle:
		return decodeHandle(r)
	case kindInstance:
		members, err := decodeInstance(r)
		return &members, err
	case kindEvent:
		return decodeEvent(r)
	case kindDevice:
		d := &Device{}
		err := decodeJSON(r, d)
		d.Generation = r.Generation
		return d, err
	case kindProfile:
		p := &Profile{}
		err := decodeJSON(r, p)
		return p, err
	case kindHost:
		return decodeHost(r)
	case kindCommand:
		return decodeCommand(r)
	case kindShown:
		return decodeShown(r)
	case kindSequence:
		var raw json.RawMessage
		return &raw, decodeJSON(r, &raw)
	}
	return nil, fmt.Errorf("kind %s", r.Key.Kind)
}

// enter makes a record what a commit leaves of it.
func (h *history) enter(c *commit, key persistence.Key, after any) {
	before := h.at(key, c.index-1)
	h.versions[key] = append(h.versions[key], version{c.index, after})
	switch key.Kind {
	case kindARQ:
		c.arqs = append(c.arqs, change[ARQ]{as[ARQ](before), as[ARQ](after)})
	case kindHandle:
		c.handles = append(c.handles, change[heldHandle]{as[heldHandle](before), as[heldHandle](after)})
	case kindDevice:
		c.devices = append(c.devices, change[Device]{as[Device](before), as[Device](after)})
	case kindProfile:
		c.profiles = append(c.profiles, change[Profile]{as[Profile](before), as[Profile](after)})
	case kindInstance:
		c.instances[key.ID] = change[[]uuid.UUID]{as[[]uuid.UUID](before), as[[]uuid.UUID](after)}
	case kindEvent:
		if e := as[Event](after); e != nil {
			c.events = append(c.events, e)
			h.created[e.ID], h.from[e.ID] = e, c.index
		} else {
			c.delivered = append(c.delivered, key.ID)
		}
	case kindCommand:
		c.commands = append(c.commands, change[commandRecord]{as[commandRecord](before), as[commandRecord](after)})
	case kindSequence:
		c.numbers = true
	}
}

// as gives a record as what it is; nil: there is none.
func as[T any](rec any) *T {
	t, _ := rec.(*T)
	return t
}

// at gives a record as it was after the commit of an index.
func (h *history) at(key persistence.Key, index int) any {
	for _, v := range slices.Backward(h.versions[key]) {
		if v.from <= index {
			return v.rec
		}
	}
	return nil
}

func atOf[T any](h *history, key persistence.Key, index int) *T { return as[T](h.at(key, index)) }

func latestOf[T any](h *history, key persistence.Key) *T { return atOf[T](h, key, len(h.commits)) }

// latest gives all records of a kind, as they are now, in order of their ids.
func latest[T any](h *history, kind persistence.Kind) []*T { return all[T](h, kind, len(h.commits)) }

func all[T any](h *history, kind persistence.Kind, index int) []*T {
	var keys []persistence.Key
	for key := range h.versions {
		if key.Kind == kind {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b persistence.Key) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	var found []*T
	for _, key := range keys {
		if t := atOf[T](h, key, index); t != nil {
			found = append(found, t)
		}
	}
	return found
}

// members are the ARQs of an instance after the commit of an index.
func (h *history) members(instance uuid.UUID, index int) []uuid.UUID {
	if m := atOf[[]uuid.UUID](h, instanceKey(instance), index); m != nil {
		return *m
	}
	return nil
}

// deployableOf names the deployable that a bound ARQ is bound to.
func (h *history) deployableOf(a *ARQ) string {
	if dep := h.provider(a.Binding.ProviderUUID); dep != nil {
		return dep.Name
	}
	return ""
}

// provider finds a deployable as it is now.
func (h *history) provider(id uuid.UUID) *Deployable {
	for _, d := range latest[Device](h, kindDevice) {
		for _, dep := range d.Deployables {
			if dep.ProviderUUID == id {
				return dep
			}
		}
	}
	return nil
}
