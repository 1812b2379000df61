package actors

import (
	"slices"

	"github.com/google/uuid"
)

// ascend walks the ARQs in order, from an id on.
func (x *arqIndex) ascend(from uuid.UUID, step func(*arqEntry) bool) {
	if x.root != nil {
		x.root.ascend(&from, step)
	}
}

func (n *indexNode) ascend(from *uuid.UUID, step func(*arqEntry) bool) bool {
	if n.children == nil {
		at, _ := n.find(from)
		for _, e := range n.entries[at:] {
			if !step(e) {
				return false
			}
		}
		return true
	}
	for _, c := range n.children[n.child(from):] {
		if !c.node.ascend(from, step) {
			return false
		}
	}
	return true
}

// descend walks the ARQs backwards, from an id on; from the last one if it is
// uuid.Max.
func (x *arqIndex) descend(from uuid.UUID, step func(*arqEntry) bool) {
	if x.root != nil {
		x.root.descend(&from, step)
	}
}

func (n *indexNode) descend(from *uuid.UUID, step func(*arqEntry) bool) bool {
	if n.children == nil {
		at, found := n.find(from)
		if found {
			at++
		}
		for _, e := range slices.Backward(n.entries[:at]) {
			if !step(e) {
				return false
			}
		}
		return true
	}
	for _, c := range slices.Backward(n.children[:n.child(from)+1]) {
		if !c.node.descend(from, step) {
			return false
		}
	}
	return true
}
