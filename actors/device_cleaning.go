package actors

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// A handle that was given back while its device was at work on it, or that
// leaves something behind on the host, is releasing: nobody's, and given to
// nobody, until it has been cleaned up. That survives a restart, because the
// state is in its record.

// cleanUpPause is how long a clean-up that failed waits for the next try.
const cleanUpPause = 5 * time.Second

// handleCleaned is the store's verdict on a handle that is free again.
type handleCleaned struct {
	batch  *batch
	result persistence.Result
}

// cleanUp takes up every releasing handle that the device does not work on.
func (a *deviceActor) cleanUp() {
	if a.awaited {
		return
	}
	for id, busy := range a.releasing {
		if !busy && !a.jobs.prepares(id) {
			a.releasing[id] = true
			a.clean(a.handles[id])
		}
	}
}

func (a *deviceActor) clean(h *heldHandle) {
	j := &job{handles: []uuid.UUID{h.UUID}}
	if c, needed := a.undoing(h); needed {
		j.commands = []devices.Command{c}
	}
	j.then = func(err error) {
		if errors.Is(err, errNoDevice) && a.dev.Missing { // nobody there knows how
			a.sys.log.Warn("what was made for a guest may be left on its host: the agent has no driver for it",
				"host", a.dev.Hostname, "device", a.dev.UUID, "handle", h.UUID, "info", h.Info)
			err = nil
		}
		if err != nil {
			a.cleaningFailed(h.UUID, err)
			return
		}
		delete(a.makers, h.UUID)
		a.free(h)
	}
	a.jobs.add(a, j)
}

func (a *deviceActor) free(h *heldHandle) {
	freed, event := *h, evCleaned
	if a.gone[h.UUID] || a.dev.Missing {
		event = evCleanedGone
	}
	freed.State, _ = h.State.next(event)
	freed.Undo = undoNothing
	b := relief()
	b.putHandle(h, &freed)
	self := a.self
	a.sys.submit(b, func(r persistence.Result) {
		a.sys.engine.tell(self, &handleCleaned{b, r})
	})
}

func (a *deviceActor) cleaned(m *handleCleaned) {
	h := m.batch.handles[0].after
	if err := storeError(m.result); err != nil {
		a.cleaningFailed(h.UUID, err)
		return
	}
	a.adoptHandle(h)
	a.toldBack(h)
}

func (a *deviceActor) cleaningFailed(handle uuid.UUID, err error) {
	a.sys.log.Warn("an attach handle could not be cleaned up; trying again",
		"handle", handle, "device", a.dev.UUID, "error", err)
	self := a.self
	a.sys.after(cleanUpPause, func() { a.sys.engine.tell(self, cleanUp{failed: handle}) })
}

func (a *deviceActor) resumeCleaning(failed uuid.UUID) {
	if _, still := a.releasing[failed]; still {
		a.releasing[failed] = false
	}
	a.cleanUp()
}
