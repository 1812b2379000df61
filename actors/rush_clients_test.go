package actors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
)

// rushProfiles come and go.
var rushProfiles = map[string][]Request{
	"one":   {{"resources:FPGA", "1"}},
	"three": {{"resources:FPGA", "3"}},
	"image": {{"resources:FPGA", "1"}, {keyBitstream, imageA.String()}},
	"other": {{"resources:FPGA", "2"}, {keyBitstream, imageB.String()}},
	"sort":  {{"resources:FPGA", "1"}, {keyFunction, "sort"}},
}

func rushProfile() (name string) {
	n := rand.IntN(len(rushProfiles))
	for name = range rushProfiles {
		if n--; n < 0 {
			break
		}
	}
	return name
}

// author makes device profiles, and deletes them.
func (r *rush) author() {
	name := rushProfile()
	if rand.IntN(3) > 0 {
		_, err := r.sys.CreateProfile(r.over, ProfileSpec{Name: name, Groups: [][]Request{rushProfiles[name]}})
		r.calls.took("create a profile", err, CodeConflict, CodeUnavailable)
	} else {
		r.calls.took("delete profiles", r.sys.DeleteProfiles(r.over, []string{name}), CodeNotFound, CodeConflict, CodeUnavailable)
	}
	r.pause(r.over)
}

// client makes ARQs, does something with these and others, and deletes most.
func (r *rush) client() {
	made, err := r.sys.CreateARQs(r.over, CreateARQs{ProfileName: rushProfile(), ProjectID: "demo", RequestID: "req-rush"})
	r.calls.took("create", err, CodeNotFound, CodeForbidden, CodeUnavailable)
	var ids []uuid.UUID
	for _, a := range made {
		ids = append(ids, a.UUID)
	}
	ids = append(ids, r.someKnown(ids)...)
	to := r.somewhere()
	for range 1 + rand.IntN(4) {
		r.change(ids, to)
		r.pause(r.over)
	}
	if rand.IntN(8) > 0 {
		r.deleteThese(ids)
	}
}

// someKnown gives ARQs of others, and takes note of these.
func (r *rush) someKnown(made []uuid.UUID) []uuid.UUID {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = append(r.known, made...)
	r.known = r.known[max(0, len(r.known)-64):]
	others := slices.DeleteFunc(slices.Clone(r.known), func(id uuid.UUID) bool { return slices.Contains(made, id) })
	if len(others) == 0 || rand.IntN(3) > 0 {
		return nil
	}
	return others[rand.IntN(len(others)):][:1]
}

// somewhere gives where to bind to: a place that there is, or that there was.
func (r *rush) somewhere() *BindTo {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.sys.Devices()
	if n := len(r.where); n > 0 && (rand.IntN(4) == 0 || len(all) == 0) {
		return r.where[rand.IntN(n)]
	}
	to := &BindTo{Hostname: "nowhere", ProviderUUID: uuid.New(), InstanceUUID: uuid.New()}
	if len(all) > 0 {
		d := all[rand.IntN(len(all))]
		to.Hostname = d.Hostname
		if n := len(d.Deployables); n > 0 {
			to.ProviderUUID = d.Deployables[rand.IntN(n)].ProviderUUID
		}
	}
	r.where = append(r.where, to)
	r.where = r.where[max(0, len(r.where)-32):]
	return to
}

// change has ARQs bound, unbound or deleted.
func (r *rush) change(ids []uuid.UUID, to *BindTo) {
	switch n := rand.IntN(10); {
	case n < 5:
		r.patch(ids, to)
	case n < 7:
		r.patch(ids, nil)
	case n < 8:
		err := r.sys.DeleteARQs(r.over, DeleteARQs{Scope: demo, Instance: to.InstanceUUID, Service: true})
		r.calls.took("delete an instance", err, CodeConflict, CodeUnavailable)
	default:
		r.look(ids, to)
	}
}

// patch binds to a place, or here and there; nil: it unbinds.
func (r *rush) patch(ids []uuid.UUID, to *BindTo) {
	p, what := Patch{Scope: demo, RequestID: "req-rush"}, "unbind"
	for _, id := range ids {
		item := PatchItem{ARQ: id, Bind: to}
		if to != nil {
			what = "bind"
			if rand.IntN(6) == 0 { // of the same instance, on another device
				elsewhere := *r.somewhere()
				elsewhere.InstanceUUID = to.InstanceUUID
				item.Bind = &elsewhere
			}
		}
		p.Items = append(p.Items, item)
	}
	err := r.sys.PatchARQs(r.over, p)
	r.calls.took(what, err, CodeNotFound, CodeConflict, CodeNoFreeHandle, CodeUnavailable)
}

func (r *rush) deleteThese(ids []uuid.UUID) {
	for _, id := range ids {
		err := r.sys.DeleteARQs(r.over, DeleteARQs{Scope: demo, ARQs: []uuid.UUID{id}, Service: true})
		r.calls.took("delete", err, CodeNotFound, CodeConflict, CodeUnavailable)
	}
}

// look reads what was changed.
func (r *rush) look(ids []uuid.UUID, to *BindTo) {
	for _, id := range ids {
		if a, ok := r.sys.ARQ(id); ok {
			r.judge(a)
		}
	}
	all, err := r.sys.ARQs(ARQQuery{Scope: demo, Instance: to.InstanceUUID})
	if r.calls.took("list an instance", err) {
		for a := range all {
			if r.judge(a); a.Binding == nil || a.Binding.InstanceUUID != to.InstanceUUID {
				r.t.Errorf("ARQ %s is listed with an instance that it does not have: %+v", a.UUID, a.Binding)
			}
		}
	}
}

// judge wants an ARQ to show what its state calls for.
func (r *rush) judge(a *ARQ) {
	if (a.State == Bound) != (a.AttachHandle() != nil) || (a.State == Initial || a.State == Unbound) != (a.Binding == nil) {
		r.t.Errorf("ARQ %s is %s with %+v", a.UUID, a.State, a.Binding)
	}
}

// reader reads all that there is.
func (r *rush) reader() {
	queries := []ARQQuery{
		{Scope: demo, Limit: 1000},
		{Scope: admin, Descending: true},
		{Scope: demo, States: []State{Bound, BindStarted}},
		{Scope: demo, ProfileName: "three", Hostname: "h"},
		{Scope: admin, Hostname: "v", Limit: 3},
	}
	q := queries[rand.IntN(len(queries))]
	all, err := r.sys.ARQs(q)
	if r.calls.took("list", err) {
		holders := map[uuid.UUID]uuid.UUID{}
		for a := range all {
			r.judge(a)
			if h := a.AttachHandle(); h != nil && q.Limit > 0 { // such a page shows one moment
				if other, twice := holders[h.UUID]; twice {
					r.t.Errorf("ARQs %s and %s both have handle %s", a.UUID, other, h.UUID)
				}
				holders[h.UUID] = a.UUID
			}
		}
	}
	_, err = r.sys.Profiles(ProfileQuery{})
	r.calls.took("list profiles", err)
	if st := r.sys.Stats(); st.HandlesFree < 0 || st.HandlesTaken < 0 || st.HandlesReleasing < 0 {
		r.t.Errorf("there are fewer than no handles: %+v", st)
	}
	r.sys.HealthStats()
	r.sys.HostCounts()
	r.sys.Supplies()
	r.sys.Notes()
	r.pause(r.over)
}

// operator enables, disables and programs devices, and writes attributes.
func (r *rush) operator() {
	r.pause(r.over)
	all := r.sys.Devices()
	if len(all) == 0 {
		return
	}
	d := all[rand.IntN(len(all))]
	if len(d.Deployables) == 0 {
		return
	}
	dep := d.Deployables[rand.IntN(len(d.Deployables))]
	switch rand.IntN(6) {
	case 0:
		r.calls.took("disable", r.sys.SetDeviceEnabled(r.over, d.UUID, false), CodeNotFound, CodeConflict, CodeUnavailable)
		fallthrough
	case 1, 2:
		r.calls.took("enable", r.sys.SetDeviceEnabled(r.over, d.UUID, true), CodeNotFound, CodeConflict, CodeUnavailable)
	case 3:
		got, err := r.sys.ProgramDeployable(r.over, dep.UUID, []uuid.UUID{imageA, imageB}[rand.IntN(2)])
		if r.calls.took("program", err, CodeNotFound, CodeConflict, CodeUnavailable, CodeDeviceFailed) && got == nil {
			r.t.Error("what was programmed is not there")
		}
	default:
		r.annotate(dep)
	}
}

// annotate adds an attribute, and deletes one.
func (r *rush) annotate(dep *Deployable) {
	made, err := r.sys.CreateAttribute(r.over, NewAttribute{DeployableID: dep.ID, Key: "note", Value: "mine"})
	if r.calls.took("create an attribute", err, CodeNotFound, CodeConflict, CodeUnavailable) {
		r.calls.took("delete an attribute", r.sys.DeleteAttribute(r.over, made.UUID), CodeNotFound, CodeConflict, CodeUnavailable)
	}
	for _, a := range dep.Attributes {
		if r.sys.Attribute(a.UUID); a.Key == "note" && rand.IntN(2) == 0 {
			r.calls.took("delete an attribute", r.sys.DeleteAttribute(r.over, a.UUID), CodeNotFound, CodeConflict, CodeUnavailable)
		}
	}
	r.sys.Deployable(dep.UUID)
}

// reporter has the devices of the host without an agent change: parts of them, and
// handles, come and go, and one device does.
func (r *rush) reporter() {
	r.pause(r.over)
	r.report()
	if all := r.sys.devicesOf("h"); len(all) > 0 && rand.IntN(4) == 0 {
		_, err := r.sys.vanish(r.over, all[len(all)-1].UUID, rand.IntN(2) == 0)
		r.calls.took("vanish", err, CodeConflict, CodeUnavailable)
	}
}

func (r *rush) report() {
	var found []devices.Device
	for n, d := range rushDevices("h", 2) {
		part := d.Deployables[0]
		part.Name += "_part"
		part.AttachHandles = part.AttachHandles[4:]
		d.Deployables[0].AttachHandles = d.Deployables[0].AttachHandles[:4-r.fewer(3)]
		if rand.IntN(2) == 0 {
			d.Deployables = append(d.Deployables, part)
		}
		if n == 0 || rand.IntN(2) == 0 {
			found = append(found, d)
		}
	}
	r.calls.took("report", r.sys.RegisterInventory(r.over, "h", found), CodeConflict, CodeUnavailable)
}

// rushDevices makes up n devices of 6 handles each.
func rushDevices(host string, n int) []devices.Device {
	var all []devices.Device
	found, _ := fake.New(fake.Options{Host: host, DevicesPerHost: n, HandlesPerDevice: 6}).Discover(context.Background())
	for _, d := range found.Devices {
		d.Deployables = slices.Clone(d.Deployables)
		d.Model = fmt.Sprintf("revision %d", rand.IntN(2))
		all = append(all, d)
	}
	return all
}
