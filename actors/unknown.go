package actors

import (
	"bytes"
	"context"

	"github.com/arqd/arqd/persistence"
)

// applied looks whether a transition is in the store. Its records are compared
// with what it would have written: a later write of the same records shows a
// higher generation, which only a writer that saw this one can have made.
func applied(ctx context.Context, store persistence.Store, t *persistence.Transition) (persistence.Outcome, error) {
	keys := make([]persistence.Key, 0, len(t.Puts)+len(t.Deletes))
	for _, p := range t.Puts {
		keys = append(keys, p.Key)
	}
	for _, d := range t.Deletes {
		keys = append(keys, d.Key)
	}
	found, err := store.Fresh(ctx, keys)
	if err != nil {
		return persistence.Unknown, err
	}
	sure := false
	for i, p := range t.Puts {
		switch r := found[i]; {
		case r.Generation > p.Expected+1: // overwritten since, ours or not
		case r.Generation == p.Expected+1 && bytes.Equal(r.Body, p.Body):
			sure = true
		default:
			return persistence.Lost, nil
		}
	}
	for i, d := range t.Deletes {
		if found[len(t.Puts)+i].Generation >= d.Expected {
			return persistence.Lost, nil
		}
		sure = true
	}
	if !sure {
		return persistence.Unknown, nil
	}
	return persistence.Won, nil
}
