package actors

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// CreateARQs makes the ARQs of a device profile, all or none, and gives them
// in order of creation. CodeNotFound: no such profile.
func (s *System) CreateARQs(ctx context.Context, req CreateARQs) ([]*ARQ, error) {
	p := newPromise[[]*ARQ]()
	return call(ctx, s, p, func() error {
		profile, ok := s.dir.profileByName(req.ProfileName)
		if !ok {
			return profileNotFound(req.ProfileName)
		}
		m := &createARQs{request: req, promise: p}
		if s.opts.Quota.limits() {
			s.projects.tell(projectID(req.ProjectID), &admitCreate{m, profile.UUID, profile.amount()})
			return nil
		}
		if !s.profiles.tell(profile.UUID, m) {
			return profileNotFound(req.ProfileName)
		}
		return nil
	})
}

// PatchARQs binds and unbinds, all or nothing. See package documentation of
// the states; CodeNoFreeHandle leaves the ARQs BindFailed, every other error
// leaves all as it was.
func (s *System) PatchARQs(ctx context.Context, req Patch) error {
	images, err := s.imagesFor(ctx, &req)
	if err != nil {
		return err
	}
	p := newPromise[struct{}]()
	_, err = call(ctx, s, p, func() error {
		s.operate(&operation{
			sys: s, purpose: forPatch, request: req.RequestID, promise: p, choose: req.parts, images: images,
		})
		return nil
	})
	return err
}

func (r *Patch) parts() []*part {
	parts := make([]*part, 0, len(r.Items))
	for i := range r.Items {
		item := &r.Items[i]
		ask := arqAsk{event: evUnbind, scope: r.Scope}
		if item.Bind != nil {
			ask.event, ask.bind = evBind, item.Bind
		}
		parts = append(parts, &part{id: item.ARQ, ask: ask})
	}
	return parts
}

// DeleteARQs deletes, all or nothing. CodeNotFound: one of those named is
// unknown; by instance there is no such error.
func (s *System) DeleteARQs(ctx context.Context, req DeleteARQs) error {
	p := newPromise[struct{}]()
	_, err := call(ctx, s, p, func() error {
		o := &operation{sys: s, purpose: forDelete, instance: req.Instance, request: req.RequestID, promise: p}
		o.choose = func() []*part { return s.partsToDelete(&req) }
		s.operate(o)
		return nil
	})
	return err
}

func (s *System) partsToDelete(req *DeleteARQs) []*part {
	if req.Instance != uuid.Nil {
		return s.membersToDelete(req)
	}
	if len(req.ARQs) == 1 {
		return []*part{deletePart(req, req.ARQs[0])}
	}
	parts, seen := make([]*part, 0, len(req.ARQs)), make(map[uuid.UUID]bool, len(req.ARQs))
	for _, id := range req.ARQs {
		if !seen[id] {
			seen[id] = true
			parts = append(parts, deletePart(req, id))
		}
	}
	return parts
}

// membersToDelete gives the ARQs of an instance that the scope may see as parts
// of a delete. Who has left it by the time that they are asked is left out.
func (s *System) membersToDelete(r *DeleteARQs) []*part {
	var parts []*part
	for _, id := range s.dir.instance(r.Instance).members {
		if a, ok := s.dir.arq(id); ok && r.Scope.sees(a.ProjectID) {
			p := deletePart(r, id)
			p.optional, p.ask.instance = true, r.Instance
			parts = append(parts, p)
		}
	}
	return parts
}

func deletePart(r *DeleteARQs, id uuid.UUID) *part {
	return &part{id: id, ask: arqAsk{event: evDelete, scope: r.Scope, service: r.Service}}
}

// ARQ gives one ARQ, whoever asks.
func (s *System) ARQ(id uuid.UUID) (*ARQ, bool) { return s.dir.show(id) }

// ARQs gives the answer to a query. CodeInvalid: unknown marker; CodeUnresolved:
// some are not, and the query wants them all to be.
func (s *System) ARQs(q ARQQuery) (iter.Seq[*ARQ], error) { return s.dir.query(q) }

// CreateProfile makes a device profile. CodeConflict: its name or uuid exists.
func (s *System) CreateProfile(ctx context.Context, spec ProfileSpec) (*Profile, error) {
	groups := make([][]Request, len(spec.Groups)) // Validate tidies them; the caller's stay as they are
	for i, requests := range spec.Groups {
		groups[i] = slices.Clone(requests)
	}
	spec.Groups = groups
	if err := spec.Validate(s.opts.MaxProfileARQs); err != nil {
		return nil, err
	}
	p := &Profile{UUID: spec.UUID, Name: spec.Name, Description: spec.Description, CreatedAt: s.unix()}
	if p.UUID == uuid.Nil {
		p.UUID = uuid.New()
	}
	for i, requests := range spec.Groups {
		p.Groups = append(p.Groups, &Group{
			ProfileUUID: p.UUID, ProfileName: p.Name, Index: i, Requests: requests,
		})
	}
	promise := newPromise[*Profile]()
	return call(ctx, s, promise, func() error {
		s.engine.tell(s.registry, &createProfile{p, promise})
		return nil
	})
}

// DeleteProfiles deletes the profiles with these names or uuids, all or
// nothing. CodeNotFound: one is unknown; CodeConflict: one has ARQs.
func (s *System) DeleteProfiles(ctx context.Context, namesOrUUIDs []string) error {
	p := newPromise[struct{}]()
	_, err := call(ctx, s, p, func() error {
		s.operate(&profileDeletion{sys: s, names: namesOrUUIDs, promise: p})
		return nil
	})
	return err
}

func (s *System) findProfile(nameOrUUID string) (*Profile, bool) {
	if id, ok := parseUUID(nameOrUUID); ok {
		if p, ok := s.dir.profile(id); ok {
			return p, true
		}
	}
	return s.dir.profileByName(nameOrUUID)
}

// parseUUID takes the two spellings that clients use, with dashes and without.
func parseUUID(text string) (uuid.UUID, bool) {
	if len(text) != 36 && len(text) != 32 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

// Profile gives a profile by uuid.
func (s *System) Profile(id uuid.UUID) (*Profile, bool) { return s.dir.profile(id) }

// ProfileByName gives a profile by name.
func (s *System) ProfileByName(name string) (*Profile, bool) { return s.dir.profileByName(name) }

// Profiles gives the answer to a query. CodeInvalid: unknown marker.
func (s *System) Profiles(q ProfileQuery) ([]*Profile, error) { return s.dir.queryProfiles(q) }

// Devices gives all devices in order of registration.
func (s *System) Devices() []*Device { return s.dir.allDevices() }

// Device gives a device by uuid.
func (s *System) Device(id uuid.UUID) (*Device, bool) { return s.dir.device(id) }

// Deployable gives a deployable and its device.
func (s *System) Deployable(id uuid.UUID) (*Deployable, *Device, bool) {
	v, ok := s.dir.deployable(id)
	return v.deployable, v.device, ok
}

// Attribute gives an attribute by uuid.
func (s *System) Attribute(id uuid.UUID) (*Attribute, bool) { return s.dir.attribute(id) }

// SetDeviceEnabled enables or disables a device for new binds.
func (s *System) SetDeviceEnabled(ctx context.Context, id uuid.UUID, enabled bool) error {
	p := newPromise[struct{}]()
	_, err := call(ctx, s, p, func() error {
		return s.askDevice(id, &setEnabled{enabled: enabled, promise: p}, "device", id)
	})
	return err
}

func (s *System) askDevice(device uuid.UUID, msg any, what string, id any) error {
	if !s.devices.tell(device, msg) {
		return Refuse(CodeNotFound, "%s %v not found", what, id)
	}
	return nil
}

// ProgramDeployable loads an image into a deployable and waits for the end.
// CodeConflict: an ARQ holds one of its handles; CodeDeviceFailed: it failed.
func (s *System) ProgramDeployable(ctx context.Context, id, image uuid.UUID) (*Deployable, error) {
	p := newPromise[*Deployable]()
	return call(ctx, s, p, func() error {
		v, ok := s.dir.deployable(id)
		if !ok {
			return Refuse(CodeNotFound, "deployable %s not found", id)
		}
		return s.askDevice(v.device.UUID, &program{id, image, p}, "deployable", id)
	})
}

// CreateAttribute adds an attribute to a deployable.
func (s *System) CreateAttribute(ctx context.Context, a NewAttribute) (*Attribute, error) {
	made := &Attribute{
		ID: s.nextOrder(), UUID: a.UUID, DeployableID: a.DeployableID,
		Key: a.Key, Value: a.Value, CreatedAt: s.unix(),
	}
	if made.UUID == uuid.Nil {
		made.UUID = uuid.New()
	}
	p := newPromise[*Attribute]()
	return call(ctx, s, p, func() error {
		v, ok := s.dir.deployableByID(a.DeployableID)
		if !ok {
			return Refuse(CodeNotFound, "deployable_id: there is no deployable %d", a.DeployableID)
		}
		return s.askDevice(v.device.UUID, &addAttribute{deployable: v.deployable.UUID, attribute: made, promise: p}, "deployable", a.DeployableID)
	})
}

// DeleteAttribute removes an attribute.
func (s *System) DeleteAttribute(ctx context.Context, id uuid.UUID) error {
	p := newPromise[struct{}]()
	_, err := call(ctx, s, p, func() error {
		a, ok := s.dir.attribute(id)
		if !ok {
			return Refuse(CodeNotFound, "attribute %s not found", id)
		}
		v, ok := s.dir.deployableByID(a.DeployableID)
		if !ok {
			return Refuse(CodeNotFound, "attribute %s not found", id)
		}
		return s.askDevice(v.device.UUID, &dropAttribute{attribute: id, promise: p}, "attribute", id)
	})
	return err
}

// RegisterInventory brings the devices of a host on record, new ones and
// known ones alike, and returns when all of it is on disk.
func (s *System) RegisterInventory(ctx context.Context, hostname string, found []devices.Device) error {
	if err := checkInventory(found); err != nil {
		return err
	}
	if _, err := s.register(ctx, hostname, withFakeOrigin(found)); err != nil {
		return fmt.Errorf("registering the devices of %s: %w", hostname, err)
	}
	return nil
}

// register brings devices on record that can be taken. It says whether another
// scan is wanted, to prove that parts of them are gone.
func (s *System) register(ctx context.Context, hostname string, found []foundDevice) (again bool, err error) {
	p := newPromise[[]registration]()
	all, err := call(ctx, s, p, func() error {
		s.engine.tell(s.registry, &registerDevices{hostname, found, p})
		return nil
	})
	if err != nil {
		return false, err
	}
	if again, err = s.refreshDevices(ctx, all); err != nil {
		return again, err
	}
	return again, s.reported(ctx, hostname)
}

// refreshDevices has all of the devices look at what was reported of them, and
// waits for the last.
func (s *System) refreshDevices(ctx context.Context, all []registration) (again bool, err error) {
	if err := s.life.enter(); err != nil {
		return false, err
	}
	defer s.life.calls.Done()
	refreshed := make([]promise[bool], len(all))
	for i, r := range all {
		refreshed[i] = newPromise[bool]()
		if !s.devices.tell(r.device, &refresh{found: r.found, numbers: r.numbers, promise: refreshed[i]}) {
			return false, wentMeanwhile(r.device)
		}
	}
	for i, r := range all {
		doubts, err := refreshed[i].wait(ctx, s.callPatience)
		if err != nil {
			return false, fmt.Errorf("device %s: %w", r.device, err)
		}
		again = again || doubts
	}
	return again, nil
}

// wentMeanwhile has whoever reports a device do so again: it is another one then.
func wentMeanwhile(device uuid.UUID) error {
	return Refuse(CodeUnavailable, "the device %s went while it was reported again", device)
}

// Stats gives counts for the metrics page.
func (s *System) Stats() Stats {
	st := Stats{ActiveActors: make(map[string]int, kindCount)}
	s.dir.count(&st)
	for k := range s.engine.active {
		st.ActiveActors[kindNames[k]] = int(s.engine.active[k].Load())
	}
	st.OutboxDepth = int(s.events.depth.Load())
	st.EventsDelivered, st.EventsRefused = s.events.delivered.Load(), s.events.refused.Load()
	st.EventsRetried, st.EventsExpired = s.events.retried.Load(), s.events.expired.Load()
	st.EventsRepeated = s.events.repeated.Load()
	st.HostsAwaited = int(s.awaited.Load())
	if oldest := s.events.oldest.Load(); oldest != 0 {
		st.OutboxOldest = max(0, s.now().Sub(time.UnixMilli(oldest)))
	}
	return st
}
