package actors

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// held gives the event that an ARQ, as it is after a commit, is held back by;
// nil: it is not.
func (h *history) heldBy(id uuid.UUID, index int) *Event {
	for _, v := range slices.Backward(h.versions[arqKey(id)]) {
		if v.from > index {
			continue
		}
		for _, e := range h.commits[v.from-1].events {
			if e.Held && slices.Contains(e.ARQs, EventARQ{UUID: id}) {
				return e
			}
		}
		return nil
	}
	return nil
}

// waits says whether an ARQ that an event holds back is still as it was.
func (h *history) waits(e *Event, index int) bool {
	return slices.ContainsFunc(e.ARQs, func(a EventARQ) bool { return h.heldBy(a.UUID, index) == e })
}

// checkHold holds a view against the rule: what fails after it was accepted is
// shown BindStarted until its event is too old, and nothing else is.
func (h *history) checkHold(s *simulation, a *ARQ) {
	if a == nil || a.stored() != BindFailed {
		return
	}
	var by *Event
	for _, v := range h.versions[arqKey(a.UUID)] {
		if q := as[ARQ](v.rec); q != nil && q.Generation == a.Generation {
			by = h.heldBy(a.UUID, v.from)
		}
	}
	switch {
	case a.held && by == nil:
		h.violated("ARQ %s is held back without cause", a.UUID)
	case !a.held && by != nil && time.Since(time.UnixMilli(by.Created)) < s.opts.EventDeadline:
		h.violated("ARQ %s is shown as failed after %s", a.UUID, time.Since(time.UnixMilli(by.Created)))
	}
	if a.held {
		s.counts.holds++
	}
}
