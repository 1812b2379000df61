package faulty_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/faulty"
	"github.com/arqd/arqd/persistence/memory"
	"github.com/arqd/arqd/persistence/storetest"
)

func put(n byte) persistence.Transition {
	return persistence.Transition{Puts: []persistence.Put{{Key: persistence.Key{Kind: "arq", ID: uuid.UUID{15: n}}, Body: []byte{n}}}}
}

func recovered(t *testing.T, store persistence.Store) {
	t.Helper()
	if err := store.Recover(context.Background(), func(persistence.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// The process is killed at the write that was named, and the write is there
// afterwards or not, as the moment says.
func TestKillsAtTheWriteThatWasNamed(t *testing.T) {
	for when, kept := range map[faulty.Moment]uint64{faulty.Before: 0, faulty.After: 1} {
		t.Run(string(when), func(t *testing.T) {
			behind := memory.New(memory.Options{})
			killed := int64(0)
			var store *faulty.Store
			store = faulty.New(behind, faulty.Faults{KillAt: 2, KillWhen: when}, func(persistence.Transition) {
				killed = store.Writes()
				fresh, err := behind.Fresh(context.Background(), []persistence.Key{put(2).Puts[0].Key})
				if err != nil || fresh[0].Generation != kept {
					t.Errorf("the write has generation %d (%v) when the process is killed %s it, want %d",
						fresh[0].Generation, err, when, kept)
				}
			})
			recovered(t, store)
			for n := range byte(3) {
				persistence.Apply(context.Background(), store, []persistence.Transition{put(n + 1)})
			}
			if killed != 2 {
				t.Errorf("killed at write %d, want 2", killed)
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Only writes of the kinds that were named count.
func TestKillsAtAWriteOfItsKinds(t *testing.T) {
	var killed []persistence.Transition
	store := faulty.New(memory.New(memory.Options{}), faulty.Faults{KillAt: 1, KillWhen: faulty.Before, KillOf: "delete:arq"},
		func(t persistence.Transition) { killed = append(killed, t) })
	recovered(t, store)
	for _, write := range []persistence.Transition{
		put(1), {Deletes: []persistence.Delete{{Key: put(1).Puts[0].Key, Expected: 1}}},
	} {
		persistence.Apply(context.Background(), store, []persistence.Transition{write})
	}
	if len(killed) != 1 || len(killed[0].Deletes) != 1 {
		t.Errorf("killed at %+v, want at the delete", killed)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// However slow, it is a store like any other.
func TestSlowStoreConforms(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Opener {
		var last *memory.Store
		return func(*testing.T) persistence.Store {
			var kept memory.Snapshot
			if last != nil {
				kept = last.Snapshot()
			}
			last = memory.New(memory.Options{Snapshot: kept})
			return faulty.New(last, faulty.Faults{SlowPercent: 20, SlowMost: time.Millisecond}, nil)
		}
	})
}

// Of the writes whose outcome it forgets some are done and some are not; what it
// tells is so.
func TestForgetsOutcomes(t *testing.T) {
	behind := memory.New(memory.Options{})
	store := faulty.New(behind, faulty.Faults{ForgetPercent: 50}, nil)
	recovered(t, store)
	found := map[persistence.Outcome][2]int{} // how many are not there, and are
	for n := range byte(200) {
		p := put(n)
		result := persistence.Apply(context.Background(), store, []persistence.Transition{p})[0]
		fresh, err := store.Fresh(context.Background(), []persistence.Key{p.Puts[0].Key})
		if err != nil {
			t.Fatal(err)
		}
		counts := found[result.Outcome]
		counts[fresh[0].Generation]++
		found[result.Outcome] = counts
	}
	unknown, won := found[persistence.Unknown], found[persistence.Won]
	if len(found) != 2 || unknown[0] < 20 || unknown[1] < 20 || won[0] != 0 || won[1] < 50 {
		t.Errorf("outcomes, each with those that are not there and those that are: %v", found)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	got, err := faulty.Parse("slow=10/20ms forget=3 other=5 kill=3/after/put:arq seed=7")
	want := faulty.Faults{
		SlowPercent: 10, SlowMost: 20 * time.Millisecond, ForgetPercent: 3,
		KillAt: 3, KillWhen: faulty.After, KillOf: "put:arq", Seed: 7,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"slow=x/1s", "slow=1/x", "forget=x", "kill=1", "kill=x/after", "seed=-1"} {
		if _, err := faulty.Parse(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// What a write is about is said by the kinds of its records.
func TestKinds(t *testing.T) {
	key := func(kind persistence.Kind) persistence.Key { return persistence.Key{Kind: kind} }
	got := faulty.Kinds(persistence.Transition{
		Puts:    []persistence.Put{{Key: key("handle")}, {Key: key("arq")}, {Key: key("handle")}},
		Deletes: []persistence.Delete{{Key: key("instance")}},
	})
	if want := "put:arq+handle,delete:instance"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
