package actors

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// The kinds of records, and the layout version of each body. A layout is
// never altered: a new one gets a new version and the old one stays readable.
// Bodies in JSON may get further fields, whose absence means what was so before
// there were any; a program that does not know them passes over them.
const (
	kindARQ      persistence.Kind = "arq"
	kindDevice   persistence.Kind = "device"
	kindHandle   persistence.Kind = "handle"
	kindInstance persistence.Kind = "instance"
	kindProfile  persistence.Kind = "profile"
	kindEvent    persistence.Kind = "event"
	kindSequence persistence.Kind = "sequence"
	// kindRestoration is there only after a restore: see restoration.go.
	kindRestoration persistence.Kind = "restoration"

	layoutV1 byte = 1
	layoutV2 byte = 2 // of events: with Held
)

// Unique claims, a second bar beside the generations.
const (
	claimHolder      = "holder"       // on a handle: the ARQ that holds it
	claimProfileName = "profile-name" // on a profile
	claimProvider    = "provider"     // on a device: the provider of each deployable
	claimAttribute   = "attribute"    // on a device: the uuid of each attribute
	claimDevice      = "device"       // on a device: host and control path
)

func arqKey(id uuid.UUID) persistence.Key { return persistence.Key{Kind: kindARQ, ID: id} }

func deviceKey(id uuid.UUID) persistence.Key { return persistence.Key{Kind: kindDevice, ID: id} }

func handleKey(id uuid.UUID) persistence.Key { return persistence.Key{Kind: kindHandle, ID: id} }

func instanceKey(id uuid.UUID) persistence.Key { return persistence.Key{Kind: kindInstance, ID: id} }

func profileKey(id uuid.UUID) persistence.Key { return persistence.Key{Kind: kindProfile, ID: id} }

func eventKey(id uuid.UUID) persistence.Key { return persistence.Key{Kind: kindEvent, ID: id} }

// sequenceKey is the one record of the numbers given out so far.
func sequenceKey() persistence.Key { return persistence.Key{Kind: kindSequence} }

// restorationKey is the one record of hosts that a restored store waits for.
func restorationKey() persistence.Key { return persistence.Key{Kind: kindRestoration} }

func encodeARQ(a *ARQ) []byte {
	e := newEncoder(arqSize(a))
	e.buf = append(e.buf, byte(a.stored()))
	e.int(a.CreatedAt)
	e.int(a.UpdatedAt)
	e.text(a.ProjectID)
	e.id(a.Group.ProfileUUID)
	e.text(a.Group.ProfileName)
	e.uint(uint64(a.Group.Index))
	encodeRequests(&e, a.Group.Requests)
	e.flag(a.Binding != nil)
	if b := a.Binding; b != nil {
		e.text(b.Hostname)
		e.id(b.ProviderUUID)
		e.id(b.InstanceUUID)
		e.flag(b.Handle != nil)
		if h := b.Handle; h != nil {
			e.id(h.UUID)
			e.text(h.Type)
			e.text(h.Info)
		}
	}
	return e.buf
}

// arqSize is a little more than the bytes that encodeARQ writes.
func arqSize(a *ARQ) int {
	n := 56 + len(a.ProjectID) + len(a.Group.ProfileName)
	for _, q := range a.Group.Requests {
		n += 4 + len(q.Key) + len(q.Value)
	}
	if b := a.Binding; b != nil {
		n += 40 + len(b.Hostname)
		if b.Handle != nil {
			n += 24 + len(b.Handle.Type) + len(b.Handle.Info)
		}
	}
	return n
}

func decodeARQ(r persistence.Record) (*ARQ, error) { return (*lore)(nil).decodeARQ(r) }

func (l *lore) decodeARQ(r persistence.Record) (*ARQ, error) {
	d := newDecoder(r.Body)
	a := &ARQ{UUID: r.Key.ID, Generation: r.Generation}
	if len(d.buf) > 0 {
		a.State = State(d.buf[0])
		d.buf = d.buf[1:]
	}
	a.CreatedAt = d.int()
	a.UpdatedAt = d.int()
	a.ProjectID = l.text(d.bytes())
	a.Group = l.group(&d)
	if d.flag() {
		a.Binding = &Binding{Hostname: l.text(d.bytes()), ProviderUUID: d.id(), InstanceUUID: d.id()}
		if d.flag() {
			a.Binding.Handle = &Handle{UUID: d.id(), Type: l.text(d.bytes()), Info: d.text()}
		}
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Key, err)
	}
	if a.State >= stateCount {
		return nil, fmt.Errorf("%s: %w: state %d", r.Key, errBody, a.State)
	}
	if a.Binding == nil && (a.State == BindStarted || a.State == Bound) {
		return nil, fmt.Errorf("%s: %w: %s without a binding", r.Key, errBody, a.State)
	}
	return a, nil
}

func encodeRequests(e *encoder, requests []Request) {
	e.uint(uint64(len(requests)))
	for _, q := range requests {
		e.text(q.Key)
		e.text(q.Value)
	}
}

func decodeRequests(d *decoder) []Request {
	n := d.count()
	requests := make([]Request, 0, n)
	for range n {
		requests = append(requests, Request{Key: d.text(), Value: d.text()})
	}
	return requests
}

// heldHandle is an attach handle as its device's actor knows it.
type heldHandle struct {
	Handle
	Generation uint64
	Deployable uuid.UUID
	Order      int // lowest first
	State      handleState
	Holder     uuid.UUID // the ARQ, while taken
	// Undo is the command that cleans up, while releasing.
	Undo commandKindCode
}

// commandKindCode is how a stored handle names its clean-up.
type commandKindCode uint8

const (
	undoNothing commandKindCode = iota
	undoMdev
	undoVGPU
)

func encodeHandle(h *heldHandle) []byte {
	e := newEncoder(160)
	e.buf = append(e.buf, byte(h.State), byte(h.Undo))
	e.id(h.Deployable)
	e.uint(uint64(h.Order))
	e.id(h.Holder)
	e.text(h.Type)
	e.text(h.Info)
	return e.buf
}

func decodeHandle(r persistence.Record) (*heldHandle, error) { return (*lore)(nil).decodeHandle(r) }

func (l *lore) decodeHandle(r persistence.Record) (*heldHandle, error) {
	d := newDecoder(r.Body)
	h := &heldHandle{Generation: r.Generation}
	h.UUID = r.Key.ID
	if len(d.buf) >= 2 {
		h.State, h.Undo = handleState(d.buf[0]), commandKindCode(d.buf[1])
		d.buf = d.buf[2:]
	}
	h.Deployable = d.id()
	h.Order = int(d.uint())
	h.Holder = d.id()
	h.Type = l.text(d.bytes())
	h.Info = d.text()
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Key, err)
	}
	if h.State >= handleStateCount {
		return nil, fmt.Errorf("%s: %w: state %d", r.Key, errBody, h.State)
	}
	return h, nil
}

// claims gives what a stored handle claims: its holder holds no other.
func (h *heldHandle) claims() []persistence.Claim {
	if h.State != handleTaken {
		return nil
	}
	return []persistence.Claim{{Space: claimHolder, Value: string(h.Holder[:])}}
}

func encodeInstance(members []uuid.UUID) []byte {
	e := newEncoder(2 + 16*len(members))
	e.uint(uint64(len(members)))
	for _, m := range members {
		e.id(m)
	}
	return e.buf
}

func decodeInstance(r persistence.Record) ([]uuid.UUID, error) {
	d := newDecoder(r.Body)
	n := d.count()
	members := make([]uuid.UUID, 0, n)
	for range n {
		members = append(members, d.id())
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Key, err)
	}
	return members, nil
}

func encodeEvent(ev *Event) []byte {
	e := newEncoder(64 + 17*len(ev.ARQs))
	e.buf[0] = layoutV2
	e.id(ev.Instance)
	e.text(ev.RequestID)
	e.int(ev.Created)
	e.uint(uint64(len(ev.ARQs)))
	for _, a := range ev.ARQs {
		e.id(a.UUID)
		e.flag(a.Completed)
	}
	e.flag(ev.Held)
	return e.buf
}

func decodeEvent(r persistence.Record) (*Event, error) {
	d, layout := newDecoderOf(r.Body, layoutV2)
	ev := &Event{ID: r.Key.ID, Instance: d.id(), RequestID: d.text(), Created: d.int()}
	for range d.count() {
		ev.ARQs = append(ev.ARQs, EventARQ{UUID: d.id(), Completed: d.flag()})
	}
	ev.Held = layout == layoutV2 && d.flag()
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Key, err)
	}
	return ev, nil
}

// Devices, profiles and the sequence are written seldom: JSON behind the
// layout version, for the sake of whoever reads a dump.

func encodeJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("actors: a record that does not encode: %v", err))
	}
	return append([]byte{layoutV1}, b...)
}

func decodeJSON(r persistence.Record, v any) error {
	d := newDecoder(r.Body)
	if d.err != nil {
		return fmt.Errorf("%s: %w", r.Key, d.err)
	}
	if err := json.Unmarshal(d.buf, v); err != nil {
		return fmt.Errorf("%s: %w: %w", r.Key, errBody, err)
	}
	return nil
}

// sequence is the numbers given out so far.
type sequence struct {
	Generation uint64 `json:"-"`
	Device     int    `json:"device"`
	Deployable int    `json:"deployable"`
}

func deviceClaims(d *Device) []persistence.Claim {
	claims := []persistence.Claim{{Space: claimDevice, Value: d.Hostname + "\x00" + d.ControlPath.Info}}
	for _, dep := range d.Deployables {
		claims = append(claims, persistence.Claim{Space: claimProvider, Value: string(dep.ProviderUUID[:])})
		for _, a := range dep.Attributes {
			claims = append(claims, persistence.Claim{Space: claimAttribute, Value: string(a.UUID[:])})
		}
	}
	return claims
}

func profileClaims(p *Profile) []persistence.Claim {
	return []persistence.Claim{{Space: claimProfileName, Value: p.Name}}
}
