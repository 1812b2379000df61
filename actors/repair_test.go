package actors

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// pile is records by key: what a disk holds.
type pile map[persistence.Key]persistence.Record

// Each visits them.
func (p pile) Each(ctx context.Context, visit func(persistence.Record) error) error {
	return (&Repair{records: p}).Each(ctx, visit)
}

// bodies gives what is in the records, whatever their generations.
func (p pile) bodies() map[persistence.Key]string {
	all := map[persistence.Key]string{}
	for key, r := range p {
		all[key] = string(r.Body)
	}
	return all
}

func pileOf(t *testing.T, from Source) pile {
	t.Helper()
	p := pile{}
	if err := from.Each(context.Background(), func(r persistence.Record) error {
		p[r.Key] = r
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

// write does what a store does with a transition: it holds conditions and claims.
func (p pile) write(tr *persistence.Transition) error {
	for _, put := range tr.Puts {
		if p[put.Key].Generation != put.Expected {
			return fmt.Errorf("%s has generation %d, expected %d", put.Key, p[put.Key].Generation, put.Expected)
		}
		for key, r := range p {
			for _, c := range r.Claims {
				if key != put.Key && slices.Contains(put.Claims, c) {
					return fmt.Errorf("%s claims %s, as does %s", put.Key, c, key)
				}
			}
		}
		p[put.Key] = persistence.Record{Key: put.Key, Generation: put.Expected + 1, Body: put.Body, Claims: put.Claims}
	}
	for _, d := range tr.Deletes {
		if d.Expected == 0 || p[d.Key].Generation != d.Expected {
			return fmt.Errorf("%s has generation %d, expected %d", d.Key, p[d.Key].Generation, d.Expected)
		}
		delete(p, d.Key)
	}
	return nil
}

func (p pile) claimsTwice() bool {
	seen := map[persistence.Claim]bool{}
	for _, r := range p {
		for _, c := range r.Claims {
			if seen[c] {
				return true
			}
			seen[c] = true
		}
	}
	return false
}

func everyHandle(uuid.UUID) bool { return true }

func plan(t *testing.T, from Source, free func(uuid.UUID) bool) *Repair {
	t.Helper()
	r, err := PlanRepair(t.Context(), from, RepairOptions{Free: free, Now: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// pasts gives the records of a service as they were after each of some changes.
func pasts(t *testing.T, seed uint64) (states []pile) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	defer quietly()()
	uuid.SetRand(newSeededReader(seed))
	inBubble(t, 3, func(w *world) {
		w.inventory("g", 3)
		w.profile("one")
		var ids []uuid.UUID
		var named []*Profile
		instances := []uuid.UUID{instance, another, uuid.New(), uuid.New()}
		for range 60 {
			switch rng.IntN(7) {
			case 0:
				w.inventory("g", 2+rng.IntN(2)) // a handle goes, and another one comes
			case 6:
				ids = append(ids, w.create("one", 1)...)
			case 1:
				if named = append(named, w.profile("new")); len(named) > 0 {
					w.must(w.sys.DeleteProfiles(w.t.Context(), []string{"new"}))
				}
			case 2, 3:
				for _, id := range ids {
					if state := w.state(id); state == "Initial" || state == "Unbound" {
						_ = w.bind(w.to([]string{"g", "h"}[rng.IntN(2)], instances[rng.IntN(4)]), id)
					}
				}
			case 4:
				if len(ids) > 0 {
					_ = w.unbind(ids[rng.IntN(len(ids))])
				}
			case 5:
				if len(ids) > 0 {
					i := rng.IntN(len(ids))
					w.must(w.remove(ids[i]))
					ids = slices.Delete(ids, i, i+1)
				}
			}
			states = append(states, pileOf(w.t, w.store))
		}
	})
	return states
}

// damage takes of each record that ever was its last state, or an earlier one. It
// tells what is as it was last.
func damage(states []pile, rng *rand.Rand) (left pile, intact map[persistence.Key]bool) {
	keys := map[persistence.Key]bool{}
	for _, s := range states {
		for key := range s {
			keys[key] = true
		}
	}
	left, intact = pile{}, map[persistence.Key]bool{}
	last := states[len(states)-1]
	for _, key := range slices.SortedFunc(maps.Keys(keys), byKey) {
		at := last
		if rng.IntN(10) < 3 {
			at = states[rng.IntN(len(states))]
		}
		if r, there := at[key]; there {
			left[key] = r
		}
		intact[key] = left[key].Generation == last[key].Generation
	}
	return left, intact
}

// wantSafe holds that nothing is free that a guest has, if its ARQ or its handle is
// as it was last, and its device is there.
func wantSafe(t *testing.T, last, repaired pile, intact map[persistence.Key]bool) {
	t.Helper()
	devices := map[uuid.UUID]bool{}
	for key, r := range repaired {
		if d := (&Device{}); key.Kind == kindDevice && decodeJSON(r, d) == nil {
			devices[d.Deployables[0].UUID] = true
		}
	}
	for key, r := range last {
		if key.Kind != kindHandle {
			continue
		}
		h, err := decodeHandle(r)
		if err != nil || h.State != handleTaken || !devices[h.Deployable] || !intact[key] && !intact[arqKey(h.Holder)] {
			continue
		}
		held := 0
		for key, r := range repaired {
			if now, err := decodeHandle(r); key.Kind == kindHandle && err == nil && now.Info == h.Info && now.Deployable == h.Deployable {
				if now.State != handleTaken {
					t.Errorf("%s is in state %d, and the guest of arq/%s has it", key, now.State, h.Holder)
				}
				held++
			}
		}
		if held != 1 {
			t.Errorf("%d handles are %s, which the guest of arq/%s has", held, h.Info, h.Holder)
		}
	}
}

// TestRepairOfWhatIsLeft loses records, and has earlier ones back, as damage to a
// disk does. Afterwards they keep every rule, but for what is named; no guest's
// device is given away; a repair that is cut short comes to the same.
func TestRepairOfWhatIsLeft(t *testing.T) {
	for seed := range uint64(8) {
		states := pasts(t, seed)
		for n := range uint64(60) {
			rng := rand.New(rand.NewPCG(seed, n))
			left, intact := damage(states, rng)
			r := plan(t, left, nil)
			wantLeft(t, r, len(r.Kept))
			wantSafe(t, states[len(states)-1], pileOf(t, r), intact)
			if again := plan(t, r, nil); len(again.Changes) > 0 || len(again.Transitions) > 0 {
				t.Errorf("a second repair changes %q", again.Changes)
			}
			freed := plan(t, r, everyHandle)
			wantLeft(t, freed, 0)
			if len(freed.Kept) > 0 {
				t.Errorf("kept though it is said that no guest has it: %q", freed.Kept)
			}
			if !left.claimsTwice() {
				wantCutShort(t, left, r)
			}
			if t.Failed() {
				t.Fatalf("seed %d, %d", seed, n)
			}
		}
	}
}

// wantLeft holds that nothing is wrong but that nobody knows who has so many
// handles, and that profiles are missing.
func wantLeft(t *testing.T, r *Repair, kept int) {
	t.Helper()
	for _, v := range r.Left.Violations {
		switch {
		case strings.Contains(v, "is taken by arq/"):
			kept--
		case !strings.Contains(v, "was made from the device profile"):
			t.Errorf("left: %s", v)
		}
	}
	if kept != 0 {
		t.Errorf("kept %q, left %q", r.Kept, r.Left.Violations)
	}
}

// wantCutShort does a repair as a store does, and another one after each of its
// transitions.
func wantCutShort(t *testing.T, left pile, r *Repair) {
	t.Helper()
	want := pileOf(t, r).bodies()
	done := pileOf(t, left)
	for i := range r.Transitions {
		rest := plan(t, done, nil)
		if got := pileOf(t, rest).bodies(); !sameBodies(got, want) {
			t.Errorf("after %d of %d transitions a repair comes to something else", i, len(r.Transitions))
		}
		if err := done.write(&r.Transitions[i]); err != nil {
			t.Errorf("transition %d: %v", i, err)
		}
	}
	if !sameBodies(done.bodies(), want) {
		t.Error("the transitions come to something else than was planned")
	}
}

func sameBodies(a, b map[persistence.Key]string) bool {
	for key, body := range a {
		if b[key] != body {
			return false
		}
	}
	return len(a) == len(b)
}

// TestRepairSays: what is done about one thing at a time, and what is said of it.
func TestRepairSays(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.inventory("g", 2)
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		sound := pileOf(w.t, w.store)
		w.alter(arqOf(id, func(a *ARQ) { a.UpdatedAt = 1 })) // the clock was set back before its bind
		if r := plan(w.t, w.store, everyHandle); r.String() != "" {
			t.Errorf("of a sound store whose clock was set back: %s", r)
		}
		if r := plan(w.t, sound, everyHandle); len(r.Transitions)+len(r.Kept)+len(r.Left.Violations) > 0 || r.String() != "" {
			t.Errorf("of a sound store: %s", r)
		}
		a, _ := w.sys.ARQ(id)
		handle, deployable := handleKey(a.Binding.Handle.UUID), w.deployableOf("h")
		device := deviceKey(w.sys.Devices()[0].UUID)
		stray := &commandRecord{Command: devices.Command{ID: uuid.New()}, Device: uuid.New()}
		rehold := func(r persistence.Record, how func(*heldHandle) *heldHandle) persistence.Record {
			h, err := decodeHandle(r)
			w.must(err)
			h = how(h)
			r.Body, r.Claims = encodeHandle(h), h.claims()
			return r
		}
		for what, c := range map[string]struct {
			damage func(p pile)
			want   []string
			left   int
		}{
			"the handle is gone": {func(p pile) { delete(p, handle) }, []string{
				"on host h) is on record again, held by arq/" + id.String(),
			}, 0},
			"the handle is free": {func(p pile) { p[handle] = rehold(p[handle], freed) }, []string{
				"CHANGE " + handle.String(), "is held by arq/" + id.String() + " (instance " + instance.String() + "), which shows it",
			}, 0},
			"the ARQ is gone": {func(p pile) { delete(p, arqKey(id)) }, []string{
				"KEEP " + handle.String(), "of instance " + instance.String() + ", which is not on record; a guest may have it",
				"instance/" + instance.String() + " has the accelerator requests that name it: []; not on record: [" + id.String() + "]",
			}, 1},
			"the instance is gone": {func(p pile) { delete(p, instanceKey(instance)) }, []string{
				"instance/" + instance.String() + " has the accelerator requests that name it: [" + id.String() + "]; not on record: []",
			}, 0},
			"the device is gone": {func(p pile) { delete(p, device) }, []string{
				"CHANGE deployable " + deployable.UUID.String() + " is not on record: 2 handles of it are removed",
				"KEEP arq/" + id.String() + " (instance " + instance.String() + "): its device is not on record; it has {",
			}, 1},
			"the sequence is gone": {func(p pile) { delete(p, sequenceKey()) }, []string{"go on after 2 and 2"}, 0},
			"the profile is gone": {func(p pile) {
				for key := range p {
					if key.Kind == kindProfile {
						delete(p, key)
					}
				}
			}, []string{"LEFT arq/" + id.String() + " was made from the device profile"}, 1},
			"a command of no device": {func(p pile) {
				key := commandKey(stray.Command.ID)
				p[key] = persistence.Record{Key: key, Generation: 1, Body: encodeJSON(stray)}
			}, []string{"command/" + stray.Command.ID.String() + " is removed"}, 0},
			"its ARQ held two": {func(p pile) { // both of which are older
				for i, key := range []persistence.Key{handle, handleKey(uuid.Max)} {
					r := rehold(sound[handle], func(h *heldHandle) *heldHandle { h.Info, h.Order = fmt.Sprint(i), i; return h })
					r.Key = key
					p[key] = r
				}
				delete(p, arqKey(id))
			}, []string{"KEEP " + handle.String(), "handle/" + uuid.Max.String() + " (1 on host h) is held by nobody on record"}, 2},
			"a handle twice, each of them held": {func(p pile) {
				twin := rehold(p[handle], heldBy(uuid.Max))
				twin.Key.ID = uuid.Max
				p[twin.Key] = twin
			}, []string{"KEEP handle/" + uuid.Max.String(), "are both {"}, 2},
			"a handle twice": {func(p pile) {
				twin := rehold(p[handle], freed)
				twin.Key.ID = uuid.Max
				p[twin.Key] = twin
			}, []string{"gets a place of its own: 2", "is removed: it is the same as " + handle.String()}, 0},
			"the handle is another one since": {func(p pile) {
				twin := rehold(p[handle], freed)
				delete(p, handle)
				twin.Key.ID = uuid.Max
				p[twin.Key] = twin
			}, []string{"is on record again, held by arq/" + id.String(), "handle/" + uuid.Max.String() + " ({", "is removed: it is the same as " + handle.String()}, 0},
			"the handle is another one since, which another shows": {func(p pile) {
				twin := rehold(p[handle], freed)
				delete(p, handle)
				twin.Key.ID = uuid.Max
				p[twin.Key] = twin
				other, binding := *a, *a.Binding
				binding.InstanceUUID, binding.Handle = another, &Handle{UUID: uuid.Max, Type: a.Binding.Handle.Type, Info: a.Binding.Handle.Info}
				other.UUID, other.Binding = uuid.New(), &binding
				p[arqKey(other.UUID)] = persistence.Record{Key: arqKey(other.UUID), Generation: 1, Body: encodeARQ(&other)}
			}, []string{"CHANGE handle/" + uuid.Max.String(), "is BindFailed and shows no handle: handle/" + uuid.Max.String()}, 0},
			"the handle is another one since, to be cleaned up": {func(p pile) {
				twin := rehold(p[handle], func(h *heldHandle) *heldHandle { h.State, h.Holder = handleReleasing, uuid.Nil; return h })
				delete(p, handle)
				twin.Key.ID = uuid.Max
				p[twin.Key] = twin
			}, []string{"is held by arq/" + id.String(), "arq/" + id.String() + " shows handle/" + uuid.Max.String()}, 0},
		} {
			p := pileOf(w.t, sound)
			c.damage(p)
			r := plan(w.t, p, nil)
			for _, want := range c.want {
				if !strings.Contains(r.String(), want) {
					t.Errorf("%s: it is said\n%swant %s", what, r, want)
				}
			}
			if strings.Count(r.String(), "KEEP")+strings.Count(r.String(), "LEFT") != c.left || len(r.Left.Violations) != c.left {
				t.Errorf("%s: left %q, want %d", what, r.Left.Violations, c.left)
			}
		}
	})
}

// Two handles whose records have each other's holders change them, though a holder
// has one handle at any moment.
func TestARepairSwapsHandles(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.must(w.bind(w.to("h", another), ids[1]))
		p := pileOf(w.t, w.store)
		sound := p.bodies()
		for key, r := range p {
			if key.Kind != kindHandle {
				continue
			}
			h, err := decodeHandle(r)
			w.must(err)
			h.Holder = ids[(slices.Index(ids, h.Holder)+1)%2]
			p[key] = persistence.Record{Key: key, Generation: r.Generation, Body: encodeHandle(h), Claims: h.claims()}
		}
		r := plan(w.t, p, nil)
		wantLeft(w.t, r, 0)
		wantCutShort(w.t, p, r)
		if !sameBodies(pileOf(w.t, r).bodies(), sound) {
			t.Errorf("%s", r)
		}
	})
}

// TestRepairOfWhatIsNotUnderstood: a newer arqd has written it, and knows what it
// has to do with the rest.
func TestRepairOfWhatIsNotUnderstood(t *testing.T) {
	for what, r := range map[string]persistence.Record{
		"a kind":  {Key: persistence.Key{Kind: "later", ID: uuid.New()}, Generation: 1},
		"a body":  {Key: arqKey(uuid.New()), Generation: 1, Body: []byte{99}},
		"another": {Key: deviceKey(uuid.New()), Generation: 1, Body: []byte{99}},
	} {
		if _, err := PlanRepair(t.Context(), records{r}, RepairOptions{}); err == nil || !strings.Contains(err.Error(), r.Key.String()) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestARepairedStoreServes: what was bound is given back, and what was freed is
// bound, also what is cleaned up first.
func TestARepairedStoreServes(t *testing.T) {
	inBubble(t, 3, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		w.must(w.bind(w.to("h", another), ids[1]))
		w.alter(handleOf(ids[0], vanished), func(r persistence.Record) *persistence.Transition {
			if r.Key != arqKey(ids[1]) {
				return nil
			}
			return &persistence.Transition{Deletes: []persistence.Delete{{Key: r.Key, Expected: r.Generation}}}
		})
		for _, result := range persistence.Apply(w.t.Context(), w.store, plan(w.t, w.store, everyHandle).Transitions) {
			if result.Outcome != persistence.Won {
				t.Fatalf("%+v", result)
			}
		}
		w.crash()
		w.inventory("h", 3)
		w.wantHandles(2, 1, 0)
		w.wantConsistent()
		w.must(w.removeInstance(instance))
		w.wantHandles(3, 0, 0)
		for range 3 {
			w.must(w.bind(w.to("h", uuid.New()), w.create("one", 1)...))
		}
		w.wantConsistent()
	})
}

// A handle that is given back by a repair is cleaned up as one that an ARQ gives
// back.
func TestARepairLeavesTheCleaningToTheDevice(t *testing.T) {
	for _, c := range []struct {
		kind string
		nova bool
		miss bool
		want handleState
		undo commandKindCode
	}{
		{"PCI", false, false, handleFree, undoNothing},
		{handleTypeMdev, false, false, handleReleasing, undoMdev},
		{handleTypeMdev, true, false, handleFree, undoNothing},
		{"PCI", false, true, handleMissing, undoNothing},
	} {
		dep := &Deployable{ID: 1, UUID: uuid.New()}
		d := &Device{ID: 1, UUID: uuid.New(), Missing: c.miss, Deployables: []*Deployable{dep}}
		h := &heldHandle{Handle: Handle{UUID: uuid.New(), Type: c.kind, Info: "{}"}, Deployable: dep.UUID, State: handleTaken, Holder: uuid.New()}
		from := records{
			{Key: deviceKey(d.UUID), Generation: 1, Body: encodeJSON(d), Claims: deviceClaims(d)},
			{Key: handleKey(h.UUID), Generation: 1, Body: encodeHandle(h), Claims: h.claims()},
		}
		r, err := PlanRepair(t.Context(), from, RepairOptions{Free: everyHandle, NovaMakesMdevs: c.nova})
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeHandle(r.records[handleKey(h.UUID)])
		if err != nil || got.State != c.want || got.Undo != c.undo || got.Holder != uuid.Nil {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
}

// A device that was gone is back beside the one that was found in its place since: no store
// takes both. What is shown of it is had of the other.
func TestRepairOfTwoDevicesInOnePlace(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		p := pileOf(t, w.store)
		d := *w.sys.Devices()[0]
		before, dep := d, *d.Deployables[0]
		before.UUID, before.ID = uuid.New(), 0
		dep.UUID, dep.ID = uuid.New(), 0
		before.Deployables = []*Deployable{&dep}
		stays, goes := handleKey(uuid.New()), handleKey(uuid.New())
		for key, of := range map[persistence.Key]uuid.UUID{stays: d.Deployables[0].UUID, goes: dep.UUID} {
			h := &heldHandle{Handle: Handle{UUID: key.ID, Info: "{}"}, Deployable: of, Order: 9}
			p[key] = persistence.Record{Key: key, Generation: 1, Body: encodeHandle(h)}
		}
		key := deviceKey(before.UUID)
		p[key] = persistence.Record{Key: key, Generation: 1, Body: encodeJSON(&before), Claims: deviceClaims(&before)}
		if !p.claimsTwice() {
			t.Fatal("they claim different things")
		}
		r := plan(t, p, nil)
		wantPlan(t, r, "CHANGE device/"+before.UUID.String(), 0)
		after := pileOf(t, r)
		if after.claimsTwice() || after[key].Generation > 0 || after[goes].Generation > 0 || after[stays].Generation == 0 {
			t.Errorf("%s", r)
		}
	})
}

// A device is lost. Of two ARQs that show the same of it one keeps it, and it is said of
// its handles what nobody will know any more.
func TestRepairOfWhatALostDeviceHad(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.profile("one")
		ids := w.create("one", 3)
		for _, id := range ids {
			w.must(w.bind(w.to("h", uuid.New()), id))
		}
		first, _ := w.sys.ARQ(ids[0])
		second, _ := w.sys.ARQ(ids[1])
		w.alter(vanishing(kindDevice), arqOf(ids[0], func(a *ARQ) { a.Binding.Handle.Info, a.UpdatedAt = second.Binding.Handle.Info, 1 }),
			handleOf(ids[2], func(h *heldHandle) *heldHandle {
				h.State, h.Holder, h.Undo = handleReleasing, uuid.Nil, undoMdev
				return h
			}),
			func(r persistence.Record) *persistence.Transition {
				if r.Key != arqKey(ids[2]) {
					return nil
				}
				return &persistence.Transition{Deletes: []persistence.Delete{{Key: r.Key, Expected: r.Generation}}}
			})
		r := plan(t, w.store, nil)
		kept := second.Binding.Handle.Info
		wantPlan(t, r, "arq/"+ids[0].String()+" (instance "+first.Binding.InstanceUUID.String()+") is BindFailed and shows no handle: "+kept+" on host h is arq/"+ids[1].String()+"'s", 1)
		wantPlan(t, r, "KEEP arq/"+ids[1].String(), 1)
		wantPlan(t, r, "on host h) is removed: its deployable", 1)
		wantPlan(t, r, "or free; what it was to be cleaned of stays on its host", 1)
		w.alter(handleOf(ids[0], heldBy(ids[2])))
		wantPlan(t, plan(t, w.store, nil), "or free; it was held by arq/"+ids[2].String()+" of instance ", 1)
		w.alter(handleOf(ids[2], heldBy(first.Binding.Handle.UUID)))
		wantPlan(t, plan(t, w.store, nil), "or free; it was held by nobody knows whom: see whether a guest has it", 1)
	})
}

// wantPlan wants a repair to say something, and to leave so many rules broken.
func wantPlan(t *testing.T, r *Repair, says string, broken int) {
	t.Helper()
	if !strings.Contains(r.String(), says) {
		t.Errorf("want %q of\n%s", says, r)
	}
	if len(r.Left.Violations) != broken {
		t.Errorf("left: %v", r.Left.Violations)
	}
}

// An ARQ that was deleted is back, and its handle's record as it was then: who was bound
// to that since keeps it, for his guest runs.
func TestRepairLeavesAHandleToWhoWasBoundLast(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		ids := w.create("one", 2)
		w.must(w.bind(w.to("h", instance), ids[0]))
		a, _ := w.sys.ARQ(ids[0])
		old := pileOf(t, w.store)
		<-time.After(time.Hour)
		w.must(w.removeInstance(instance))
		w.must(w.bind(w.to("h", another), ids[1]))
		left := pileOf(t, w.store)
		for _, key := range []persistence.Key{arqKey(ids[0]), handleKey(a.Binding.Handle.UUID)} {
			left[key] = old[key]
		}
		wantPlan(t, plan(t, left, nil), "arq/"+ids[0].String()+" (instance "+instance.String()+") is BindFailed", 0)
	})
}

// An ARQ that was deleted is back, and the handle's record names one that is lost. Its
// guest has the handle if it was made after the other one was bound; otherwise that
// may be, and it is said.
func TestRepairLeavesAHandleToWhoIsLostAndWasMadeLater(t *testing.T) {
	for _, earlier := range []bool{false, true} {
		inBubble(t, 1, func(w *world) {
			w.profile("one")
			ids := w.create("one", 2)
			id, late := ids[0], ids[1]
			w.must(w.bind(w.to("h", instance), id))
			made, _ := late.Time().UnixTime() // which is not the time in here: it never goes back
			w.alter(arqOf(id, func(a *ARQ) {
				if a.UpdatedAt = made - 1; earlier {
					a.UpdatedAt = made
				}
			}))
			old := pileOf(t, w.store)[arqKey(id)]
			w.crash()
			w.must(w.removeInstance(instance))
			w.must(w.bind(w.to("h", another), late))
			left := pileOf(t, w.store)
			left[arqKey(id)] = old
			delete(left, arqKey(late))
			r, names := plan(t, left, nil), "held by arq/"+late.String()+" of instance "+another.String()
			if earlier {
				wantPlan(t, r, names+", which is not on record, before or after", 0)
				return
			}
			wantPlan(t, r, "arq/"+id.String()+" (instance "+instance.String()+") is BindFailed", 1)
			wantPlan(t, r, names+", which is not on record; a guest may have it", 1)
			left = pileOf(t, r)
			wantPlan(t, plan(t, left, nil), "KEEP", 1)
		})
	}
}
