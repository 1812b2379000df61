package actors

import (
	"sync/atomic"

	"github.com/google/uuid"
)

// State is the state of an ARQ, spelled on the wire as String gives it.
type State uint8

// The states of an ARQ. Bound, BindFailed and Deleting count as resolved.
const (
	Initial State = iota
	BindStarted
	Bound
	Unbound
	BindFailed
	UnbindFailed
	Deleting
	stateCount
)

var stateNames = [stateCount]string{
	"Initial", "BindStarted", "Bound", "Unbound", "BindFailed", "UnbindFailed", "Deleting",
}

// String gives the name that clients see.
func (s State) String() string {
	if s < stateCount {
		return stateNames[s]
	}
	return "Invalid"
}

// ParseState is the inverse of String.
func ParseState(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return 0, false
}

// Resolved says whether a client that waits for the bind need wait no longer.
func (s State) Resolved() bool {
	return s == Bound || s == BindFailed || s == Deleting
}

// ARQ is one accelerator request: a published, immutable view.
type ARQ struct {
	UUID       uuid.UUID // version 7: sorts in order of creation
	Generation uint64
	ProjectID  string
	Group      *Group // the copy of the profile's group that it was made from
	Binding    *Binding
	CreatedAt  int64 // Unix seconds
	UpdatedAt  int64 // Unix seconds; 0: never
	State      State
	held       bool // the bind has failed, which readers are not to see yet
}

// Group is what one group of a device profile asks for, as its ARQs keep it.
// Groups are shared between ARQs and never altered.
type Group struct {
	ProfileUUID uuid.UUID
	ProfileName string
	Index       int // device_profile_group_id
	Requests    []Request

	makes atomic.Int32 // Amount()+1, once it was asked for
}

// amount is Amount, worked out once.
func (g *Group) amount() int {
	if n := g.makes.Load(); n > 0 {
		return int(n) - 1
	}
	n := g.Amount()
	g.makes.Store(int32(n) + 1)
	return n
}

// Request is one key and value of a device profile group, such as
// "resources:FPGA" = "1" or "trait:CUSTOM_X" = "required".
type Request struct {
	Key   string
	Value string
}

// AttachHandle gives what the guest gets, and nil unless the ARQ is Bound: a
// handle that is still being prepared is not to be used.
func (a *ARQ) AttachHandle() *Handle {
	if a.State != Bound || a.Binding == nil {
		return nil
	}
	return a.Binding.Handle
}

// Binding says where an ARQ is bound or is to be bound. Handle is the attach
// handle that it holds, from BindStarted on; BindFailed has none. Readers use
// ARQ.AttachHandle.
type Binding struct {
	Hostname     string
	ProviderUUID uuid.UUID // device_rp_uuid
	InstanceUUID uuid.UUID
	Handle       *Handle
}

// Handle is an attach handle as an ARQ shows it.
type Handle struct {
	UUID uuid.UUID
	Type string // PCI, MDEV, TEST_PCI
	Info string // JSON object as text
}

// CreateARQs asks for the ARQs of a device profile.
type CreateARQs struct {
	ProfileName string
	ProjectID   string
	RequestID   string
}

// Scope says whose ARQs a request may see and touch.
type Scope struct {
	ProjectID string
	Admin     bool // all projects
}

// sees says whether an ARQ of the project exists for the caller.
func (s Scope) sees(projectID string) bool {
	return s.Admin || s.ProjectID == projectID
}

// Patch is one PATCH of accelerator requests: binds and unbinds, all or
// nothing. Items keep the order of the body; an ARQ appears once.
type Patch struct {
	Scope     Scope
	Items     []PatchItem
	RequestID string
}

// PatchItem binds an ARQ (Bind is set) or unbinds it (Bind is nil).
type PatchItem struct {
	ARQ  uuid.UUID
	Bind *BindTo
}

// BindTo is the wanted binding. ProjectID, when not empty, moves the ARQ to
// that project.
type BindTo struct {
	Hostname     string
	ProviderUUID uuid.UUID
	InstanceUUID uuid.UUID
	ProjectID    string
}

// DeleteARQs deletes the ARQs named, all or nothing, or those of an instance
// that the scope may see (Instance is not the zero uuid; none is fine).
type DeleteARQs struct {
	Scope    Scope
	ARQs     []uuid.UUID
	Instance uuid.UUID
	// Service says that the caller proved to be a service: without it an ARQ
	// that names an instance is not deleted (CodeForbidden).
	Service   bool
	RequestID string
}

// ARQQuery filters, orders and pages ARQs. Zero values do not filter. The
// order is that of creation; Descending turns it round.
type ARQQuery struct {
	Scope     Scope
	ProjectID string // admin's filter
	Instance  uuid.UUID
	// Resolved, with an Instance, asks for an answer only if all ARQs of it that
	// the scope may see are resolved; CodeUnresolved: they are not.
	Resolved     bool
	States       []State
	Hostname     string
	ProviderUUID uuid.UUID
	ProfileName  string
	After        uuid.UUID // marker
	Limit        int       // 0: all
	Descending   bool
}
