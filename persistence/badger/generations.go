package badger

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/google/uuid"
)

// generation is that of a record in half the space: with 16 bytes of id, a
// million records take a fifth less. A put that would
// exceed it is refused; no record is written four billion times.
type generation uint32

const maxGeneration = math.MaxUint32

// generations has the generation of every record of a kind. Those whose ids come
// in order, what a start finds and then each new id of version 7, are kept in that
// order, in blocks: that takes less memory than a map and less time to make, and
// whether an id is new, it is mostly enough to look at the last one. All others
// are in a map.
type generations struct {
	blocks [][]found
	firsts []uuid.UUID // of the blocks
	last   uuid.UUID   // that any block ever had
	there  int         // in blocks
	gone   int         // of those, deleted
	others map[uuid.UUID]generation
}

// found is a record in a block; generation 0 if it was deleted.
type found struct {
	id         uuid.UUID
	generation generation
}

// blockLength is how many records are in a block: few enough to lie in a handful
// of cache lines, while the firsts of a million records fit into a cache.
const blockLength = 64

func newGenerations() generations {
	return generations{others: make(map[uuid.UUID]generation)}
}

// follows says whether an id comes after all that were ever in blocks. None of
// the others does.
func (g *generations) follows(id uuid.UUID) bool { return rankOf(&g.last).less(rankOf(&id)) }

// add puts a record that follows behind the others.
func (g *generations) add(id uuid.UUID, at generation) {
	end := len(g.blocks) - 1
	if end < 0 || len(g.blocks[end]) == blockLength {
		g.blocks = append(g.blocks, make([]found, 0, blockLength))
		g.firsts = append(g.firsts, id)
		end++
	}
	g.blocks[end] = append(g.blocks[end], found{id, at})
	g.last = id
	g.there++
}

// place finds a record in its block.
func (g *generations) place(id uuid.UUID) (*found, bool) {
	want := rankOf(&id)
	low, high := 0, len(g.firsts)
	for low < high {
		if middle := int(uint(low+high) / 2); want.less(rankOf(&g.firsts[middle])) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low == 0 {
		return nil, false
	}
	block := g.blocks[low-1]
	i, is := search(block, id)
	if !is {
		return nil, false
	}
	return &block[i], true
}

// search gives the place of an id in a block.
func search(block []found, id uuid.UUID) (at int, is bool) {
	want := rankOf(&id)
	low, high := 0, len(block)
	for low < high {
		if middle := int(uint(low+high) / 2); rankOf(&block[middle].id).less(want) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(block) && block[low].id == id
}

// rank is an id as a number, which is quicker to compare.
type rank struct{ high, low uint64 }

func rankOf(id *uuid.UUID) rank {
	return rank{binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])}
}

func (a rank) less(b rank) bool { return a.high < b.high || a.high == b.high && a.low < b.low }

// of gives 0 for a record that does not exist.
func (g *generations) of(id uuid.UUID) generation {
	if g.follows(id) { // as most that are new
		return 0
	}
	if f, is := g.place(id); is {
		return f.generation
	}
	return g.others[id]
}

func (g *generations) set(id uuid.UUID, to generation) {
	if g.follows(id) {
		g.add(id, to)
		return
	}
	if f, is := g.place(id); is {
		if f.generation == 0 {
			g.gone--
		}
		f.generation = to
		return
	}
	if _, is := g.others[id]; is || !g.insert(id, to) {
		g.others[id] = to
	}
}

// insert puts a record into the last block, if it belongs and fits there: ids
// that are made at the same time do not always come in their order.
func (g *generations) insert(id uuid.UUID, at generation) bool {
	end := len(g.blocks) - 1
	if end < 0 || len(g.blocks[end]) == blockLength || rankOf(&id).less(rankOf(&g.firsts[end])) {
		return false
	}
	i, _ := search(g.blocks[end], id)
	g.blocks[end] = slices.Insert(g.blocks[end], i, found{id, at})
	g.there++
	return true
}

func (g *generations) drop(id uuid.UUID) {
	f, is := g.place(id)
	if !is {
		delete(g.others, id)
		return
	}
	if f.generation != 0 {
		f.generation = 0
		g.gone++
	}
	if g.gone > g.there/2 && g.gone >= blockLength {
		g.compact()
	}
}

// compact forgets what was deleted, but not how far the blocks once went.
func (g *generations) compact() {
	before := g.blocks
	last := g.last
	g.blocks, g.firsts, g.there, g.gone = nil, nil, 0, 0
	for _, block := range before {
		for _, f := range block {
			if f.generation != 0 {
				g.add(f.id, f.generation)
			}
		}
	}
	g.last = last
}
