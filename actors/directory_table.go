package actors

import (
	"encoding/binary"
	"math/bits"

	"github.com/google/uuid"
)

// entryTable finds entries by their id: a hash table with linear probing. The id
// is in the entry, so a place takes a pointer and no more. The zero value is
// empty.
type entryTable struct {
	places []*arqEntry // as many as a power of two
	used   int
}

const fewestPlaces = 8

// hash spreads ids whatever version they are of: the high bits are taken.
func hash(id *uuid.UUID) uint64 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	h := binary.LittleEndian.Uint64(id[:8])*k1 ^ binary.LittleEndian.Uint64(id[8:])
	return (h ^ h>>32) * k2
}

// home is the place where the search for an id begins.
func (t *entryTable) home(id *uuid.UUID) int { return int(hash(id) >> t.shift()) }

// shift leaves as many bits of a hash as count the places.
func (t *entryTable) shift() int { return 64 - bits.TrailingZeros(uint(len(t.places))) }

func (t *entryTable) next(place int) int { return (place + 1) & (len(t.places) - 1) }

// locate gives the place of an id, or the free one where it would be put.
func (t *entryTable) locate(id *uuid.UUID) int {
	at := t.home(id)
	for t.places[at] != nil && t.places[at].id != *id {
		at = t.next(at)
	}
	return at
}

// find gives nil where there is no such entry.
func (t *entryTable) find(id uuid.UUID) *arqEntry {
	if len(t.places) == 0 {
		return nil
	}
	return t.places[t.locate(&id)]
}

// add puts an entry in, in the place of one with the same id.
func (t *entryTable) add(e *arqEntry) {
	t.grow(1)
	at := t.locate(&e.id)
	if t.places[at] == nil {
		t.used++
	}
	t.places[at] = e
}

// fill puts many entries into an empty table, no two of them with the same id.
func (t *entryTable) fill(pieces [][]arrival) {
	for _, some := range pieces {
		t.used += len(some)
	}
	t.grow(0)
	shift := t.shift()
	for _, some := range pieces {
		for _, a := range some {
			at := int(a.hash >> shift)
			for t.places[at] != nil {
				at = t.next(at)
			}
			t.places[at] = a.entry
		}
	}
}

// grow makes room for more. Three of eight places stay free: a search that finds
// nothing looks at two or three entries then, each somewhere else in memory.
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
	t.places = make([]*arqEntry, size)
	for _, e := range before {
		if e != nil {
			t.places[t.locate(&e.id)] = e
		}
	}
}

// remove takes an entry out and gives it. Those that were put further on because
// of it move up, so that no search ends too early.
func (t *entryTable) remove(id uuid.UUID) *arqEntry {
	if len(t.places) == 0 {
		return nil
	}
	free := t.locate(&id)
	removed := t.places[free]
	if removed == nil {
		return nil
	}
	t.places[free] = nil
	t.used--
	for at := t.next(free); t.places[at] != nil; at = t.next(at) {
		// The entry may go to the free place unless its search begins behind it.
		home := t.home(&t.places[at].id)
		if mask := len(t.places) - 1; (at-home)&mask >= (at-free)&mask {
			t.places[free], t.places[at] = t.places[at], nil
			free = at
		}
	}
	if t.used < len(t.places)/8 {
		t.resize(max(len(t.places)/2, fewestPlaces))
	}
	return removed
}
