package actors

import "sync/atomic"

// together tells readers without a lock whether views of several ARQs are just
// changing at once: it is odd meanwhile. The changes themselves are made under
// directory.mu.
type together struct{ changes atomic.Uint64 }

func (t *together) begin() { t.changes.Add(1) }
func (t *together) end()   { t.changes.Add(1) }

// quiet says that there is no such change now, and when now is.
func (t *together) quiet() (at uint64, quiet bool) {
	at = t.changes.Load()
	return at, at%2 == 0
}

// still says that there has been none since.
func (t *together) still(at uint64) bool { return t.changes.Load() == at }
