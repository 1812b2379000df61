package actors

import "github.com/google/uuid"

// A store that was saved from a damaged disk may have an ARQ that shows a handle
// which is not its own by the handle's record. It lets go of what it does not
// have. That is no race: the batch holds only if both records are, at the moment
// when it is written, as they were when they contradicted each other, and what is
// written together never does.

// lack is a handle that an ARQ shows and does not hold, as far as was known.
type lack struct {
	arq, handle uuid.UUID
	generation  uint64    // of the handle; 0: it is not on record
	holder      uuid.UUID // who has it, if that is known
}

// lackOf is a lack of which the handle's device knows nothing.
func (s *System) lackOf(g handleGive) lack {
	return lack{arq: g.arq, handle: g.handle, generation: s.dir.handleGeneration(g.handle)}
}

func (a *deviceActor) lackOf(g handleGive) lack {
	h := a.handles[g.handle]
	if h == nil {
		return a.sys.lackOf(g)
	}
	return lack{arq: g.arq, handle: g.handle, generation: h.Generation, holder: h.Holder}
}

// checkLacked makes the handles that are lacked conditions of the batch, unless it
// writes them for somebody else: then they are.
func (o *operation) checkLacked(b *batch) {
	for _, l := range o.lacked {
		if !b.writes(handleKey(l.handle)) {
			b.check(handleKey(l.handle), l.generation)
		}
	}
}

// tellLacked says what was let go of.
func (o *operation) tellLacked() {
	for _, l := range o.lacked {
		o.sys.log.Warn("an accelerator request has let go of an attach handle that was not its own by the records",
			"arq", l.arq, "handle", l.handle, "held_by", l.holder, "request_id", o.request)
	}
}
