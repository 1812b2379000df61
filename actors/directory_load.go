package actors

import (
	"runtime"
	"sync"

	"github.com/google/uuid"
)

// loader fills the directory at the start, when ARQs come in order of creation
// and nobody reads yet but metrics, which count. The tables are made shard by shard when it is known how
// large they are: each is then filled from one stretch of memory into another.
type loader struct {
	dir    *directory
	shards [arqShards][][]arrival

	unbound                recentCount
	project, profile, host recent[string]
	provider               recent[uuid.UUID]
}

func (l *loader) add(a *ARQ) {
	e := &arqEntry{id: a.UUID}
	e.view.Store(a)
	l.arrived(e)
	l.dir.mu.Lock()
	defer l.dir.mu.Unlock()
	x := &l.dir.indexes
	x.all.set(e)
	x.states[a.State].set(e)
	l.project.index(x.projects, a.ProjectID).set(e)
	if a.unbound() {
		l.unbound.count(x.unbound, a.ProjectID)
	}
	l.profile.index(x.profiles, a.Group.ProfileName).set(e)
	if b := a.Binding; b != nil {
		l.host.index(x.hosts, b.Hostname).set(e)
		l.provider.index(x.providers, b.ProviderUUID).set(e)
	}
}

// recent is the index that was looked up last: often it is the next one as well.
type recent[K comparable] struct {
	key   K
	found *arqIndex
}

func (r *recent[K]) index(m map[K]*arqIndex, k K) *arqIndex {
	if r.found == nil || r.key != k {
		if m[k] == nil {
			m[k] = newARQIndex()
		}
		r.key, r.found = k, m[k]
	}
	return r.found
}

// recentCount counts what is often the same as before.
type recentCount struct {
	key string
	n   int
}

func (r *recentCount) count(m map[string]int, key string) {
	if key != r.key {
		r.enter(m)
		r.key = key
	}
	r.n++
}

// enter adds what was counted to the map.
func (r *recentCount) enter(m map[string]int) {
	if r.n > 0 {
		m[r.key] += r.n
		r.n = 0
	}
}

// arrival is an entry that is not in its table yet.
type arrival struct {
	hash  uint64
	entry *arqEntry
}

// arrivals are kept in pieces of this many, which never move.
const arrivalsPiece = 256

func (l *loader) arrived(e *arqEntry) {
	shard := &l.shards[shardOf(e.id)]
	last := len(*shard) - 1
	if last < 0 || len((*shard)[last]) == arrivalsPiece {
		*shard = append(*shard, make([]arrival, 0, arrivalsPiece))
		last++
	}
	(*shard)[last] = append((*shard)[last], arrival{hash(&e.id), e})
}

// finish makes the entries known.
func (l *loader) finish() {
	l.unbound.enter(l.dir.indexes.unbound)
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for i := w; i < arqShards; i += workers {
				l.dir.arqs.shards[i].entries.fill(l.shards[i])
			}
		})
	}
	all.Wait()
}

// makeRoom makes the maps of an empty directory as large as a batch needs them.
func (d *directory) makeRoom(b *batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.instances = make(map[uuid.UUID]instanceView, len(b.instances))
	d.handles.known = make(map[uuid.UUID]handleSeen, len(b.handles))
}
