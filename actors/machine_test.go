package actors

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// The table is the specification; what follows are the rules it must obey.
func TestARQStates(t *testing.T) {
	for s := range stateCount {
		for e := range arqEventCount {
			next, ok := s.next(e)
			if !ok && next != s {
				t.Errorf("%s refuses event %d and yet becomes %s", s, e, next)
			}
			if ok && next >= stateCount {
				t.Errorf("%s becomes nothing at event %d", s, e)
			}
		}
		if _, ok := s.next(evDelete); !ok {
			t.Errorf("%s cannot be deleted", s)
		}
	}
	for _, c := range []struct {
		event arqEvent
		from  []State
	}{
		{evBind, []State{Initial, Unbound}},
		{evStartBind, []State{Initial, Unbound}},
		{evFinishBind, []State{BindStarted}},
		{evFailBind, []State{Initial, Unbound, BindStarted}},
		{evUnbind, []State{Initial, BindStarted, Bound, Unbound, BindFailed, UnbindFailed}},
		{evFailUnbind, []State{Bound, UnbindFailed}},
	} {
		allowed := map[State]bool{}
		for _, s := range c.from {
			allowed[s] = true
		}
		for s := range stateCount {
			if _, ok := s.next(c.event); ok != allowed[s] {
				t.Errorf("event %d in %s: allowed %v, want %v", c.event, s, ok, allowed[s])
			}
		}
	}
}

// A BindFailed ARQ needs an unbind before the next bind, by whatever way.
func TestBindFailedIsLeftOnlyByUnbindAndDelete(t *testing.T) {
	for e := range arqEventCount {
		if _, ok := BindFailed.next(e); ok != (e == evUnbind || e == evDelete) {
			t.Errorf("event %d: %v", e, ok)
		}
	}
}

func TestHandleStates(t *testing.T) {
	for s := range handleStateCount {
		for e := range handleEventCount {
			if next, ok := s.next(e); ok && next >= handleStateCount {
				t.Errorf("state %d becomes nothing at event %d", s, e)
			}
		}
		if next, ok := s.next(evTake); ok != (s == handleFree) || ok && next != handleTaken {
			t.Errorf("a handle in state %d is given: %v", s, ok)
		}
	}
	if next, _ := handleReleasing.next(evCleaned); next != handleFree {
		t.Errorf("cleaned: %d", next)
	}
	if next, _ := handleTaken.next(evGiveGone); next != handleMissing {
		t.Errorf("given back and gone: %d", next)
	}
}

// Any sequence of events keeps an ARQ in a state of the table, and Bound is
// only reached by a bind.
func FuzzARQEvents(f *testing.F) {
	f.Add([]byte{0, 4, 1, 2, 6})
	f.Fuzz(func(t *testing.T, events []byte) {
		s := Initial
		for _, b := range events {
			e := arqEvent(b)
			next, ok := s.next(e)
			if !ok {
				continue
			}
			if next >= stateCount {
				t.Fatalf("%s, event %d: state %d", s, e, next)
			}
			if next == Bound && e != evBind && e != evFinishBind {
				t.Fatalf("%s became Bound by event %d", s, e)
			}
			s = next
		}
	})
}

func TestParseState(t *testing.T) {
	for s := range stateCount {
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("%s: %v %v", s, got, ok)
		}
	}
	if _, ok := ParseState("bound"); ok {
		t.Error("the spelling is exact")
	}
}

// Records are read back as they were written.
func TestRecordsSurviveTheirEncoding(t *testing.T) {
	full := &ARQ{
		UUID: uuid.New(), ProjectID: "p", State: Bound, CreatedAt: 1, UpdatedAt: 2,
		Group: &Group{ProfileUUID: uuid.New(), ProfileName: "n", Index: 3, Requests: []Request{{"resources:FPGA", "1"}, {"accel:x", ""}}},
		Binding: &Binding{
			Hostname: "h", ProviderUUID: uuid.New(), InstanceUUID: uuid.New(),
			Handle: &Handle{UUID: uuid.New(), Type: "PCI", Info: `{"bus": "0c"}`},
		},
	}
	bare := &ARQ{UUID: uuid.New(), Group: &Group{}, State: Unbound}
	for _, a := range []*ARQ{full, bare, full.after(evUnbind, nil, 5)} {
		body := encodeARQ(a)
		got, err := decodeARQ(persistence.Record{Key: arqKey(a.UUID), Generation: 7, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if got.Generation != 7 || !bytes.Equal(encodeARQ(got), body) {
			t.Errorf("ARQ %+v came back as %+v", a, got)
		}
	}
	h := &heldHandle{Handle: *full.Binding.Handle, Deployable: uuid.New(), Order: 9, State: handleTaken, Holder: uuid.New(), Undo: undoMdev}
	if got, err := decodeHandle(persistence.Record{Key: handleKey(h.UUID), Body: encodeHandle(h)}); err != nil || *got != *h {
		t.Errorf("handle %+v came back as %+v, %v", h, got, err)
	}
}

// Damaged bodies are errors, never panics or huge allocations.
func FuzzRecordBodies(f *testing.F) {
	f.Add(encodeARQ(&ARQ{Group: &Group{Requests: []Request{{"a", "b"}}}, Binding: &Binding{Handle: &Handle{}}}))
	f.Add(encodeHandle(&heldHandle{}))
	f.Add(encodeInstance([]uuid.UUID{{1}}))
	f.Add(encodeEvent(&Event{ARQs: []EventARQ{{}}}))
	f.Add(encodeJSON(&Device{}))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := persistence.Record{Body: body}
		if a, err := decodeARQ(r); err == nil && !bytes.Equal(encodeARQ(a), body) && len(encodeARQ(a)) > len(body) {
			t.Errorf("an ARQ grew by being read")
		}
		_, _ = decodeHandle(r)
		_, _ = decodeInstance(r)
		_, _ = decodeEvent(r)
		_ = decodeJSON(r, &Device{})
	})
}
