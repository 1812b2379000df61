package http

import (
	"context"
	"io"
	"iter"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

// backendDouble answers with what its fields say; a call whose field is nil
// fails the test.
type backendDouble struct {
	t *testing.T

	createARQs func(actors.CreateARQs) ([]*actors.ARQ, error)
	patchARQs  func(context.Context, actors.Patch) error
	deleteARQs func(actors.DeleteARQs) error
	arqs       []*actors.ARQ
	queries    []actors.ARQQuery // as received by ARQs
	queryARQs  func(actors.ARQQuery) (iter.Seq[*actors.ARQ], error)

	createProfile  func(actors.ProfileSpec) (*actors.Profile, error)
	deleteProfiles func([]string) error
	profiles       []*actors.Profile

	devices         []*actors.Device
	setEnabled      func(uuid.UUID, bool) error
	program         func(id, image uuid.UUID) (*actors.Deployable, error)
	createAttribute func(actors.NewAttribute) (*actors.Attribute, error)
	deleteAttribute func(uuid.UUID) error

	stats  actors.Stats
	ready  func() []string
	notes  []string
	shown  []*actors.SupplyStatus
	backup func(context.Context, io.Writer) error
	// starting makes the service one that takes no calls yet.
	starting bool
}

func (b *backendDouble) unexpected(what string) {
	b.t.Helper()
	b.t.Errorf("the backend was asked to %s", what)
}

func (b *backendDouble) CreateARQs(_ context.Context, req actors.CreateARQs) ([]*actors.ARQ, error) {
	if b.createARQs == nil {
		b.unexpected("create ARQs")
		return nil, nil
	}
	return b.createARQs(req)
}

func (b *backendDouble) PatchARQs(ctx context.Context, req actors.Patch) error {
	if b.patchARQs == nil {
		b.unexpected("patch ARQs")
		return nil
	}
	return b.patchARQs(ctx, req)
}

func (b *backendDouble) DeleteARQs(_ context.Context, req actors.DeleteARQs) error {
	if b.deleteARQs == nil {
		b.unexpected("delete ARQs")
		return nil
	}
	return b.deleteARQs(req)
}

func (b *backendDouble) ARQ(id uuid.UUID) (*actors.ARQ, bool) {
	at := slices.IndexFunc(b.arqs, func(a *actors.ARQ) bool { return a.UUID == id })
	if at < 0 {
		return nil, false
	}
	return b.arqs[at], true
}

func (b *backendDouble) ARQs(q actors.ARQQuery) (iter.Seq[*actors.ARQ], error) {
	b.queries = append(b.queries[:len(b.queries)%100], q)
	if b.queryARQs != nil {
		return b.queryARQs(q)
	}
	return slices.Values(b.arqs), nil
}

func (b *backendDouble) CreateProfile(_ context.Context, spec actors.ProfileSpec) (*actors.Profile, error) {
	if b.createProfile == nil {
		b.unexpected("create a profile")
		return nil, nil
	}
	return b.createProfile(spec)
}

func (b *backendDouble) DeleteProfiles(_ context.Context, names []string) error {
	if b.deleteProfiles == nil {
		b.unexpected("delete profiles")
		return nil
	}
	return b.deleteProfiles(names)
}

func (b *backendDouble) Profile(id uuid.UUID) (*actors.Profile, bool) {
	return b.findProfile(func(p *actors.Profile) bool { return p.UUID == id })
}

func (b *backendDouble) ProfileByName(name string) (*actors.Profile, bool) {
	return b.findProfile(func(p *actors.Profile) bool { return p.Name == name })
}

func (b *backendDouble) findProfile(match func(*actors.Profile) bool) (*actors.Profile, bool) {
	at := slices.IndexFunc(b.profiles, match)
	if at < 0 {
		return nil, false
	}
	return b.profiles[at], true
}

func (b *backendDouble) Profiles(q actors.ProfileQuery) ([]*actors.Profile, error) {
	var found []*actors.Profile
	for _, p := range b.profiles {
		if q.Names == nil || slices.Contains(q.Names, p.Name) {
			found = append(found, p)
		}
	}
	if q.Descending {
		slices.Reverse(found)
	}
	if q.Limit > 0 && q.Limit < len(found) {
		found = found[:q.Limit]
	}
	return found, nil
}

func (b *backendDouble) Devices() []*actors.Device { return b.devices }

func (b *backendDouble) Device(id uuid.UUID) (*actors.Device, bool) {
	at := slices.IndexFunc(b.devices, func(d *actors.Device) bool { return d.UUID == id })
	if at < 0 {
		return nil, false
	}
	return b.devices[at], true
}

func (b *backendDouble) Deployable(id uuid.UUID) (*actors.Deployable, *actors.Device, bool) {
	for _, device := range b.devices {
		for _, d := range device.Deployables {
			if d.UUID == id {
				return d, device, true
			}
		}
	}
	return nil, nil, false
}

func (b *backendDouble) Attribute(id uuid.UUID) (*actors.Attribute, bool) {
	for _, device := range b.devices {
		for _, d := range device.Deployables {
			for _, a := range d.Attributes {
				if a.UUID == id {
					return a, true
				}
			}
		}
	}
	return nil, false
}

func (b *backendDouble) SetDeviceEnabled(_ context.Context, id uuid.UUID, enabled bool) error {
	if b.setEnabled == nil {
		b.unexpected("enable or disable a device")
		return nil
	}
	return b.setEnabled(id, enabled)
}

func (b *backendDouble) ProgramDeployable(_ context.Context, id, image uuid.UUID) (*actors.Deployable, error) {
	if b.program == nil {
		b.unexpected("program a deployable")
		return nil, nil
	}
	return b.program(id, image)
}

func (b *backendDouble) CreateAttribute(_ context.Context, a actors.NewAttribute) (*actors.Attribute, error) {
	if b.createAttribute == nil {
		b.unexpected("create an attribute")
		return nil, nil
	}
	return b.createAttribute(a)
}

func (b *backendDouble) DeleteAttribute(_ context.Context, id uuid.UUID) error {
	if b.deleteAttribute == nil {
		b.unexpected("delete an attribute")
		return nil
	}
	return b.deleteAttribute(id)
}

func (b *backendDouble) Stats() actors.Stats { return b.stats }

func (b *backendDouble) Backup(ctx context.Context, w io.Writer) error { return b.backup(ctx, w) }

func (b *backendDouble) Serving() bool { return !b.starting }

func (b *backendDouble) Notes() []string { return b.notes }

func (b *backendDouble) Supplies() []*actors.SupplyStatus { return b.shown }

func (b *backendDouble) Ready() []string {
	if b.ready == nil {
		return nil
	}
	return b.ready()
}
