package actors

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/tidwall/btree"
)

// profileShelf holds the published device profiles. It has a lock of its own,
// because every create looks one up, while they hardly ever change: with that of
// the directory a create would wait for those that are being published.
type profileShelf struct {
	mu     sync.RWMutex
	byUUID map[uuid.UUID]*Profile
	byName map[string]*Profile
	order  *btree.Map[uint64, *Profile] // by Seq
}

func (s *profileShelf) init() {
	s.byUUID = make(map[uuid.UUID]*Profile)
	s.byName = make(map[string]*Profile)
	s.order = btree.NewMap[uint64, *Profile](0)
}

func (s *profileShelf) count() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byUUID)
}

// publish makes the profiles of a durable batch visible.
func (s *profileShelf) publish(changes []change[Profile]) {
	if len(changes) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		s.replace(c.before, c.after)
	}
}

func (s *profileShelf) replace(before, after *Profile) {
	if before != nil {
		delete(s.byUUID, before.UUID)
		delete(s.byName, before.Name)
		s.order.Delete(before.Seq)
	}
	if after != nil {
		s.byUUID[after.UUID] = after
		s.byName[after.Name] = after
		s.order.Set(after.Seq, after)
	}
}

// deviceShelf holds the published devices, guarded by directory.mu.
type deviceShelf struct {
	byUUID      map[uuid.UUID]*Device
	byPath      map[devicePath]*Device
	byHost      map[string][]*Device     // by ID
	order       *btree.Map[int, *Device] // by ID
	deployables map[uuid.UUID]deployableView
	byID        map[int]deployableView // deployables by their number
	providers   map[uuid.UUID]deployableView
	attributes  map[uuid.UUID]*Attribute
}

// devicePath identifies a device: its host, and its control path there.
type devicePath struct{ hostname, info string }

type deployableView struct {
	deployable *Deployable
	device     *Device
}

func newDeviceShelf() deviceShelf {
	return deviceShelf{
		byUUID:      make(map[uuid.UUID]*Device),
		byPath:      make(map[devicePath]*Device),
		byHost:      make(map[string][]*Device),
		order:       btree.NewMap[int, *Device](0),
		deployables: make(map[uuid.UUID]deployableView),
		byID:        make(map[int]deployableView),
		providers:   make(map[uuid.UUID]deployableView),
		attributes:  make(map[uuid.UUID]*Attribute),
	}
}

func (s *deviceShelf) replace(before, after *Device) {
	if before != nil {
		s.remove(before)
	}
	if after == nil {
		return
	}
	s.byUUID[after.UUID] = after
	s.byPath[devicePath{after.Hostname, after.ControlPath.Info}] = after
	at, _ := s.onHost(after)
	s.byHost[after.Hostname] = slices.Insert(s.byHost[after.Hostname], at, after)
	s.order.Set(after.ID, after)
	for _, dep := range after.Deployables {
		v := deployableView{deployable: dep, device: after}
		s.deployables[dep.UUID] = v
		s.byID[dep.ID] = v
		s.providers[dep.ProviderUUID] = v
		for _, a := range dep.Attributes {
			s.attributes[a.UUID] = a
		}
	}
}

func (s *deviceShelf) remove(d *Device) {
	delete(s.byUUID, d.UUID)
	delete(s.byPath, devicePath{d.Hostname, d.ControlPath.Info})
	if at, there := s.onHost(d); there {
		s.byHost[d.Hostname] = slices.Delete(s.byHost[d.Hostname], at, at+1)
	}
	if len(s.byHost[d.Hostname]) == 0 {
		delete(s.byHost, d.Hostname)
	}
	s.order.Delete(d.ID)
	for _, dep := range d.Deployables {
		delete(s.deployables, dep.UUID)
		delete(s.byID, dep.ID)
		delete(s.providers, dep.ProviderUUID)
		for _, a := range dep.Attributes {
			delete(s.attributes, a.UUID)
		}
	}
}

// onHost finds a device among those of its host.
func (s *deviceShelf) onHost(d *Device) (at int, there bool) {
	return slices.BinarySearchFunc(s.byHost[d.Hostname], d.ID, func(of *Device, id int) int { return cmp.Compare(of.ID, id) })
}

func (d *directory) profile(id uuid.UUID) (*Profile, bool) {
	return look(&d.profiles.mu, d.profiles.byUUID, id)
}

func (d *directory) profileByName(name string) (*Profile, bool) {
	return look(&d.profiles.mu, d.profiles.byName, name)
}

// usersOf counts the ARQs of a profile. Its name is as unique as its uuid for
// as long as it has users, because it cannot be deleted.
func (d *directory) usersOf(p *Profile) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if i := d.indexes.profiles[p.Name]; i != nil {
		return i.Len()
	}
	return 0
}

func (d *directory) queryProfiles(q ProfileQuery) ([]*Profile, error) {
	d.profiles.mu.RLock()
	defer d.profiles.mu.RUnlock()
	var marker *Profile
	if q.After != uuid.Nil {
		if marker = d.profiles.byUUID[q.After]; marker == nil {
			return nil, Refuse(CodeInvalid, "marker: no device profile %s", q.After)
		}
	}
	found := []*Profile{}
	collect := func(p *Profile) bool {
		if marker == nil || p.Seq > marker.Seq != q.Descending && p != marker {
			found = append(found, p)
		}
		return q.Limit <= 0 || len(found) < q.Limit
	}
	if q.Names != nil {
		for _, p := range d.profiles.named(q) {
			if !collect(p) {
				break
			}
		}
		return found, nil
	}
	d.profiles.walk(q.Descending, marker, collect)
	return found, nil
}

// named gives the profiles of the query's names in order.
func (s *profileShelf) named(q ProfileQuery) []*Profile {
	var found []*Profile
	for _, name := range q.Names {
		if p := s.byName[name]; p != nil && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *Profile) int {
		if a.Seq < b.Seq != q.Descending {
			return -1
		}
		return 1
	})
	return found
}

func (s *profileShelf) walk(descending bool, from *Profile, visit func(*Profile) bool) {
	step := func(_ uint64, p *Profile) bool { return visit(p) }
	switch {
	case descending && from != nil:
		s.order.Descend(from.Seq, step)
	case descending:
		s.order.Reverse(step)
	case from != nil:
		s.order.Ascend(from.Seq, step)
	default:
		s.order.Scan(step)
	}
}

func (d *directory) allDevices() []*Device {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.devices.order.Values()
}

// devicesOf gives the devices of a host in order of registration.
func (d *directory) devicesOf(host string) []*Device {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(d.devices.byHost[host])
}

// handleCounts counts handles by state, guarded by directory.mu. Like the views
// it never goes back: a handle counts as its newest generation.
type handleCounts struct {
	known   map[uuid.UUID]handleSeen
	byState [handleStateCount]int
	// releasing says since when, as far as this process knows: Unix time, s.
	releasing map[uuid.UUID]int64
}

type handleSeen struct {
	generation uint64
	state      handleState
}

func (c *handleCounts) replace(before, after *heldHandle) {
	if after == nil {
		if seen, ok := c.known[before.UUID]; ok {
			c.byState[seen.state]--
			delete(c.known, before.UUID)
			delete(c.releasing, before.UUID)
		}
		return
	}
	seen, ok := c.known[after.UUID]
	if ok && seen.generation >= after.Generation {
		return
	}
	if ok {
		c.byState[seen.state]--
	}
	c.byState[after.State]++
	c.known[after.UUID] = handleSeen{after.Generation, after.State}
	switch {
	case after.State != handleReleasing:
		delete(c.releasing, after.UUID)
	case seen.state != handleReleasing:
		c.releasing[after.UUID] = time.Now().Unix()
	}
}

// oldestReleasing gives since when the one that takes longest is being released,
// as Unix time; 0: none is.
func (c *handleCounts) oldestReleasing() (oldest int64) {
	for _, since := range c.releasing {
		if oldest == 0 || since < oldest {
			oldest = since
		}
	}
	return oldest
}

// handleGeneration gives the generation of a handle that readers may know of.
func (d *directory) handleGeneration(id uuid.UUID) uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.handles.known[id].generation
}

// look finds a published view by its key.
func look[K comparable, V any](mu *sync.RWMutex, shelf map[K]V, key K) (V, bool) {
	mu.RLock()
	defer mu.RUnlock()
	v, ok := shelf[key]
	return v, ok
}

func (d *directory) device(id uuid.UUID) (*Device, bool) { return look(&d.mu, d.devices.byUUID, id) }

func (d *directory) deployable(id uuid.UUID) (deployableView, bool) {
	return look(&d.mu, d.devices.deployables, id)
}

func (d *directory) deployableByID(id int) (deployableView, bool) {
	return look(&d.mu, d.devices.byID, id)
}

// provider finds a deployable by its resource provider.
func (d *directory) provider(id uuid.UUID) (deployableView, bool) {
	return look(&d.mu, d.devices.providers, id)
}

func (d *directory) attribute(id uuid.UUID) (*Attribute, bool) {
	return look(&d.mu, d.devices.attributes, id)
}
