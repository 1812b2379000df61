package memory

import (
	"errors"
	"time"

	"github.com/arqd/arqd/persistence"
)

// Effect is what happens to one transition.
type Effect uint8

const (
	// Pass treats the transition as it deserves.
	Pass Effect = iota
	// Lose answers Lost and writes nothing, as if another had come first.
	Lose
	// ApplyUnknown writes the transition if its conditions hold, and answers
	// Unknown: the confirmation was lost.
	ApplyUnknown
	// DropUnknown writes nothing and answers Unknown: the request was lost.
	DropUnknown
)

// Fault is what befalls one transition. The zero Fault is none.
type Fault struct {
	Effect Effect
	// Err is reported with Lose (default: none), ApplyUnknown and
	// DropUnknown (default: ErrInjected).
	Err error
	// Delay passes before the transition is decided. Those behind it wait
	// as well.
	Delay time.Duration
}

// ErrInjected is the cause of an injected Unknown outcome.
var ErrInjected = errors.New("injected fault")

// Options of a Store.
type Options struct {
	// Faults, when set, is asked for each valid transition when its turn
	// comes, one at a time, by the store's goroutine.
	Faults func(persistence.Transition) Fault
	// Applied, when set, is told of each transition that is written, as it is
	// written: the store is locked meanwhile and must not be called.
	Applied func(persistence.Transition)
	// Snapshot is what the store holds at first.
	Snapshot Snapshot
}
