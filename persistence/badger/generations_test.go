package badger

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
)

func numbered(n int) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[4:], uint64(n))
	return id
}

// Whatever is written and deleted after a start, generations are those of a map.
func TestGenerationsAreThoseOfAMap(t *testing.T) {
	for _, size := range []int{0, 1, blockLength, blockLength + 1, 5000} {
		random := rand.New(rand.NewPCG(uint64(size), 1))
		g, want := newGenerations(), map[uuid.UUID]generation{}
		for n := range size {
			id := numbered(2*n + 1) // others come between
			if !g.follows(id) {
				t.Fatalf("%s does not follow what is before it", id)
			}
			g.add(id, generation(n%3+1))
			want[id] = generation(n%3 + 1)
			if g.follows(id) {
				t.Fatalf("%s follows itself", id)
			}
		}
		next := 2*size + 3
		for step := range 10 * (size + 10) {
			id := numbered(1 + random.IntN(2*size+3))
			if step%3 == 0 { // new ones, nearly in order
				next += random.IntN(4)
				id = numbered(max(1, next-random.IntN(3)))
			}
			if random.IntN(3) > step%4 {
				g.set(id, want[id]+1)
				want[id]++
			} else {
				g.drop(id)
				delete(want, id)
			}
			if got := g.of(id); got != want[id] {
				t.Fatalf("of %d found: generation %d of %s, want %d", size, got, id, want[id])
			}
		}
		for n := range next + 5 {
			if id := numbered(n); g.of(id) != want[id] {
				t.Fatalf("of %d found: generation %d of %s, want %d", size, g.of(id), id, want[id])
			}
		}
		for id := range maps.Clone(want) {
			g.drop(id)
		}
		if len(g.others) > 0 || g.there > blockLength {
			t.Errorf("of %d found %d are kept, and %d others, when all are deleted", size, g.there, len(g.others))
		}
	}
}

// BenchmarkGenerations looks up what a start has found, of a million, and what
// was made since.
func BenchmarkGenerations(b *testing.B) {
	const n = 1_000_000
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	found, others := newGenerations(), newGenerations()
	others.set(uuid.Max, 1)
	for _, id := range ids {
		found.add(id, 1)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for _, i := range random.Perm(n) {
		others.set(ids[i], 1)
	}
	for name, g := range map[string]*generations{"found": &found, "others": &others} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if g.of(ids[random.IntN(n)]) != 1 {
					b.Fatal("not there")
				}
			}
		})
	}
	b.Run("new", func(b *testing.B) {
		id := uuid.Must(uuid.NewV7())
		for b.Loop() {
			if found.of(id) != 0 {
				b.Fatal("there")
			}
		}
	})
}
