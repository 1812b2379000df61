package actors

import (
	"runtime"
	"sync"

	"github.com/google/uuid"
)

// loader fills the directory at the start, when ARQs come in order of creation
// and nobody reads yet. The maps are made when it is known how large they are.
type loader struct {
	dir    *directory
	counts [arqShards]int

	project, profile, host recent[string]
	provider               recent[uuid.UUID]
}

func (l *loader) add(a *ARQ) {
	e := &arqEntry{id: a.UUID}
	e.view.Store(a)
	l.counts[shardOf(a.UUID)]++
	x := &l.dir.indexes
	x.all.set(e)
	x.states[a.State].set(e)
	l.project.index(x.projects, a.ProjectID).set(e)
	x.countUnbound(a, 1)
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

// finish makes the entries known.
func (l *loader) finish() {
	shards := &l.dir.arqs.shards
	for i, n := range &l.counts {
		shards[i].entries.grow(n)
	}
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			l.dir.indexes.all.ascend(uuid.Nil, func(e *arqEntry) bool {
				if i := shardOf(e.id); i%workers == w {
					shards[i].entries.add(e)
				}
				return true
			})
		})
	}
	all.Wait()
}

// makeRoom makes the maps of an empty directory as large as a batch needs them.
func (d *directory) makeRoom(b *batch) {
	d.instances = make(map[uuid.UUID]instanceView, len(b.instances))
	d.handles.known = make(map[uuid.UUID]handleSeen, len(b.handles))
}
