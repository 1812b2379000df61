package actors

import (
	"time"

	"github.com/google/uuid"
)

// chore is what a device's actor does unasked, whenever it sees that it is to be done. As
// long as one is under way, or waits for the next try, it is not begun; then the actor
// tells itself so.
type chore struct {
	what       string
	deployable uuid.UUID // zero: of all of the device
}

var (
	leaving      = chore{what: "leaving"}       // a missing device goes
	puttingRight = chore{what: "putting right"} // it gets on record what the host has
	remaking     = chore{what: "remaking"}      // what was made is made anew
)

// reloadingOf is that an image is loaded again.
func reloadingOf(dep *Deployable) chore { return chore{"reloading", dep.UUID} }

// droppingOf is that a part goes.
func droppingOf(deployable uuid.UUID) chore { return chore{"dropping", deployable} }

// later has a chore wait for its next try.
func (a *deviceActor) later(c chore, pause time.Duration) {
	a.chores[c] = true
	self := a.self
	a.sys.after(pause, func() { a.sys.engine.tell(self, c) })
}
