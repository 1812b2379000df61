package badger

import (
	"log/slog"
	"runtime/debug"
)

// reporter tells outcomes, in the order in which the committer found them.
type reporter struct {
	answers *queue[answer]
	log     *slog.Logger
}

// run tells until the queue is closed and empty.
func (r *reporter) run() {
	var spare []answer
	for {
		answers := r.answers.take(spare)
		if len(answers) == 0 {
			return
		}
		for i := range answers {
			r.tell(answers[i])
		}
		clear(answers)
		spare = answers
	}
}

// tell calls done. A panic in it is a bug of the one who asked: it is logged,
// and the others get their outcomes.
func (r *reporter) tell(a answer) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("the receiver of a store outcome panicked",
				"panic", p, "outcome", a.result.Outcome.String(), "stack", string(debug.Stack()))
		}
	}()
	a.done(a.result)
}
