package actors

import (
	"runtime"
	"sync"

	"github.com/google/uuid"
)

// loader fills the directory at the start, when ARQs come in order of creation
// and nobody reads yet. The maps are made when it is known how large they are.
type loader struct {
	dir     *directory
	entries [arqShards][]*arqEntry

	project, profile, host recent[string]
	provider               recent[uuid.UUID]
}

func (l *loader) add(a *ARQ) {
	e := &arqEntry{id: a.UUID}
	e.view.Store(a)
	shard := &l.entries[shardOf(a.UUID)]
	*shard = append(*shard, e)
	x := &l.dir.indexes
	x.all.Load(e)
	x.states[a.State].Load(e)
	l.project.index(x.projects, a.ProjectID).Load(e)
	x.countUnbound(a, 1)
	l.profile.index(x.profiles, a.Group.ProfileName).Load(e)
	if b := a.Binding; b != nil {
		l.host.index(x.hosts, b.Hostname).Load(e)
		l.provider.index(x.providers, b.ProviderUUID).Load(e)
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
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for i := w; i < arqShards; i += workers {
				s := &l.dir.arqs.shards[i]
				s.entries = make(map[uuid.UUID]*arqEntry, len(l.entries[i]))
				for _, e := range l.entries[i] {
					s.entries[e.id] = e
				}
			}
		})
	}
	all.Wait()
}
