package keystone

import (
	"crypto/sha256"
	"sync"
	"time"
	"unsafe"
)

// key stands for a token in memory: its SHA-256.
type key [sha256.Size]byte

// keyOf does not keep the text, nor copy it.
func keyOf(token string) key {
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(token), len(token)))
}

// cache remembers values by key, each until its time, and never more than its
// size: then a newcomer takes the place of one that is near its end.
type cache[V any] struct {
	shards [cacheShards]shard[V]
	most   int // entries of one shard
}

const (
	cacheShards = 64 // so that requests seldom meet at a lock
	candidates  = 8  // entries looked at to find one that may go
)

type shard[V any] struct {
	mu      sync.RWMutex
	entries map[key]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

func newCache[V any](size int) *cache[V] {
	c := &cache[V]{most: max(size/cacheShards, 1)}
	for i := range c.shards {
		c.shards[i].entries = make(map[key]entry[V])
	}
	return c
}

func (c *cache[V]) shard(k *key) *shard[V] { return &c.shards[k[0]%cacheShards] }

// get gives what is remembered, unless its time is over.
func (c *cache[V]) get(k key, now time.Time) (value V, ok bool) {
	s := c.shard(&k)
	s.mu.RLock()
	e, found := s.entries[k]
	s.mu.RUnlock()
	if !found || !now.Before(e.until) {
		return value, false
	}
	return e.value, true
}

func (c *cache[V]) put(k key, value V, until time.Time) {
	s := c.shard(&k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.entries[k]; !known && len(s.entries) >= c.most {
		s.makeRoom()
	}
	s.entries[k] = entry[V]{value, until}
}

// makeRoom takes out, of some entries, the one that ends first. Which they are
// is by chance, as a map is walked.
func (s *shard[V]) makeRoom() {
	var first key
	var end time.Time
	seen := 0
	for k, e := range s.entries {
		if seen == 0 || e.until.Before(end) {
			first, end = k, e.until
		}
		if seen++; seen == candidates {
			break
		}
	}
	delete(s.entries, first)
}

// size counts the entries, ended ones too.
func (c *cache[V]) size() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.entries)
		s.mu.RUnlock()
	}
	return n
}
