package badger

import (
	"log/slog"
	"runtime/debug"
)

// teller tells outcomes.
type teller struct{ log *slog.Logger }

// tell calls done. A panic in it is a bug of the one who asked: it is logged,
// and the others get their outcomes.
func (t teller) tell(a answer) {
	defer func() {
		if p := recover(); p != nil {
			t.log.Error("the receiver of a store outcome panicked",
				"panic", p, "outcome", a.result.Outcome.String(), "stack", string(debug.Stack()))
		}
	}()
	a.done(a.result)
}
