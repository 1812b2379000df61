package actors

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"
)

// arqIndex is a set of ARQs in order of creation. It is a B+ tree; a snapshot
// shares its nodes until they change. ARQs mostly come in order: then leaves are
// left full, and to add one is to append it.
type arqIndex struct {
	root  *indexNode // nil: empty
	tail  *indexNode // the last leaf, where it is known and not shared
	owner *indexOwner
	size  int
}

// indexNode is a leaf or has children. Only the index of the same owner may
// alter it.
type indexNode struct {
	owner    *indexOwner
	entries  []*arqEntry // of a leaf
	children []indexChild
}

// indexChild is a child whose ARQs are not before low, except that of the first
// child of a node nothing is said.
type indexChild struct {
	low  uuid.UUID
	node *indexNode
}

// indexOwner is an identity.
type indexOwner struct{ _ byte }

const (
	nodeMost  = 64 // entries or children
	nodeFew   = 16 // fewer are put together with a neighbour
	nodeMerge = 48 // if there are then no more than this
)

func newARQIndex() *arqIndex { return &arqIndex{owner: new(indexOwner)} }

// Len is how many ARQs there are.
func (x *arqIndex) Len() int { return x.size }

// snapshot gives the index as it is, to be walked while the original changes.
func (x *arqIndex) snapshot() *arqIndex {
	s := *x
	s.tail = nil
	x.owner, x.tail = new(indexOwner), nil
	return &s
}

// precedes is the order of creation.
func precedes(a, b *uuid.UUID) bool {
	x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	return x < y || x == y && binary.BigEndian.Uint64(a[8:]) < binary.BigEndian.Uint64(b[8:])
}

// set adds an ARQ.
func (x *arqIndex) set(e *arqEntry) {
	if t := x.tail; t != nil && len(t.entries) < nodeMost && precedes(&t.entries[len(t.entries)-1].id, &e.id) {
		t.entries = append(t.entries, e)
		x.size++
		return
	}
	if x.root == nil {
		x.root = &indexNode{owner: x.owner, entries: []*arqEntry{e}}
		x.tail = x.root
		x.size = 1
		return
	}
	x.root = x.root.owned(x.owner)
	right, low, added := x.root.set(e)
	if added {
		x.size++
	}
	if right != nil {
		x.root = &indexNode{owner: x.owner, children: []indexChild{{node: x.root}, {low, right}}}
	}
	x.findTail()
}

// findTail takes note of the last leaf, unless a snapshot has it too.
func (x *arqIndex) findTail() {
	n := x.root
	for n.owner == x.owner && n.children != nil {
		n = n.children[len(n.children)-1].node
	}
	x.tail = nil
	if n.owner == x.owner {
		x.tail = n
	}
}

// owned gives the node, or a copy of it if it is shared.
func (n *indexNode) owned(by *indexOwner) *indexNode {
	if n.owner == by {
		return n
	}
	own := &indexNode{owner: by}
	if n.children != nil {
		own.children = append(make([]indexChild, 0, cap(n.children)), n.children...)
	} else {
		own.entries = append(make([]*arqEntry, 0, cap(n.entries)), n.entries...)
	}
	return own
}

// find gives the place of an id in a leaf.
func (n *indexNode) find(id *uuid.UUID) (at int, found bool) {
	low, high := 0, len(n.entries)
	for low < high {
		middle := int(uint(low+high) / 2)
		if precedes(&n.entries[middle].id, id) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(n.entries) && n.entries[low].id == *id
}

// child gives the place of the child that an id belongs to.
func (n *indexNode) child(id *uuid.UUID) int {
	low, high := 1, len(n.children)
	for low < high {
		middle := int(uint(low+high) / 2)
		if precedes(id, &n.children[middle].low) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1
}

// set adds an entry to a node that is the caller's own. What does not fit comes
// back as another node, to stand right of it.
func (n *indexNode) set(e *arqEntry) (right *indexNode, low uuid.UUID, added bool) {
	if n.children == nil {
		return n.setHere(e)
	}
	i := n.child(&e.id)
	child := n.children[i].node.owned(n.owner)
	n.children[i].node = child
	more, from, added := child.set(e)
	if more == nil {
		return nil, low, added
	}
	place, at := n, i+1
	if len(n.children) == nodeMost {
		right = &indexNode{owner: n.owner}
		n.children, right.children = split(n.children, at)
		if at > len(n.children) || len(right.children) == 0 {
			place, at = right, at-len(n.children)
		}
	}
	place.children = slices.Insert(place.children, at, indexChild{from, more})
	if right != nil {
		low = right.children[0].low
	}
	return right, low, added
}

// setHere adds an entry to a leaf.
func (n *indexNode) setHere(e *arqEntry) (right *indexNode, low uuid.UUID, added bool) {
	at, found := n.find(&e.id)
	if found {
		n.entries[at] = e
		return nil, low, false
	}
	place := n
	if len(n.entries) == nodeMost {
		right = &indexNode{owner: n.owner}
		n.entries, right.entries = split(n.entries, at)
		if at > len(n.entries) || len(right.entries) == 0 {
			place, at = right, at-len(n.entries)
		}
	}
	place.entries = slices.Insert(place.entries, at, e)
	if right != nil {
		low = right.entries[0].id
	}
	return right, low, true
}

// split cuts a full list in two, for one more at a place; nothing is cut off
// where that comes at the end, and so will probably the next.
func split[T any](list []T, at int) (left, right []T) {
	cut := nodeMost / 2
	if at == nodeMost {
		cut = nodeMost
	}
	right = append(make([]T, 0, nodeMost), list[cut:]...)
	clear(list[cut:])
	return list[:cut], right
}
