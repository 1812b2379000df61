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

// generations has the generation of every record of a kind. What Recover has
// found stays as it came, in order of ids: a start needs no map of it, and it
// takes less memory. What was made since is in a map.
type generations struct {
	found  []found
	fences []uuid.UUID // the first id of each block of found
	gone   int         // how many of found were deleted since
	since  map[uuid.UUID]generation
}

// found is a record that Recover has found; generation 0 if it was deleted.
type found struct {
	id         uuid.UUID
	generation generation
}

// blockLength is how many of found are between two fences: few enough to lie in
// a handful of cache lines, while the fences of a million fit into a cache.
const blockLength = 64

func newGenerations() generations {
	return generations{since: make(map[uuid.UUID]generation)}
}

// expect says how many may be entered. What is not used is not touched.
func (g *generations) expect(most uint64) { g.found = make([]found, 0, most) }

// follows says whether an id comes after all that were entered.
func (g *generations) follows(id uuid.UUID) bool {
	n := len(g.found)
	return n == 0 || rankOf(&g.found[n-1].id).less(rankOf(&id))
}

func (g *generations) enter(id uuid.UUID, at generation) { g.found = append(g.found, found{id, at}) }

// entered ends the entering.
func (g *generations) entered() {
	if len(g.found) < cap(g.found)/4*3 {
		g.found = slices.Clone(g.found)
	}
	g.fences = make([]uuid.UUID, 0, (len(g.found)+blockLength-1)/blockLength)
	for i := 0; i < len(g.found); i += blockLength {
		g.fences = append(g.fences, g.found[i].id)
	}
}

// place finds a record among those that Recover has found.
func (g *generations) place(id uuid.UUID) (*found, bool) {
	n := len(g.found)
	want := rankOf(&id)
	if n == 0 || rankOf(&g.found[n-1].id).less(want) { // as most that are new
		return nil, false
	}
	low, high := 0, len(g.fences)
	for low < high {
		if middle := int(uint(low+high) / 2); want.less(rankOf(&g.fences[middle])) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low == 0 {
		return nil, false
	}
	list := g.found[(low-1)*blockLength : min(low*blockLength, n)]
	low, high = 0, len(list)
	for low < high {
		if middle := int(uint(low+high) / 2); rankOf(&list[middle].id).less(want) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(list) || list[low].id != id {
		return nil, false
	}
	return &list[low], true
}

// rank is an id as a number, which is quicker to compare.
type rank struct{ high, low uint64 }

func rankOf(id *uuid.UUID) rank {
	return rank{binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])}
}

func (a rank) less(b rank) bool { return a.high < b.high || a.high == b.high && a.low < b.low }

// of gives 0 for a record that does not exist.
func (g *generations) of(id uuid.UUID) generation {
	if f, is := g.place(id); is {
		return f.generation
	}
	return g.since[id]
}

func (g *generations) set(id uuid.UUID, to generation) {
	f, is := g.place(id)
	if !is {
		g.since[id] = to
		return
	}
	if f.generation == 0 {
		g.gone--
	}
	f.generation = to
}

func (g *generations) drop(id uuid.UUID) {
	f, is := g.place(id)
	if !is {
		delete(g.since, id)
		return
	}
	if f.generation != 0 {
		f.generation = 0
		g.gone++
	}
	if g.gone > len(g.found)/2 {
		g.found = slices.DeleteFunc(g.found, func(f found) bool { return f.generation == 0 })
		g.gone = 0
		g.entered()
	}
}
