package actors

import (
	"encoding/json"
	"slices"

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
			next.Deployables = append(next.Deployables, a.sys.newDeployable(next, &found, m.numbers[found.Name]))
			i, changed = len(next.Deployables)-1, true
		}
		dep := next.Deployables[i]
		if dep.NumAccelerators != found.NumAccelerators || dep.DriverName != found.DriverName {
			dep.NumAccelerators, dep.DriverName = found.NumAccelerators, found.DriverName
			dep.UpdatedAt, changed = next.UpdatedAt, true
		}
		handles[dep.UUID] = found.AttachHandles
	}
	if !changed {
		a.refreshHandles(handles, m.promise)
		return
	}
	a.replace(next, func(err error) {
		if err != nil {
			m.fail(err)
			return
		}
		a.refreshHandles(handles, m.promise)
	})
}

// checkInventory refuses what could not be shown to a client: the info of a
// handle goes into answers as the JSON object that it is.
func checkInventory(found []devices.Device) error {
	for i := range found {
		for _, dep := range found[i].Deployables {
			for _, h := range dep.AttachHandles {
				var object map[string]any
				if err := json.Unmarshal([]byte(h.Info), &object); err != nil || object == nil {
					return Refuse(CodeInvalid, "deployable %s: attach_info %q is not a JSON object", dep.Name, h.Info)
				}
			}
		}
	}
	return nil
}

// describe takes over the descriptive fields and says whether any differed.
func (d *Device) describe(found *devices.Device) bool {
	same := d.Type == found.Type && d.Vendor == found.Vendor && d.Model == found.Model &&
		d.StdBoardInfo == found.StdBoardInfo && d.VendorBoardInfo == found.VendorBoardInfo
	d.Type, d.Vendor, d.Model = found.Type, found.Vendor, found.Model
	d.StdBoardInfo, d.VendorBoardInfo = found.StdBoardInfo, found.VendorBoardInfo
	return !same
}

// refreshHandles adds the handles that are new and drops free ones that are
// gone, in batches, and answers when all are on disk.
func (a *deviceActor) refreshHandles(found map[uuid.UUID][]devices.AttachHandle, p promise[struct{}]) {
	var batches []*batch
	b := &batch{}
	next := func() {
		if len(b.handles) >= handlesPerBatch {
			batches, b = append(batches, b), &batch{}
		}
	}
	for dep, handles := range found {
		known := a.knownHandles(dep)
		order := len(a.set(dep).handles)
		for _, h := range handles {
			if _, ok := known[h.Info]; ok {
				delete(known, h.Info)
				continue
			}
			b.putHandle(nil, &heldHandle{
				Handle:     Handle{UUID: uuid.New(), Type: h.Type, Info: h.Info},
				Deployable: dep, Order: order,
			})
			order++
			next()
		}
		for _, gone := range known {
			if gone.State == handleFree && !a.set(dep).offered.has(gone.Order) {
				b.deleteHandle(gone)
				next()
			}
		}
	}
	if len(b.handles) > 0 {
		batches = append(batches, b)
	}
	a.writeAll(batches, p)
}

func (a *deviceActor) writeAll(batches []*batch, p promise[struct{}]) {
	if len(batches) == 0 {
		p.resolve(struct{}{}, nil)
		return
	}
	a.write(batches[0], func(err error) {
		if err != nil {
			p.fail(err)
			return
		}
		a.writeAll(batches[1:], p)
	})
}

func (a *deviceActor) set(dep uuid.UUID) *handleSet {
	if a.sets[dep] == nil {
		a.sets[dep] = &handleSet{}
	}
	return a.sets[dep]
}

func (a *deviceActor) knownHandles(dep uuid.UUID) map[string]*heldHandle {
	known := map[string]*heldHandle{}
	for _, h := range a.set(dep).handles {
		if h != nil {
			known[h.Info] = h
		}
	}
	return known
}
