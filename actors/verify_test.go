package actors

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// all gives the records of a world as they are now.
func (w *world) all() records {
	var all records
	w.must(w.store.Each(context.Background(), func(r persistence.Record) error {
		all = append(all, r)
		return nil
	}))
	return all
}

// change gives the records with the first of a kind changed, or left out. Of the
// handles it is one that is taken.
func (s records) change(kind persistence.Kind, how func(*persistence.Record) (kept bool)) records {
	changed := slices.Clone(s)
	i := slices.IndexFunc(changed, func(r persistence.Record) bool {
		return r.Key.Kind == kind && (kind != kindHandle || len(r.Claims) > 0)
	})
	if !how(&changed[i]) {
		return slices.Delete(changed, i, i+1)
	}
	return changed
}

// TestVerifyFindsWhatIsWrong: one thing at a time, in records that keep all rules.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.inventory("g", 2)
		w.profile("one")
		w.must(w.bind(w.to("h", instance), w.create("one", 1)[0]))
		w.must(w.bind(w.to("h", another), w.create("one", 1)[0]))
		sound := w.all()
		w.wantViolation("nothing", sound, "")

		gone := func(*persistence.Record) bool { return false }
		unclaimed := func(r *persistence.Record) bool { r.Claims = nil; return true }
		for _, c := range []struct {
			what, want string
			records    records
		}{
			{"an ARQ that is gone", "which does not exist", sound.change(kindARQ, gone)},
			{"a handle that is gone", "which it does not hold", sound.change(kindHandle, gone)},
			{"an instance that is gone", "and is in the record of 00000000-0000-0000-0000-000000000000", sound.change(kindInstance, gone)},
			{"a profile that is gone", "was made from the device profile", sound.change(kindProfile, gone)},
			{"a device that is gone", "is of the deployable", sound.change(kindDevice, gone)},
			{"numbers that are gone", "but the sequence stands at 0", sound.change(kindSequence, gone)},
			{"a handle that claims nothing", "its state calls for", sound.change(kindHandle, unclaimed)},
			{"a device that claims nothing", "its state calls for", sound.change(kindDevice, unclaimed)},
			{"a profile that claims nothing", "its state calls for", sound.change(kindProfile, unclaimed)},
			{"an ARQ that claims something", "its state calls for", sound.change(kindARQ, func(r *persistence.Record) bool {
				r.Claims = []persistence.Claim{{Space: claimProfileName, Value: "x"}}
				return true
			})},
			{"a claim of two", "as does profile/", append(slices.Clone(sound), sound.twin(kindProfile))},
			{"a body that is cut off", "record body", sound.change(kindARQ, func(r *persistence.Record) bool {
				r.Body = r.Body[:len(r.Body)-1]
				return true
			})},
			{"a strange kind", "a kind of record that this version does not know", append(slices.Clone(sound), persistence.Record{
				Key: persistence.Key{Kind: "later", ID: uuid.New()}, Generation: 1,
			})},
		} {
			w.wantViolation(c.what, c.records, c.want)
		}
	})
}

// twin gives the first record of a kind once more, under another key.
func (s records) twin(kind persistence.Kind) (twin persistence.Record) {
	s.change(kind, func(r *persistence.Record) bool {
		twin = *r
		return true
	})
	twin.Key.ID = uuid.New()
	return twin
}

func (w *world) wantViolation(what string, of records, want string) {
	w.t.Helper()
	report, err := Verify(context.Background(), of)
	w.must(err)
	said := strings.Join(report.Violations, "; ")
	if want == "" && said != "" || !strings.Contains(said, want) {
		w.t.Errorf("%s: found %q, want %q", what, said, want)
	}
}
