package actors

import (
	"math/bits"
	"slices"
)

// handleSet is the attach handles of one deployable, lowest first. Finding a
// free one costs little however many there are: a bit for each, and a mark
// below which none is free.
type handleSet struct {
	handles []*heldHandle // committed
	free    bitset        // committed as free
	offered bitset        // in a proposal that is undecided
	nfree   int
	ntaken  int
	low     int // no free handle in the words below
}

type bitset []uint64

func (b *bitset) set(i int) {
	for len(*b) <= i/64 {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bitset) clear(i int) {
	if i/64 < len(b) {
		b[i/64] &^= 1 << (i % 64)
	}
}

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) word(i int) uint64 {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// set makes h the committed state of its place.
func (s *handleSet) set(h *heldHandle) {
	for len(s.handles) <= h.Order {
		s.handles = append(s.handles, nil)
	}
	s.countTaken(s.handles[h.Order], -1)
	s.countTaken(h, 1)
	s.handles[h.Order] = h
	was, is := s.free.has(h.Order), h.State == handleFree
	switch {
	case is && !was:
		s.free.set(h.Order)
		s.nfree++
		s.low = min(s.low, h.Order/64)
	case was && !is:
		s.free.clear(h.Order)
		s.nfree--
	}
}

// drop forgets a handle that no longer exists. Its place is free for another one if
// it was the last.
func (s *handleSet) drop(h *heldHandle) {
	if s.free.has(h.Order) {
		s.free.clear(h.Order)
		s.nfree--
	}
	s.handles[h.Order] = nil
	for last := len(s.handles) - 1; last >= 0 && s.handles[last] == nil; last-- {
		s.handles = s.handles[:last]
	}
}

// pick gives the n lowest handles that are free and not offered, or fewer
// when there are fewer.
func (s *handleSet) pick(n int) []*heldHandle {
	picked := make([]*heldHandle, 0, n)
	for w := s.low; w < len(s.free) && len(picked) < n; w++ {
		if s.free[w] == 0 && w == s.low {
			s.low++
			continue
		}
		for open := s.free[w] &^ s.offered.word(w); open != 0 && len(picked) < n; open &= open - 1 {
			picked = append(picked, s.handles[w*64+bits.TrailingZeros64(open)])
		}
	}
	return picked
}

// away gives the handles that are not free.
func (s *handleSet) away() []*heldHandle {
	var away []*heldHandle
	for _, h := range s.handles {
		if h != nil && h.State != handleFree {
			away = append(away, h)
		}
	}
	return away
}

// vacant gives the handles that somebody may get.
func (s *handleSet) vacant() []*heldHandle {
	return slices.DeleteFunc(slices.Clone(s.handles), func(h *heldHandle) bool { return h == nil || h.State != handleFree })
}

func (s *handleSet) countTaken(h *heldHandle, by int) {
	if h != nil && h.State == handleTaken {
		s.ntaken += by
	}
}
