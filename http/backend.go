package http

import (
	"context"
	"iter"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

// Backend is what the REST face needs of the service. Errors are
// *actors.Error; anything else is an internal fault. Every call comes back
// within a time limit of the Backend's (CodeTimeout), or when its context ends.
// The views returned are immutable and stay valid.
type Backend interface {
	CreateARQs(ctx context.Context, req actors.CreateARQs) ([]*actors.ARQ, error)
	PatchARQs(ctx context.Context, req actors.Patch) error
	DeleteARQs(ctx context.Context, req actors.DeleteARQs) error
	// ARQ gives one ARQ whoever asks; the caller checks the scope.
	ARQ(id uuid.UUID) (*actors.ARQ, bool)
	// ARQs walks the answer to a query over one consistent picture; the
	// sequence can be used after the call returned. An unknown marker is
	// CodeInvalid, ARQs that are not Resolved as asked for are CodeUnresolved.
	ARQs(q actors.ARQQuery) (iter.Seq[*actors.ARQ], error)

	CreateProfile(ctx context.Context, spec actors.ProfileSpec) (*actors.Profile, error)
	// DeleteProfiles deletes the profiles with these names or uuids, all or nothing.
	DeleteProfiles(ctx context.Context, namesOrUUIDs []string) error
	Profile(id uuid.UUID) (*actors.Profile, bool)
	ProfileByName(name string) (*actors.Profile, bool)
	Profiles(q actors.ProfileQuery) ([]*actors.Profile, error)

	// Devices gives all devices in order of registration, the deployables and
	// attributes within them likewise.
	Devices() []*actors.Device
	Device(id uuid.UUID) (*actors.Device, bool)
	// Deployable gives a deployable and the device it is part of.
	Deployable(id uuid.UUID) (*actors.Deployable, *actors.Device, bool)
	Attribute(id uuid.UUID) (*actors.Attribute, bool)
	SetDeviceEnabled(ctx context.Context, id uuid.UUID, enabled bool) error
	ProgramDeployable(ctx context.Context, id, image uuid.UUID) (*actors.Deployable, error)
	CreateAttribute(ctx context.Context, a actors.NewAttribute) (*actors.Attribute, error)
	DeleteAttribute(ctx context.Context, id uuid.UUID) error

	// Stats gives counts for the metrics page; cheap enough for each scrape.
	Stats() actors.Stats
	// Serving tells whether calls are taken: false while the service starts.
	Serving() bool
	// Ready gives the reasons why requests had better go elsewhere; none when
	// all is well. A service that only refuses changes serves, and is not
	// ready.
	Ready() []string
	// Notes gives what operators should know although calls are taken.
	Notes() []string
	// Supplies tells of each device how far the scheduler sees it.
	Supplies() []*actors.SupplyStatus
}
