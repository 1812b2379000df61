package actors

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// indexed is what an index should hold: ids in order.
type indexed []uuid.UUID

func (l indexed) place(id uuid.UUID) (int, bool) { return slices.BinarySearchFunc(l, id, compareIDs) }

func compareIDs(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }

func (l indexed) with(id uuid.UUID) indexed {
	if i, found := l.place(id); !found {
		return slices.Insert(slices.Clone(l), i, id)
	}
	return l
}

func (l indexed) without(id uuid.UUID) indexed {
	if i, found := l.place(id); found {
		return slices.Delete(slices.Clone(l), i, i+1)
	}
	return l
}

func collect(walk func(uuid.UUID, func(*arqEntry) bool), from uuid.UUID, most int) (ids indexed) {
	walk(from, func(e *arqEntry) bool {
		ids = append(ids, e.id)
		return len(ids) != most
	})
	return ids
}

// holds compares an index with what it should hold, in both directions, as a
// whole and from a place on.
func (l indexed) holds(t *testing.T, x *arqIndex, from uuid.UUID) {
	t.Helper()
	if x.Len() != len(l) {
		t.Fatalf("%d in the index, there are %d", x.Len(), len(l))
	}
	backwards := slices.Clone(l)
	slices.Reverse(backwards)
	at, found := l.place(from)
	end := at
	if found {
		end++
	}
	last := min(len(l), at+3)
	for _, c := range []struct {
		name      string
		got, want indexed
	}{
		{"in order", collect(x.ascend, uuid.Nil, -1), l},
		{"backwards", collect(x.descend, uuid.Max, -1), backwards},
		{"from a place on", collect(x.ascend, from, -1), l[at:]},
		{"backwards from a place on", collect(x.descend, from, -1), backwards[len(l)-end:]},
		{"three from a place on", collect(x.ascend, from, 3), l[at:last]},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Fatalf("%s: %d, want %d: %v", c.name, len(c.got), len(c.want), c.got)
		}
	}
}

// sound checks what the walks do not show: that no leaf is empty, that nodes do
// not stay small beside small ones, and that the last leaf is the last.
func (x *arqIndex) sound(t *testing.T) {
	t.Helper()
	if x.root == nil {
		return
	}
	last := x.root.sound(t)
	if x.tail != nil && x.tail != last {
		t.Fatal("the last leaf is another one")
	}
}

func (n *indexNode) sound(t *testing.T) (last *indexNode) {
	t.Helper()
	if n.length() == 0 || n.length() > nodeMost || n.entries != nil && n.children != nil {
		t.Fatalf("a node of %d entries and %d children", len(n.entries), len(n.children))
	}
	last = n
	for i, c := range n.children {
		last = c.node.sound(t)
		if i > 0 {
			c.node.ascend(&uuid.Nil, func(e *arqEntry) bool {
				if precedes(&e.id, &c.low) {
					t.Fatal("an entry before the least of its node")
				}
				return true
			})
		}
	}
	return last
}

// Any order of changes leaves an index that holds what it should, and so does
// each snapshot, whatever happens afterwards.
func TestIndexHoldsWhatItShould(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		x, want := newARQIndex(), indexed(nil)
		type picture struct {
			index *arqIndex
			want  indexed
		}
		var pictures []picture
		id := func(n int) (id uuid.UUID) {
			id[0], id[14], id[15] = byte(n>>16), byte(n>>8), byte(n)
			return id
		}
		next := 1 << 15
		for step := range 6000 {
			growing := step/1500%2 == 0
			switch kind := random.IntN(100); {
			case kind < 50 && growing: // most come in order
				next++
				x.set(&arqEntry{id: id(next)})
				want = append(slices.Clip(want), id(next))
			case kind < 75 && growing || kind < 10:
				some := id(random.IntN(next))
				x.set(&arqEntry{id: some})
				want = want.with(some)
			case kind == 99:
				pictures = append(pictures, picture{x.snapshot(), want})
			case len(want) > 0:
				some := want[random.IntN(len(want))]
				if kind == 98 {
					some = id(random.IntN(next))
				}
				x.remove(&arqEntry{id: some})
				want = want.without(some)
			}
			if step%100 == 0 {
				want.holds(t, x, id(random.IntN(next+2)))
				x.sound(t)
			}
		}
		for _, p := range pictures {
			p.want.holds(t, p.index, id(random.IntN(next+2)))
			p.index.sound(t)
		}
		for _, some := range want {
			x.remove(&arqEntry{id: some})
		}
		indexed(nil).holds(t, x, id(next))
	}
}

// ARQs that come in order leave no room unused but in the last leaf.
func TestIndexInOrderIsFull(t *testing.T) {
	x := newARQIndex()
	const n = 100_000
	for i := range n {
		x.set(&arqEntry{id: uuid.UUID{1, byte(i >> 16), byte(i >> 8), byte(i)}})
	}
	leaves := 0
	var count func(*indexNode)
	count = func(n *indexNode) {
		if n.children == nil {
			leaves++
		}
		for _, c := range n.children {
			count(c.node)
		}
	}
	count(x.root)
	if want := (n + nodeMost - 1) / nodeMost; leaves != want {
		t.Errorf("%d leaves, want %d", leaves, want)
	}
}

// An index of which most was removed does not keep the nodes of before.
func TestIndexShrinks(t *testing.T) {
	x := newARQIndex()
	const n = 64 * 64 * 4
	entry := func(i int) *arqEntry { return &arqEntry{id: uuid.UUID{byte(i >> 8), byte(i)}} }
	for i := range n {
		x.set(entry(i))
	}
	for i := range n {
		if i%64 != 0 {
			x.remove(entry(i))
		}
	}
	nodes := 0
	var count func(*indexNode)
	count = func(n *indexNode) {
		nodes++
		for _, c := range n.children {
			count(c.node)
		}
	}
	count(x.root)
	if most := n/64/nodeFew + 8; nodes > most {
		t.Errorf("%d nodes for %d ARQs, want at most %d", nodes, x.Len(), most)
	}
}
