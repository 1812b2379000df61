package actors

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
)

// Ids of any kind are found until they are removed: also those that differ in
// few bits, or collide.
func TestTableFindsWhatItHolds(t *testing.T) {
	for name, id := range map[string]func(n uint64) uuid.UUID{
		"counted at the end": func(n uint64) (id uuid.UUID) {
			binary.BigEndian.PutUint64(id[8:], n)
			return id
		},
		"counted at the beginning": func(n uint64) (id uuid.UUID) {
			binary.BigEndian.PutUint64(id[:8], n)
			return id
		},
		"at random": func(n uint64) (id uuid.UUID) {
			random := rand.New(rand.NewPCG(n, 7))
			binary.BigEndian.PutUint64(id[:8], random.Uint64())
			binary.BigEndian.PutUint64(id[8:], random.Uint64())
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			var table entryTable
			want := map[uuid.UUID]*arqEntry{}
			for step := range 40_000 {
				some := id(uint64(random.IntN(2000)))
				if adding := step/5000%2 == 0; adding == (random.IntN(4) > 0) {
					want[some] = &arqEntry{id: some}
					table.add(want[some])
				} else if got := table.remove(some); got != want[some] {
					t.Fatalf("removed %v, want %v", got, want[some])
				} else {
					delete(want, some)
				}
				if got := table.find(some); got != want[some] {
					t.Fatalf("found %v, want %v", got, want[some])
				}
				if table.used != len(want) {
					t.Fatalf("%d used, there are %d", table.used, len(want))
				}
			}
			for n := range uint64(2000) {
				if some := id(n); table.find(some) != want[some] {
					t.Fatalf("found %v, want %v", table.find(some), want[some])
				}
			}
		})
	}
}

// A table takes no more than its share of memory, and gives it back.
func TestTableFitsItsContent(t *testing.T) {
	var table entryTable
	const n = 5000
	for i := range n {
		table.add(&arqEntry{id: uuid.UUID{byte(i), byte(i >> 8)}})
	}
	if places := len(table.places); places != 8192 {
		t.Errorf("%d places for %d", places, n)
	}
	for i := range n {
		table.remove(uuid.UUID{byte(i), byte(i >> 8)})
	}
	if places := len(table.places); places != fewestPlaces {
		t.Errorf("%d places for none", places)
	}
}
