package actors

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
)

// The set against the obvious way to do the same.
func TestHandleSetPicksTheLowestFree(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(200)
		s := &handleSet{}
		for i := range n {
			s.set(&heldHandle{Handle: Handle{UUID: uuid.New()}, Order: i})
		}
		offered := map[int]bool{}
		for range 400 {
			i := r.IntN(n)
			switch r.IntN(4) {
			case 0, 1:
				h := *s.handles[i]
				h.State = handleState(r.IntN(3))
				s.set(&h)
			case 2:
				s.offered.set(i)
				offered[i] = true
			case 3:
				s.offered.clear(i)
				delete(offered, i)
			}
			want := []int{}
			free := 0
			for j, h := range s.handles {
				if h.State == handleFree {
					free++
					if !offered[j] && len(want) < 3 {
						want = append(want, j)
					}
				}
			}
			got := s.pick(3)
			if len(got) != len(want) || s.nfree != free {
				t.Fatalf("seed %d: picked %d of %d, free %d, want %d", seed, len(got), len(want), s.nfree, free)
			}
			for k := range got {
				if got[k].Order != want[k] {
					t.Fatalf("seed %d: picked %d, want %d", seed, got[k].Order, want[k])
				}
			}
		}
	}
}
