package actors

import (
	"slices"

	"github.com/google/uuid"
)

// remove takes an ARQ out.
func (x *arqIndex) remove(e *arqEntry) {
	if x.root == nil {
		return
	}
	x.tail = nil
	x.root = x.root.owned(x.owner)
	if x.root.remove(&e.id) {
		x.size--
	}
	for len(x.root.children) == 1 {
		x.root = x.root.children[0].node
	}
	if x.size == 0 {
		x.root = nil
	}
}

func (n *indexNode) remove(id *uuid.UUID) (removed bool) {
	if n.children == nil {
		at, found := n.find(id)
		if found {
			n.entries = slices.Delete(n.entries, at, at+1)
		}
		return found
	}
	i := n.child(id)
	child := n.children[i].node.owned(n.owner)
	n.children[i].node = child
	removed = child.remove(id)
	if child.length() < nodeFew {
		n.tidy(i)
	}
	return removed
}

func (n *indexNode) length() int { return max(len(n.entries), len(n.children)) }

// tidy does away with a child that has become small, if it is empty or a
// neighbour has room for it.
func (n *indexNode) tidy(i int) {
	small := n.children[i].node.length()
	switch {
	case small == 0:
		n.children = slices.Delete(n.children, i, i+1)
	case i > 0 && n.children[i-1].node.length()+small <= nodeMerge:
		n.merge(i - 1)
	case i+1 < len(n.children) && n.children[i+1].node.length()+small <= nodeMerge:
		n.merge(i)
	}
}

// merge puts a child and the next one together.
func (n *indexNode) merge(i int) {
	left, next := n.children[i].node.owned(n.owner), n.children[i+1]
	left.entries = append(left.entries, next.node.entries...)
	from := len(left.children)
	left.children = append(left.children, next.node.children...)
	if from > 0 {
		left.children[from].low = next.low
	}
	n.children[i].node = left
	n.children = slices.Delete(n.children, i+1, i+2)
}
