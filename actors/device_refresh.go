package actors

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// handlesPerBatch bounds a batch that makes handles.
const handlesPerBatch = 1000

// refresh brings the record in line with what the host reports. What it does
// not report any more goes only when nobody has it: a handle that an ARQ holds
// stays, and so do attributes that somebody added.
func (a *deviceActor) refresh(m *refresh) {
	next := a.dev.clone(a.sys.unix())
	changed := next.describe(&m.found)
	handles := map[uuid.UUID][]devices.AttachHandle{}
	for _, found := range m.found.Deployables {
		i := slices.IndexFunc(next.Deployables, func(d *Deployable) bool { return d.Name == found.Name })
		if i < 0 {
			number, given := m.numbers[found.Name]
			if !given {
				m.fail(Refuse(CodeUnavailable, "the deployable %s went while it was reported again", found.Name))
				return
			}
			next.Deployables = append(next.Deployables, a.sys.newDeployable(next, &found, number))
			i, changed = len(next.Deployables)-1, true
		}
		dep := next.Deployables[i]
		if a.sys.refreshAttributes(dep, found.Attributes) {
			dep.functionsReported()
			dep.UpdatedAt, changed = next.UpdatedAt, true
		}
		if dep.NumAccelerators != found.NumAccelerators || dep.DriverName != found.DriverName {
			dep.NumAccelerators, dep.DriverName = found.NumAccelerators, found.DriverName
			dep.UpdatedAt, changed = next.UpdatedAt, true
		}
		handles[dep.UUID] = found.AttachHandles
	}
	changed = a.missParts(m, next, handles) || changed
	changed = a.sys.showHealth(next) || changed // on what is new, too
	if !changed {
		a.refreshHandles(handles, m)
		return
	}
	a.replace(next, a.orAgain(m, func(err error) {
		if err != nil {
			m.fail(err)
			return
		}
		a.refreshHandles(handles, m)
	}))
}

// checkInventory refuses what could not be shown to a client: the info of a
// handle goes into answers as the JSON object that it is.
func checkInventory(found []devices.Device) error {
	paths, names := map[string]bool{}, map[string]bool{}
	for i := range found {
		if path := found[i].ControlPath.Info; paths[path] {
			return Refuse(CodeInvalid, "the device %s is reported twice", path)
		}
		paths[found[i].ControlPath.Info] = true
		for _, dep := range found[i].Deployables {
			if names[dep.Name] {
				return Refuse(CodeInvalid, "the deployable %s is reported twice", dep.Name)
			}
			names[dep.Name] = true
			seen := make(map[string]bool, len(dep.AttachHandles))
			for _, h := range dep.AttachHandles {
				if seen[h.Info] {
					return Refuse(CodeInvalid, "deployable %s: the attach handle %s is reported twice", dep.Name, h.Info)
				}
				seen[h.Info] = true
				if !isObject(h.Info) {
					return Refuse(CodeInvalid, "deployable %s: attach_info %q is not a JSON object", dep.Name, h.Info)
				}
			}
		}
	}
	return nil
}

func isObject(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") && json.Valid([]byte(text))
}

// describe takes over the descriptive fields and says whether any differed.
func (d *Device) describe(found *foundDevice) bool {
	same := !d.Missing && d.Driver == found.driver && (d.Serial == found.serial || found.serial == "") &&
		d.Type == found.Type && d.Vendor == found.Vendor && d.Model == found.Model &&
		d.StdBoardInfo == found.StdBoardInfo && d.VendorBoardInfo == found.VendorBoardInfo
	d.Type, d.Vendor, d.Model = found.Type, found.Vendor, found.Model
	d.StdBoardInfo, d.VendorBoardInfo = found.StdBoardInfo, found.VendorBoardInfo
	d.Anew = d.Anew || d.Missing // it may have been without power
	d.Driver, d.Missing = found.driver, false
	if found.serial != "" { // once known it stays so
		d.Serial = found.serial
	}
	return !same
}

// refreshHandles adds the handles that are new and drops free ones that are
// gone, in batches, and answers when all are on disk.
func (a *deviceActor) refreshHandles(found map[uuid.UUID][]devices.AttachHandle, m *refresh) {
	var batches []*batch
	b := &batch{}
	next := func() {
		if len(b.handles) >= handlesPerBatch {
			batches, b = append(batches, b), &batch{}
		}
	}
	for dep, handles := range found {
		if a.asReported(dep, handles) {
			for i, h := range a.set(dep).handles {
				a.reported(b, h, handles[i])
				next()
			}
			continue
		}
		known := a.knownHandles(dep)
		order, shown := len(a.set(dep).handles), map[string]*ARQ(nil)
		for _, h := range handles {
			of := functionOf(h.Info)
			if k, ok := known[of]; ok {
				a.reported(b, k, h)
				next()
				delete(known, of)
				continue
			}
			if shown == nil {
				shown = a.shownBy(dep)
			}
			a.newHandle(b, m, shown[of], &heldHandle{
				Handle:     Handle{UUID: uuid.New(), Type: h.Type, Info: h.Info},
				Deployable: dep, Order: order,
			})
			order++
			next()
		}
		for _, gone := range known {
			a.unreported(b, gone)
			next()
		}
	}
	if len(b.handles) > 0 {
		batches = append(batches, b)
	}
	a.writeAll(batches, m)
}

// asReported says whether the handles of a deployable are those that its host
// reports, in this order, as after a restart.
func (a *deviceActor) asReported(dep uuid.UUID, found []devices.AttachHandle) bool {
	return slices.EqualFunc(a.set(dep).handles, found, func(h *heldHandle, f devices.AttachHandle) bool {
		return h != nil && h.Info == f.Info
	})
}

// reported takes note of a handle that the host has; one that was missing is free again.
// What it is reported as it is for who gets it next.
func (a *deviceActor) reported(b *batch, h *heldHandle, as devices.AttachHandle) {
	delete(a.gone, h.UUID)
	same := h.Type == as.Type && h.Info == as.Info
	switch {
	case h.State == handleMissing || a.idle(h) && !same:
		back := *h
		back.State, _ = h.State.next(evReturn)
		back.Type, back.Info = as.Type, as.Info
		b.putHandle(h, &back)
		delete(a.back, h.UUID)
	case same:
		delete(a.back, h.UUID)
	default:
		a.back[h.UUID] = as
	}
}

// refreshAttributes brings the reported attributes of a deployable in line and
// says whether any differed. Those that an administrator added stay.
func (s *System) refreshAttributes(dep *Deployable, found []devices.Attribute) bool {
	var kept []*Attribute
	fresh := slices.Clone(found)
	for _, a := range dep.Attributes {
		i := slices.Index(fresh, devices.Attribute{Key: a.Key, Value: a.Value})
		if a.Reported && i < 0 {
			continue
		}
		if a.Reported {
			fresh = slices.Delete(fresh, i, i+1)
		}
		kept = append(kept, a)
	}
	if len(fresh) == 0 && len(kept) == len(dep.Attributes) {
		return false
	}
	kept = append(kept, s.newAttributes(dep.ID, fresh)...)
	dep.Attributes = kept
	return true
}

func (a *deviceActor) writeAll(batches []*batch, m *refresh) {
	if len(batches) == 0 {
		m.promise.resolve(a.partsInDoubt(), nil)
		return
	}
	a.write(batches[0], a.orAgain(m, func(err error) {
		if err != nil {
			m.fail(err)
			return
		}
		a.writeAll(batches[1:], m)
	}))
}

func (a *deviceActor) set(dep uuid.UUID) *handleSet {
	if a.sets[dep] == nil {
		a.sets[dep] = &handleSet{}
	}
	return a.sets[dep]
}

// knownHandles gives the handles of a deployable by their functions. An older version took
// one that was reported as something else for another one: who has it, has the function.
func (a *deviceActor) knownHandles(dep uuid.UUID) map[string]*heldHandle {
	known := map[string]*heldHandle{}
	for _, h := range a.set(dep).handles {
		if h == nil {
			continue
		}
		of := functionOf(h.Info)
		if other := known[of]; other != nil {
			if h.State == handleTaken {
				known[of], h = h, other
			}
			of = h.UUID.String()
		}
		known[of] = h
	}
	return known
}
