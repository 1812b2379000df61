package actors

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// registry makes the first records of things that have no actor yet. Devices
// and deployables get their numbers here, which are small, in order of
// registration and never given twice: one registration is on its way to disk
// at a time. Device profiles get their place in the order of creation.
type registry struct {
	sys     *System
	numbers sequence
	busy    bool
	waiting []*registerDevices
}

func (r *registry) receive(_ actor.Context, msg any) {
	switch m := msg.(type) {
	case *registerDevices:
		r.waiting = append(r.waiting, m)
	case *registered:
		r.busy = false
		r.finish(m)
	case *createProfile:
		r.createProfile(m)
	}
	for !r.busy && len(r.waiting) > 0 {
		next := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.register(next)
	}
}

func (r *registry) register(m *registerDevices) {
	numbers := r.numbers
	b := &batch{}
	var all []registration
	for _, found := range m.found {
		if found.Stub {
			continue
		}
		known := r.sys.dir.deviceAt(m.hostname, found.ControlPath.Info)
		if known != nil {
			all = append(all, registration{known.UUID, found, numberNew(&numbers, known, &found.Device)})
			continue
		}
		d := r.sys.newDevice(m.hostname, &found, &numbers)
		b.putDevice(nil, d)
		all = append(all, registration{device: d.UUID, found: found})
	}
	if numbers == r.numbers {
		m.promise.resolve(all, nil)
		return
	}
	b.put(sequenceKey(), r.numbers.Generation, encodeJSON(&numbers), nil)
	numbers.Generation++
	r.busy = true
	for _, c := range b.devices { // there when readers see them
		r.sys.devices.start(r.sys, c.after, nil, nil, false)
	}
	self := r.sys.registry
	r.sys.submit(b, func(res persistence.Result) {
		r.sys.engine.tell(self, &registered{batch: b, result: res, next: numbers, all: all, asked: m})
	})
}

func (r *registry) finish(m *registered) {
	if err := storeError(m.result); err != nil {
		for _, c := range m.batch.devices {
			r.sys.devices.stop(c.after.UUID)
		}
		m.fail(err)
		return
	}
	r.numbers = m.next
	m.asked.promise.resolve(m.all, nil)
}

func (r *registry) createProfile(m *createProfile) {
	p := m.profile
	p.Seq = uint64(r.sys.nextOrder())
	b := &batch{}
	b.putProfile(p)
	r.sys.submit(b, func(res persistence.Result) {
		if res.Outcome == persistence.Lost && res.Err == nil {
			m.fail(r.sys.profileExists(p))
			return
		}
		m.promise.resolve(p, storeError(res))
	})
}

// profileExists says what a profile that was not created collides with.
func (s *System) profileExists(p *Profile) error {
	if _, ok := s.dir.profile(p.UUID); ok {
		return Refuse(CodeConflict, "a device profile with uuid %s exists already", p.UUID)
	}
	return Refuse(CodeConflict, "a device profile named %s exists already", p.Name)
}

// numberNew numbers the deployables that a known device has grown.
func numberNew(numbers *sequence, known *Device, found *devices.Device) map[string]int {
	var fresh map[string]int
	for _, dep := range found.Deployables {
		have := false
		for _, k := range known.Deployables {
			have = have || k.Name == dep.Name
		}
		if !have {
			if fresh == nil {
				fresh = map[string]int{}
			}
			numbers.Deployable++
			fresh[dep.Name] = numbers.Deployable
		}
	}
	return fresh
}

// newDevice makes the first view of a device, without its handles: its actor
// adds those.
func (s *System) newDevice(hostname string, found *foundDevice, numbers *sequence) *Device {
	numbers.Device++
	now := s.unix()
	d := &Device{
		ID: numbers.Device, UUID: uuid.New(), Hostname: hostname,
		ControlPath: found.ControlPath, Boot: found.boot, CreatedAt: now, UpdatedAt: now,
	}
	d.describe(found)
	for i := range found.Deployables {
		numbers.Deployable++
		d.Deployables = append(d.Deployables, s.newDeployable(d, &found.Deployables[i], numbers.Deployable))
	}
	return d
}

func (s *System) newDeployable(d *Device, found *devices.Deployable, number int) *Deployable {
	now := s.unix()
	dep := &Deployable{
		ID: number, UUID: uuid.New(), DeviceID: d.ID,
		Name: found.Name, DriverName: found.DriverName, NumAccelerators: found.NumAccelerators,
		ProviderUUID: found.ProviderUUID(), CreatedAt: now, UpdatedAt: now,
	}
	dep.Attributes = s.newAttributes(number, found.Attributes)
	return dep
}

func (s *System) newAttributes(deployable int, found []devices.Attribute) []*Attribute {
	var made []*Attribute
	for _, a := range found {
		made = append(made, &Attribute{
			ID: s.nextOrder(), UUID: uuid.New(), DeployableID: deployable,
			Key: a.Key, Value: a.Value, Reported: true, CreatedAt: s.unix(),
		})
	}
	return made
}
