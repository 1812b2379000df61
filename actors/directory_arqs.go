package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const arqShards = 256

// arqTree finds the entry of an ARQ.
type arqTree struct {
	shards [arqShards]arqShard
}

type arqShard struct {
	mu      sync.RWMutex
	entries entryTable
}

// arqEntry is the fixed place of an ARQ: indexes point to it, and its view
// changes without their being touched. A deleted ARQ's view is nil.
type arqEntry struct {
	id   uuid.UUID
	view atomic.Pointer[ARQ]
}

func (t *arqTree) shard(id uuid.UUID) *arqShard { return &t.shards[shardOf(id)] }

// shardOf picks by the last byte, which is random in a version 7 uuid.
func shardOf(id uuid.UUID) int { return int(id[15]) }

func (t *arqTree) entry(id uuid.UUID) *arqEntry {
	s := t.shard(id)
	s.mu.RLock()
	e := s.entries.find(id)
	s.mu.RUnlock()
	return e
}

func (t *arqTree) add(a *ARQ) *arqEntry {
	e := &arqEntry{id: a.UUID}
	e.view.Store(a)
	s := t.shard(a.UUID)
	s.mu.Lock()
	s.entries.add(e)
	s.mu.Unlock()
	return e
}

func (t *arqTree) remove(id uuid.UUID) *arqEntry {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries.remove(id)
}

// arqIndexes are guarded by directory.mu.
type arqIndexes struct {
	all       *arqIndex
	states    [stateCount]*arqIndex
	projects  map[string]*arqIndex
	unbound   map[string]int // ARQs of each project that are
	profiles  map[string]*arqIndex
	hosts     map[string]*arqIndex
	providers map[uuid.UUID]*arqIndex
}

func (x *arqIndexes) init() {
	x.all = newARQIndex()
	for s := range x.states {
		x.states[s] = newARQIndex()
	}
	x.projects = make(map[string]*arqIndex)
	x.unbound = make(map[string]int)
	x.profiles = make(map[string]*arqIndex)
	x.hosts = make(map[string]*arqIndex)
	x.providers = make(map[uuid.UUID]*arqIndex)
}

// add enters a new ARQ. It mostly comes after all others, and the index looks
// there first.
func (x *arqIndexes) add(e *arqEntry, a *ARQ) {
	x.all.set(e)
	x.states[a.State].set(e)
	put(x.projects, a.ProjectID, e)
	x.countUnbound(a, 1)
	put(x.profiles, a.Group.ProfileName, e)
	x.addBinding(e, a.Binding)
}

func (x *arqIndexes) remove(e *arqEntry, a *ARQ) {
	x.all.remove(e)
	x.states[a.State].remove(e)
	take(x.projects, a.ProjectID, e)
	x.countUnbound(a, -1)
	take(x.profiles, a.Group.ProfileName, e)
	x.removeBinding(e, a.Binding)
}

func (x *arqIndexes) move(e *arqEntry, before, after *ARQ) {
	if before.State != after.State {
		x.states[before.State].remove(e)
		x.states[after.State].set(e)
	}
	if before.ProjectID != after.ProjectID {
		take(x.projects, before.ProjectID, e)
		put(x.projects, after.ProjectID, e)
	}
	x.countUnbound(before, -1)
	x.countUnbound(after, 1)
	x.removeBinding(e, before.Binding)
	x.addBinding(e, after.Binding)
}

func (x *arqIndexes) countUnbound(a *ARQ, by int) {
	if !a.unbound() {
		return
	}
	if x.unbound[a.ProjectID] += by; x.unbound[a.ProjectID] == 0 {
		delete(x.unbound, a.ProjectID)
	}
}

func (x *arqIndexes) addBinding(e *arqEntry, b *Binding) {
	if b != nil {
		put(x.hosts, b.Hostname, e)
		put(x.providers, b.ProviderUUID, e)
	}
}

func (x *arqIndexes) removeBinding(e *arqEntry, b *Binding) {
	if b != nil {
		take(x.hosts, b.Hostname, e)
		take(x.providers, b.ProviderUUID, e)
	}
}

func put[K comparable](m map[K]*arqIndex, k K, e *arqEntry) {
	i := m[k]
	if i == nil {
		i = newARQIndex()
		m[k] = i
	}
	i.set(e)
}

func take[K comparable](m map[K]*arqIndex, k K, e *arqEntry) {
	i := m[k]
	if i == nil {
		return
	}
	i.remove(e)
	if i.Len() == 0 {
		delete(m, k)
	}
}

// countOf gives how many ARQs a project has, and how many of them are unbound.
func (d *directory) countOf(project string) (all, unbound int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if index := d.indexes.projects[project]; index != nil {
		all = index.Len()
	}
	return all, d.indexes.unbound[project]
}

// count fills in what metrics show of the directory.
func (d *directory) count(st *Stats) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for s, index := range d.indexes.states {
		st.ARQs[s] = index.Len()
	}
	st.ARQsHeld = len(d.holds)
	st.Devices, st.Profiles = len(d.devices.byUUID), d.profiles.count()
	st.HandlesFree = d.handles.byState[handleFree]
	st.HandlesTaken = d.handles.byState[handleTaken]
	st.HandlesReleasing = d.handles.byState[handleReleasing]
	st.BindOldest, st.ReleaseOldest = ageOf(d.oldestBind()), ageOf(d.handles.oldestReleasing())
}

// oldestBind gives since when the bind that takes longest is under way, as Unix
// time; 0: none is. Those that are held back have come to their end.
func (d *directory) oldestBind() (oldest int64) {
	visit([]*arqIndex{d.indexes.states[BindStarted]}, &ARQQuery{Scope: Scope{Admin: true}}, func(a *ARQ) bool {
		if !a.held && (oldest == 0 || a.UpdatedAt < oldest) {
			oldest = a.UpdatedAt
		}
		return true
	})
	return oldest
}

// ageOf gives how long ago something began; 0: nothing has.
func ageOf(since int64) time.Duration {
	if since == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(since, 0)))
}
