package auth

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
)

const (
	cacheSlots  = 1024 // a power of two
	maxCacheKey = 2048 // bytes; the cache holds at most cacheSlots of these
)

// identityCache remembers identities by the headers they were read from. Each
// key has one slot, and a newcomer takes it over: that bounds the cache without
// a lock, an age or a list, and a key pushed out costs one more parse. The seed
// is random, so that no one can aim at a slot.
type identityCache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cachedIdentity]
}

type cachedIdentity struct {
	key string
	id  *Identity
}

func newIdentityCache() identityCache {
	return identityCache{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[cachedIdentity], cacheSlots)}
}

func (c *identityCache) slot(key []byte) *atomic.Pointer[cachedIdentity] {
	return &c.slots[maphash.Bytes(c.seed, key)%cacheSlots]
}

func (c *identityCache) get(key []byte) *Identity {
	if e := c.slot(key).Load(); e != nil && e.key == string(key) {
		return e.id
	}
	return nil
}

func (c *identityCache) put(key []byte, id *Identity) {
	if len(key) <= maxCacheKey {
		c.slot(key).Store(&cachedIdentity{key: string(key), id: id})
	}
}

// appendKey appends all values, each with its length before it: no two
// different sets of headers give the same key.
func (values *headerValues) appendKey(key []byte) []byte {
	for _, v := range values {
		key = binary.AppendUvarint(key, uint64(len(v)))
		key = append(key, v...)
	}
	return key
}
