package actors

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// mdevHost is what a host without an agent has made for guests.
type mdevHost map[uuid.UUID]bool

func (h mdevHost) do(_ context.Context, c devices.Command) error {
	if c.Kind == devices.CreateMdev {
		h[c.Handle] = true
	} else {
		delete(h, c.Handle)
	}
	return nil
}

// mdevInventory adds a host "v" of so many mediated devices.
func (w *world) mdevInventory(handles int) {
	w.t.Helper()
	one := devices.Deployable{Name: "gpu", DriverName: "x", NumAccelerators: handles, Attributes: []devices.Attribute{{Key: "rc", Value: "VGPU"}}}
	for i := range handles {
		one.AttachHandles = append(one.AttachHandles, devices.AttachHandle{Type: handleTypeMdev, Info: `{"slot": "` + string(rune('a'+i)) + `"}`})
	}
	w.must(w.sys.RegisterInventory(w.t.Context(), "v", []devices.Device{{
		Type: "GPU", ControlPath: devices.ControlPathID{Type: "PCI", Info: `{"bus": "1"}`}, Deployables: []devices.Deployable{one},
	}}))
}

// mdevPasts gives the records of a service with mediated devices after each of some
// changes, and what is on the host in the end.
func mdevPasts(t *testing.T, seed uint64) (states []pile, made mdevHost) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	defer quietly()()
	uuid.SetRand(newSeededReader(seed))
	made = mdevHost{}
	inBubble(t, 4, func(w *world) {
		w.do = made.do
		w.mdevInventory(4)
		w.profile("one")
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		for range 60 {
			<-time.After(time.Duration(rng.IntN(3000)) * time.Millisecond)
			profile, host := "one", "h"
			if rng.IntN(3) > 0 {
				profile, host = "vgpu", "v"
			}
			all, err := w.sys.ARQs(ARQQuery{Scope: admin})
			w.must(err)
			var bound []*ARQ
			for a := range all {
				if a.Binding != nil {
					bound = append(bound, a)
				}
			}
			if n := len(bound); n > 0 && rng.IntN(2) == 0 {
				w.must(w.removeInstance(bound[rng.IntN(n)].Binding.InstanceUUID))
			} else {
				_ = w.bind(w.to(host, uuid.New()), w.create(profile, 1)...)
			}
			states = append(states, pileOf(t, w.store))
			synctest.Wait()
			states = append(states, pileOf(t, w.store))
		}
	})
	timely(states)
	return states, made
}

// timely has the uuids of ARQs tell when they were made, which those of a test do not:
// their time never goes back, and time in a bubble does.
func timely(states []pile) {
	for i, p := range states {
		var made []uuid.UUID
		for key := range p {
			if key.Kind == kindARQ {
				made = append(made, key.ID)
			}
		}
		states[i] = pile{}
		for _, r := range p {
			for _, id := range made {
				a, _ := decodeARQ(p[arqKey(id)])
				told := id
				binary.BigEndian.PutUint64(told[:], uint64(a.CreatedAt)*1000<<16|uint64(binary.BigEndian.Uint16(id[6:])))
				if r.Key.ID == id {
					r.Key.ID = told
				}
				r.Body = bytes.ReplaceAll(r.Body, id[:], told[:])
				claims := slices.Clone(r.Claims)
				for i := range claims {
					claims[i].Value = strings.ReplaceAll(claims[i].Value, string(id[:]), string(told[:]))
				}
				r.Claims = claims
			}
			states[i][r.Key] = r
		}
	}
}

// fill has records in the store of a world that is not started yet.
func (w *world) fill(from Source) {
	w.t.Helper()
	s := memory.New(memory.Options{})
	w.must(s.Recover(w.t.Context(), func(persistence.Record) error { return nil }))
	var all []persistence.Transition
	w.must(from.Each(w.t.Context(), func(r persistence.Record) error {
		all = append(all, persistence.Transition{Puts: []persistence.Put{{Key: r.Key, Body: r.Body, Claims: r.Claims}}})
		return nil
	}))
	for i, r := range persistence.Apply(w.t.Context(), s, all) {
		if r.Outcome != persistence.Won {
			w.t.Fatalf("%s: %+v", all[i].Puts[0].Key, r)
		}
	}
	w.must(w.store.Close())
	w.store = memory.New(memory.Options{Faults: w.fault, Snapshot: s.Snapshot()})
	w.must(s.Close())
}

// TestARepairedStoreEndsEmpty: what is left of a damaged store is repaired, and serves.
// Nobody gets what a guest has, all can be deleted, and what is on record goes from the
// hosts.
func TestARepairedStoreEndsEmpty(t *testing.T) {
	for seed := range uint64(4) {
		states, made := mdevPasts(t, seed)
		for n := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, n))
			left, intact := damage(states, rng)
			lose(left, intact, rng)
			servesRepaired(t, states[len(states)-1], left, intact, maps.Clone(made), n%2 == 0)
			if t.Failed() {
				t.Fatalf("seed %d, %d", seed, n)
			}
		}
	}
}

// lose takes some of what is left: also what was there from the beginning. Where a device
// is lost, its handles are of no use.
func lose(left pile, intact map[persistence.Key]bool, rng *rand.Rand) {
	gone := map[uuid.UUID]bool{}
	for _, key := range slices.SortedFunc(maps.Keys(left), byKey) {
		if rng.IntN(20) > 0 {
			continue
		}
		if d := (&Device{}); key.Kind == kindDevice && decodeJSON(left[key], d) == nil {
			gone[d.Deployables[0].UUID] = true
		}
		intact[key] = false
		delete(left, key)
	}
	for key, r := range left {
		if h, err := decodeHandle(r); key.Kind == kindHandle && err == nil && gone[h.Deployable] {
			intact[key] = false
		}
	}
}

func servesRepaired(t *testing.T, last, left pile, intact map[persistence.Key]bool, made mdevHost, free bool) {
	t.Helper()
	uuid.SetRand(nil)
	isFree := func(uuid.UUID) bool { return free }
	synctest.Test(t, func(t *testing.T) {
		r := plan(t, left, isFree)
		w := newWorld(t)
		w.do = made.do
		w.fill(Restored(r, time.Now(), func(*ARQ) {}))
		w.start(w.store)
		w.inventory("h", 4)
		w.mdevInventory(4)
		synctest.Wait()
		w.wantOnlyKept(free)
		w.wantGuestsKept(last, intact, made)
		for _, host := range []string{"h", "v"} {
			profile := map[string]string{"h": "one2", "v": "vgpu2"}[host]
			w.profile(profile, Request{map[string]string{"h": "resources:FPGA", "v": "resources:VGPU"}[host], "1"})
			for w.bind(w.to(host, uuid.New()), w.create(profile, 1)...) == nil {
				synctest.Wait()
			}
		}
		w.wantNobodyTwice(last, intact, free)
		all, err := w.sys.ARQs(ARQQuery{Scope: admin})
		w.must(err)
		for a := range all {
			if a.Binding != nil {
				w.must(w.removeInstance(a.Binding.InstanceUUID))
			} else {
				w.must(w.remove(a.UUID))
			}
		}
		<-time.After(time.Minute)
		rest := plan(t, w.store, nil)
		kept := len(rest.Kept)
		w.wantHandles(8-kept, kept, 0)
		if len(rest.Left.Violations) > kept || len(rest.Changes) > 0 {
			t.Errorf("%s", rest)
		}
		for id := range made {
			if known := r.records[handleKey(id)]; known.Generation > 0 && free {
				t.Errorf("the mediated device %s stays: \n%s", id, r)
			}
		}
		w.stop()
	})
}

// wantOnlyKept wants the records to keep all rules, but for profiles that are missing and
// handles of which nobody knows who has them.
func (w *world) wantOnlyKept(free bool) {
	w.t.Helper()
	report, err := Verify(w.t.Context(), w.store)
	w.must(err)
	for _, v := range report.Violations {
		if !strings.Contains(v, "was made from the device profile") && (free || !strings.Contains(v, "is taken by arq/")) {
			w.t.Error(v)
		}
	}
}

// wantGuestsKept wants who has an intact record to have what they had.
func (w *world) wantGuestsKept(last pile, intact map[persistence.Key]bool, made mdevHost) {
	w.t.Helper()
	for key, r := range last {
		if key.Kind != kindARQ || !intact[key] {
			continue
		}
		was, err := decodeARQ(r)
		w.must(err)
		now, there := w.sys.ARQ(key.ID)
		switch {
		case !there || now.State != was.State:
			w.t.Errorf("%s was %s and is %+v", key, was.State, now)
		case was.State != Bound:
		case *now.AttachHandle() != *was.AttachHandle():
			w.t.Errorf("%s had %v and has %v", key, was.AttachHandle(), now.AttachHandle())
		case was.AttachHandle().Type == handleTypeMdev && !made[was.AttachHandle().UUID]:
			w.t.Errorf("the mediated device of %s is gone", key)
		}
	}
}

// wantNobodyTwice wants no function to be given to two, nor that of a guest whose ARQ, or
// handle if nobody has said that it is free, is as it was.
func (w *world) wantNobodyTwice(last pile, intact map[persistence.Key]bool, free bool) {
	w.t.Helper()
	of := map[string]uuid.UUID{}
	all, err := w.sys.ARQs(ARQQuery{Scope: admin})
	w.must(err)
	for a := range all {
		if a.State != Bound {
			continue
		}
		where := a.Binding.Hostname + a.AttachHandle().Info
		if other, twice := of[where]; twice {
			w.t.Errorf("%s is %s's and %s's", where, other, a.UUID)
		}
		of[where] = a.UUID
	}
	for key, r := range last {
		if key.Kind != kindARQ {
			continue
		}
		was, err := decodeARQ(r)
		w.must(err)
		if was.State != Bound || !intact[key] && (free || !intact[handleKey(was.AttachHandle().UUID)]) {
			continue
		}
		if now := of[was.Binding.Hostname+was.AttachHandle().Info]; now != key.ID && now != uuid.Nil && last[arqKey(now)].Generation == 0 {
			w.t.Errorf("%s has what the guest of %s has", now, key)
		}
	}
}
