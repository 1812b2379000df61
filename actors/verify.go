package actors

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// Report is what Verify found: counts, and every violation in words.
type Report struct {
	Records    map[persistence.Kind]int
	Violations []string
}

func (r *Report) violation(format string, args ...any) {
	r.Violations = append(r.Violations, fmt.Sprintf(format, args...))
}

// Verify reads every record and holds it against the rules that must always
// be true of the data: a handle is taken exactly when a live ARQ holds it, and
// by one; an instance's record names exactly the ARQs that name it; what is
// referred to exists; numbers and names are unique. An error means that the
// store could not be read to its end.
func Verify(ctx context.Context, store interface {
	Each(ctx context.Context, visit func(persistence.Record) error) error
},
) (*Report, error) {
	v := newVerifier()
	if err := store.Each(ctx, v.take); err != nil {
		return v.Report, err
	}
	v.checkARQs()
	v.checkHandles()
	v.checkTwins()
	v.checkInstances()
	v.checkDevices()
	v.checkProfiles()
	return v.Report, nil
}

type verifier struct {
	*Report
	arqs      map[uuid.UUID]*ARQ
	handles   map[uuid.UUID]*heldHandle
	instances map[uuid.UUID][]uuid.UUID
	profiles  map[uuid.UUID]*Profile
	devices   map[uuid.UUID]*Device
	commands  map[uuid.UUID]*commandRecord
	claims    map[persistence.Claim]persistence.Key
	numbers   sequence
}

func newVerifier() *verifier {
	return &verifier{
		Report:    &Report{Records: map[persistence.Kind]int{}},
		arqs:      map[uuid.UUID]*ARQ{},
		handles:   map[uuid.UUID]*heldHandle{},
		instances: map[uuid.UUID][]uuid.UUID{},
		profiles:  map[uuid.UUID]*Profile{},
		devices:   map[uuid.UUID]*Device{},
		commands:  map[uuid.UUID]*commandRecord{},
		claims:    map[persistence.Claim]persistence.Key{},
	}
}

func (v *verifier) take(r persistence.Record) error {
	v.Records[r.Key.Kind]++
	claims, err := v.read(r)
	if err != nil {
		v.violation("%v", err)
		return nil
	}
	v.checkClaims(r, claims)
	return nil
}

// read takes in what is in a record, and says which claims it calls for.
func (v *verifier) read(r persistence.Record) (claims []persistence.Claim, err error) {
	switch r.Key.Kind {
	case kindARQ:
		err = keep(v.arqs, r, decodeARQ)
	case kindHandle:
		if err = keep(v.handles, r, decodeHandle); err == nil {
			claims = v.handles[r.Key.ID].claims()
		}
	case kindInstance:
		var members []uuid.UUID
		if members, err = decodeInstance(r); err == nil {
			v.instances[r.Key.ID] = members
		}
	case kindProfile:
		p := &Profile{}
		err = decodeJSON(r, p)
		v.profiles[r.Key.ID] = p
		claims = profileClaims(p)
	case kindDevice:
		d := &Device{}
		err = decodeJSON(r, d)
		v.devices[r.Key.ID] = d
		claims = deviceClaims(d)
	case kindEvent:
		err = v.checkEvent(r)
	case kindSequence:
		err = decodeJSON(r, &v.numbers)
	case kindShown:
		_, err = decodeShown(r)
	case kindHost:
		_, err = decodeHost(r)
	case kindCommand:
		err = keep(v.commands, r, decodeCommand)
	case kindRestoration:
		err = decodeJSON(r, &restoration{})
	default:
		err = fmt.Errorf("%s: a kind of record that this version does not know", r.Key)
	}
	return claims, err
}

// checkEvent holds that only failures are held back.
func (v *verifier) checkEvent(r persistence.Record) error {
	e, err := decodeEvent(r)
	if err != nil || !e.Held {
		return err
	}
	for _, a := range e.ARQs {
		if a.Completed {
			v.violation("%s holds back arq/%s, which is not said to have failed", r.Key, a.UUID)
		}
	}
	return nil
}

func keep[T any](m map[uuid.UUID]*T, r persistence.Record, decode func(persistence.Record) (*T, error)) error {
	t, err := decode(r)
	if err == nil {
		m[r.Key.ID] = t
	}
	return err
}

// checkClaims holds the second bar: a record claims what its state calls for, and
// nobody else does. Two with one claim are refused by a start.
func (v *verifier) checkClaims(r persistence.Record, want []persistence.Claim) {
	if !slices.Equal(want, r.Claims) {
		v.violation("%s: claims %v, its state calls for %v", r.Key, r.Claims, want)
	}
	for _, c := range r.Claims {
		if other, twice := v.claims[c]; twice {
			v.violation("%s claims %s, as does %s", r.Key, c, other)
		}
		v.claims[c] = r.Key
	}
}

func (v *verifier) checkARQs() {
	for id, a := range v.arqs {
		bound := a.State == Bound || a.State == BindStarted
		wanted := bound || a.State == BindFailed || a.State == UnbindFailed
		switch {
		case (a.Binding != nil) != wanted:
			v.violation("arq/%s is %s and has a binding: %v", id, a.State, a.Binding != nil)
		case bound && a.Binding.Handle == nil:
			v.violation("arq/%s is %s without an attach handle", id, a.State)
		case a.State == BindFailed && a.Binding.Handle != nil:
			v.violation("arq/%s is BindFailed and shows an attach handle", id)
		}
		if a.Binding != nil && a.Binding.Handle != nil {
			h := v.handles[a.Binding.Handle.UUID]
			if h == nil || h.State != handleTaken || h.Holder != id {
				v.violation("arq/%s shows the handle %s, which it does not hold", id, a.Binding.Handle.UUID)
			}
		}
		if p := v.profiles[a.Group.ProfileUUID]; p == nil {
			v.violation("arq/%s was made from the device profile %s, which does not exist", id, a.Group.ProfileUUID)
		}
	}
}

func (v *verifier) checkHandles() {
	holders := map[uuid.UUID]uuid.UUID{}
	for id, h := range v.handles {
		if (h.Holder != uuid.Nil) != (h.State == handleTaken) {
			v.violation("handle/%s is in state %d with holder %s", id, h.State, h.Holder)
		}
		if h.State != handleTaken {
			continue
		}
		if other, twice := holders[h.Holder]; twice {
			v.violation("arq/%s holds two handles, %s and %s", h.Holder, other, id)
		}
		holders[h.Holder] = id
		a := v.arqs[h.Holder]
		if a == nil || a.Binding == nil || a.Binding.Handle == nil || a.Binding.Handle.UUID != id {
			v.violation("handle/%s is taken by arq/%s, which does not exist or does not show it", id, h.Holder)
		}
	}
}

// place is where a handle stands among those of its deployable.
type place struct {
	deployable uuid.UUID
	order      int
}

// function is what a handle stands for.
type function struct {
	deployable uuid.UUID
	info       string
}

// checkTwins holds that no two handles of a deployable are the same function of
// it, or stand in the same place.
func (v *verifier) checkTwins() {
	functions, places := map[function]uuid.UUID{}, map[place]uuid.UUID{}
	for id, h := range v.handles {
		of, at := function{h.Deployable, h.Info}, place{h.Deployable, h.Order}
		if other, twice := functions[of]; twice {
			v.violation("handle/%s and handle/%s are both %s", other, id, h.Info)
		}
		if other, twice := places[at]; twice {
			v.violation("handle/%s and handle/%s are both in place %d of their deployable", other, id, h.Order)
		}
		functions[of], places[at] = id, id
	}
}

func (v *verifier) checkInstances() {
	of := map[uuid.UUID]uuid.UUID{}
	for instance, members := range v.instances {
		if len(members) == 0 {
			v.violation("instance/%s is recorded without accelerator requests", instance)
		}
		for _, m := range members {
			if other, twice := of[m]; twice {
				v.violation("arq/%s is in the records of two instances, or twice in one: %s, %s", m, other, instance)
			}
			of[m] = instance
		}
	}
	for id, a := range v.arqs {
		var named uuid.UUID
		if a.Binding != nil {
			named = a.Binding.InstanceUUID
		}
		if of[id] != named {
			v.violation("arq/%s names the instance %s and is in the record of %s", id, named, of[id])
		}
		delete(of, id)
	}
	for id, instance := range of {
		v.violation("instance/%s names arq/%s, which does not exist", instance, id)
	}
}

func (v *verifier) checkDevices() {
	numbers, deployables := map[string]uuid.UUID{}, map[uuid.UUID]bool{}
	unique := func(kind string, number int, id uuid.UUID, last int) {
		key := fmt.Sprintf("%s %d", kind, number)
		if other, twice := numbers[key]; twice {
			v.violation("%s is given to %s and %s", key, other, id)
		}
		numbers[key] = id
		if number > last {
			v.violation("%s was given to %s, but the sequence stands at %d", key, id, last)
		}
	}
	for id, d := range v.devices {
		unique("device", d.ID, id, v.numbers.Device)
		v.checkHealth(d)
		for _, dep := range d.Deployables {
			unique("deployable", dep.ID, dep.UUID, v.numbers.Deployable)
			deployables[dep.UUID] = true
		}
	}
	for id, h := range v.handles {
		if !deployables[h.Deployable] {
			v.violation("handle/%s is of the deployable %s, which does not exist", id, h.Deployable)
		}
	}
}

// checkHealth holds that a device's condition follows from what was found, and
// that what is shown of it is that.
func (v *verifier) checkHealth(d *Device) {
	h := d.Health
	if h != nil && h.Condition != h.condition() {
		v.violation("device/%s is %s, its findings call for %s", d.UUID, h.Condition, h.condition())
	}
	for _, dep := range d.Deployables {
		for _, a := range dep.Attributes {
			if a.Own && a.Key == keyHealth && (h == nil || a.Value != string(h.Condition)) {
				v.violation("device/%s: the deployable %s shows %q for its health", d.UUID, dep.UUID, a.Value)
			}
		}
	}
}

func (v *verifier) checkProfiles() {
	names := map[string]uuid.UUID{}
	for id, p := range v.profiles {
		if other, twice := names[p.Name]; twice {
			v.violation("the device profiles %s and %s are both named %q", other, id, p.Name)
		}
		names[p.Name] = id
	}
}

// String gives the counts and the violations, a line each.
func (r *Report) String() string {
	var b strings.Builder
	for _, k := range []persistence.Kind{kindARQ, kindHandle, kindInstance, kindDevice, kindProfile, kindEvent, kindSequence} {
		fmt.Fprintf(&b, "%-9s %d\n", k, r.Records[k])
	}
	for _, k := range []persistence.Kind{kindHost, kindCommand, kindShown, kindRestoration} {
		if n := r.Records[k]; n > 0 { // with agents, with Placement, after a restore
			fmt.Fprintf(&b, "%-9s %d\n", k, n)
		}
	}
	for _, s := range r.Violations {
		fmt.Fprintf(&b, "VIOLATION %s\n", s)
	}
	return b.String()
}
