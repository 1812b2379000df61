package actors

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// A store that was saved from a damaged disk has lost records, and of others it
// has older ones: they do not fit together any more. What follows from others is
// made anew; where records contradict each other, nothing is concluded by which
// two guests could get one device.

// RepairOptions say what a repair may do.
type RepairOptions struct {
	// Free says of a handle whose holder is not known that no guest has it. nil:
	// of none.
	Free func(handle uuid.UUID) bool
	// NovaMakesMdevs is that of Options: mediated devices are not removed.
	NovaMakesMdevs bool
	Now            time.Time
}

// Repair is what makes the records of a store fit together. It is worked out in
// memory; the same records again give the same, and each of its transitions leaves
// records of which the rest follows.
type Repair struct {
	// Changes says what is done, a sentence each.
	Changes []string
	// Kept says what a guest may have and is left for that, a sentence each.
	Kept []string
	// Left is what is found in the records as they will be.
	Left *Report
	// Transitions do it, in order.
	Transitions []persistence.Transition

	records map[persistence.Key]persistence.Record
	kept    map[string]bool // how violations begin that say the same
}

// Each visits the records as they will be, ordered by kind and id.
func (r *Repair) Each(ctx context.Context, visit func(persistence.Record) error) error {
	for _, key := range slices.SortedFunc(maps.Keys(r.records), byKey) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(r.records[key]); err != nil {
			return err
		}
	}
	return nil
}

func byKey(a, b persistence.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.ID[:], b.ID[:]))
}

// String gives the changes, what was kept and what is still wrong, a line each.
func (r *Repair) String() string {
	var b strings.Builder
	for _, s := range r.Changes {
		fmt.Fprintf(&b, "CHANGE %s\n", s)
	}
	for _, s := range r.Kept {
		fmt.Fprintf(&b, "KEEP %s\n", s)
	}
	for _, s := range r.Left.Violations {
		if words := strings.SplitAfterN(s, " ", 4); len(words) < 4 || !r.kept[strings.Join(words[:3], "")] {
			fmt.Fprintf(&b, "LEFT %s\n", s)
		}
	}
	return b.String()
}

// PlanRepair works out what makes the records of a source fit together. An error
// means that the source could not be read to its end, or that something in it is not
// understood: what it has to do with the others is not known then.
func PlanRepair(ctx context.Context, from Source, opts RepairOptions) (*Repair, error) {
	m := &mender{
		Repair:   &Repair{records: map[persistence.Key]persistence.Record{}, kept: map[string]bool{}},
		verifier: newVerifier(),
		opts:     opts,
		shown:    map[uuid.UUID][]*ARQ{},
		named:    map[uuid.UUID]bool{},
		hosts:    map[uuid.UUID]string{},
		parts:    map[uuid.UUID]partOf{},
		known:    map[function]*heldHandle{},
		listed:   map[uuid.UUID]uuid.UUID{},
		holders:  map[uuid.UUID]bool{},
		places:   map[uuid.UUID]int{},
	}
	err := from.Each(ctx, func(r persistence.Record) error {
		r.Body = bytes.Clone(r.Body)
		m.records[r.Key] = r
		_, err := m.read(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	m.mendNames()
	m.mendDevices()
	m.mendHandles()
	m.mendInstances()
	m.mendNumbers()
	m.Left, err = Verify(ctx, m.Repair)
	return m.Repair, err
}

// mender works a repair out. It alters what the verifier has read as it goes.
type mender struct {
	*Repair
	*verifier
	opts   RepairOptions
	shown  map[uuid.UUID][]*ARQ // who shows a handle
	named  map[uuid.UUID]bool   // handles that ARQs name, be they on record or not
	hosts  map[uuid.UUID]string // of deployables, as ARQs have it that have something of them
	parts  map[uuid.UUID]partOf // by deployable
	known  map[function]*heldHandle
	listed map[uuid.UUID]uuid.UUID // the instances of ARQs, by their own records
	// holders are those that are not on record of what nobody shows.
	holders map[uuid.UUID]bool
	// places are those behind the last handle of each deployable.
	places map[uuid.UUID]int
}

// partOf is a deployable and its device.
type partOf struct {
	device     *Device
	deployable *Deployable
}

func (m *mender) say(format string, args ...any) {
	m.Changes = append(m.Changes, fmt.Sprintf(format, args...))
}

// keep says what is left because a guest may have it; a violation that begins so says
// the same.
func (m *mender) keep(violation, format string, args ...any) {
	m.kept[violation] = true
	m.Kept = append(m.Kept, fmt.Sprintf(format, args...))
}

// put writes a record.
func (m *mender) put(key persistence.Key, body []byte, claims []persistence.Claim) {
	expected := m.records[key].Generation
	m.records[key] = persistence.Record{Key: key, Generation: expected + 1, Body: body, Claims: claims}
	m.Transitions = append(m.Transitions, persistence.Transition{
		Relief: true,
		Puts:   []persistence.Put{{Key: key, Expected: expected, Body: body, Claims: claims}},
	})
}

func (m *mender) remove(key persistence.Key) {
	m.Transitions = append(m.Transitions, persistence.Transition{
		Relief:  true,
		Deletes: []persistence.Delete{{Key: key, Expected: m.records[key].Generation}},
	})
	delete(m.records, key)
}

// mendNames renames profiles that have the name of a later one: one that was
// deleted may be back. Only a backup can hold such.
func (m *mender) mendNames() {
	latest, last := map[string]*Profile{}, uint64(0)
	for _, id := range ids(m.profiles) {
		p := m.profiles[id]
		if other := latest[p.Name]; other == nil || p.Seq >= other.Seq {
			latest[p.Name] = p
		}
		last = max(last, p.Seq)
	}
	for _, id := range ids(m.profiles) {
		p := m.profiles[id]
		if latest[p.Name] == p {
			continue
		}
		name := p.Name[:min(len(p.Name), maxProfileName-37)] + "-" + id.String()
		m.say("profile/%s, like a later one, was named %s: it is named %s", id, p.Name, name)
		last++
		p.Name, p.Seq = name, last // no two are in one place either
		m.put(profileKey(id), encodeJSON(p), profileClaims(p))
	}
}

// mendDevices removes devices in whose place a later one is: one that was gone may be
// back. Only a backup can hold such. Who shows something of it has the same of the later one.
func (m *mender) mendDevices() {
	latest := map[persistence.Claim]*Device{}
	for _, id := range ids(m.devices) {
		for _, c := range deviceClaims(m.devices[id]) {
			if other := latest[c]; other == nil || m.devices[id].ID > other.ID {
				latest[c] = m.devices[id]
			}
		}
	}
	for _, id := range ids(m.devices) {
		d := m.devices[id]
		i := slices.IndexFunc(deviceClaims(d), func(c persistence.Claim) bool { return latest[c] != d })
		if i < 0 {
			continue
		}
		m.say("device/%s (%s on host %s) is removed: device/%s is in its place", id, d.ControlPath.Info, d.Hostname, latest[deviceClaims(d)[i]].UUID)
		m.remove(deviceKey(id))
		delete(m.devices, id)
	}
}

// mendInstances lists the ARQs of each instance anew.
func (m *mender) mendInstances() {
	named := map[uuid.UUID][]uuid.UUID{}
	for id := range m.instances {
		named[id] = nil
	}
	for _, id := range ids(m.arqs) {
		if b := m.arqs[id].Binding; b != nil {
			named[b.InstanceUUID] = append(named[b.InstanceUUID], id)
		}
	}
	for _, id := range ids(named) {
		var members, gone []uuid.UUID // those on record in their order
		for _, arq := range slices.Concat(m.instances[id], named[id]) {
			switch {
			case m.arqs[arq] == nil:
				gone = append(gone, arq)
			case slices.Contains(named[id], arq) && !slices.Contains(members, arq):
				members = append(members, arq)
			}
		}
		if slices.Equal(members, m.instances[id]) {
			continue
		}
		m.say("instance/%s has the accelerator requests that name it: %s; not on record: %s", id, members, gone)
		if len(members) == 0 {
			m.remove(instanceKey(id))
		} else {
			m.put(instanceKey(id), encodeInstance(members), nil)
		}
	}
}

// mendNumbers has the numbers of devices and deployables go on after the last that
// was given, and drops commands for devices that are not there.
func (m *mender) mendNumbers() {
	last := m.numbers
	for _, d := range m.devices {
		last.Device = max(last.Device, d.ID)
		for _, dep := range d.Deployables {
			last.Deployable = max(last.Deployable, dep.ID)
		}
	}
	if last.Device != m.numbers.Device || last.Deployable != m.numbers.Deployable {
		m.say("the numbers of devices and deployables go on after %d and %d", last.Device, last.Deployable)
		m.put(sequenceKey(), encodeJSON(&last), nil)
	}
	for _, id := range ids(m.commands) {
		if device := m.commands[id].Device; m.devices[device] == nil {
			m.say("command/%s is removed: its device %s is not on record", id, device)
			m.remove(commandKey(id))
		}
	}
}

// ids gives the keys of a map in order.
func ids[T any](of map[uuid.UUID]T) []uuid.UUID {
	return slices.SortedFunc(maps.Keys(of), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}
