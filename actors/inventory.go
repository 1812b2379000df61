package actors

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// Inventory is where the scheduler sees what devices have to give: Placement.
//
// Show brings what is seen there of one device in line with s and says how much
// it had to change: 0, all was so already. It may be repeated at will. Calls for
// different devices run at the same time, those for one device never do. Apart
// from the errors below any error means that it is worth another try, later.
type Inventory interface {
	Show(ctx context.Context, s *Supply) (changes int, err error)
}

// What an Inventory's errors wrap.
var (
	// ErrInventoryAway: it does not answer, or does not let us in.
	ErrInventoryAway = errors.New("the inventory cannot be used")
	// ErrHostUnknown: the host is not there yet, below which its devices go.
	ErrHostUnknown = errors.New("the host is not in the inventory")
	// ErrSupplyInUse: all is shown, but what is to go is in use and still there.
	ErrSupplyInUse = errors.New("what is to go is in use")
)

// Supply is what one device has to give.
type Supply struct {
	Device uuid.UUID
	Host   string
	// Root is the name of the host's own provider, below which its devices go; "":
	// all of them are to go.
	Root      string
	Providers []Provider // one per deployable
}

// Provider is what one deployable has to give.
type Provider struct {
	UUID  uuid.UUID
	Name  string
	Class string // resource class; "": nothing is given
	Total int    // 0: nothing is given
	// Reserved is what of Total nobody may have at present.
	Reserved int
	Traits   []string // sorted, each once
	// Gone is a provider that is to go, with all that it has. Name is then for
	// people only, and may be wanting.
	Gone bool

	// What was shown once and is not to be any more. What is in neither list is
	// somebody else's.
	FormerClasses, FormerTraits []string
}
