package actors

import (
	"encoding/binary"
	"math/bits"

	"github.com/google/uuid"
)

// entryTable finds entries by their id: a hash table with linear probing. The id
// is in the entry, which is somewhere else in memory: a tag, a few bits of its
// hash, tells whether it is worth looking there. The zero value is empty.
type entryTable struct {
	places []*arqEntry // as many as a power of two
	tags   []uint8     // of those; 0: free
	used   int
}

const fewestPlaces = 8

// hash spreads ids whatever version they are of: the high bits are taken.
func hash(id *uuid.UUID) uint64 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	h := binary.LittleEndian.Uint64(id[:8])*k1 ^ binary.LittleEndian.Uint64(id[8:])
	return (h ^ h>>32) * k2
}

// tagOf takes bits of a hash that the place does not depend on.
func tagOf(hash uint64) uint8 { return uint8(hash) | 1<<7 }

// shift leaves as many bits of a hash as count the places.
func (t *entryTable) shift() int { return 64 - bits.TrailingZeros(uint(len(t.places))) }

func (t *entryTable) next(place int) int { return (place + 1) & (len(t.places) - 1) }

// locate gives the place of an id, or the free one where it would be put.
func (t *entryTable) locate(id *uuid.UUID) (at int, tag uint8) {
	h := hash(id)
	tag = tagOf(h)
	at = int(h >> t.shift())
	for t.tags[at] != 0 && (t.tags[at] != tag || t.places[at].id != *id) {
		at = t.next(at)
	}
	return at, tag
}

// put fills the first free place that a hash leads to.
func (t *entryTable) put(h uint64, e *arqEntry) {
	at := int(h >> t.shift())
	for t.tags[at] != 0 {
		at = t.next(at)
	}
	t.places[at], t.tags[at] = e, tagOf(h)
}

// find gives nil where there is no such entry.
func (t *entryTable) find(id uuid.UUID) *arqEntry {
	if len(t.places) == 0 {
		return nil
	}
	at, _ := t.locate(&id)
	return t.places[at]
}

// add puts an entry in, in the place of one with the same id.
func (t *entryTable) add(e *arqEntry) {
	t.grow(1)
	at, tag := t.locate(&e.id)
	if t.tags[at] == 0 {
		t.used++
	}
	t.places[at], t.tags[at] = e, tag
}

// fill puts many entries into an empty table, no two of them with the same id.
func (t *entryTable) fill(pieces [][]arrival) {
	for _, some := range pieces {
		t.used += len(some)
	}
	t.grow(0)
	for _, some := range pieces {
		for _, a := range some {
			t.put(a.hash, a.entry)
		}
	}
}

// grow makes room for more. Three of eight places stay free, so that searches
// are short.
func (t *entryTable) grow(more int) {
	size := max(len(t.places), fewestPlaces)
	for size/8*5 < t.used+more {
		size *= 2
	}
	t.resize(size)
}

func (t *entryTable) resize(size int) {
	if size == len(t.places) {
		return
	}
	before := t.places
	t.places, t.tags = make([]*arqEntry, size), make([]uint8, size)
	for _, e := range before {
		if e != nil {
			t.put(hash(&e.id), e)
		}
	}
}

// remove takes an entry out and gives it. Those that were put further on because
// of it move up, so that no search ends too early.
func (t *entryTable) remove(id uuid.UUID) *arqEntry {
	if len(t.places) == 0 {
		return nil
	}
	free, _ := t.locate(&id)
	removed := t.places[free]
	if removed == nil {
		return nil
	}
	t.places[free], t.tags[free] = nil, 0
	t.used--
	for at := t.next(free); t.tags[at] != 0; at = t.next(at) {
		// The entry may go to the free place unless its search begins behind it.
		home := int(hash(&t.places[at].id) >> t.shift())
		if mask := len(t.places) - 1; (at-home)&mask >= (at-free)&mask {
			t.places[free], t.tags[free] = t.places[at], t.tags[at]
			t.places[at], t.tags[at] = nil, 0
			free = at
		}
	}
	if t.used < len(t.places)/8 {
		t.resize(max(len(t.places)/2, fewestPlaces))
	}
	return removed
}
