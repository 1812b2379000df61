package test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger"
)

// TestDumpGoesOnAtAnUnknownKind: it prints such a record raw and all others as
// ever, and says at the end that it did not understand all.
func TestDumpGoesOnAtAnUnknownKind(t *testing.T) {
	n := newNode(t, nil)
	n.prefill(20)
	want := dumped(t, n.store("dump"))
	s, err := badger.Open(badger.Options{Dir: filepath.Join(n.state(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context(), func(persistence.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	strange := persistence.Put{Key: persistence.Key{Kind: "later", ID: uuid.New()}, Body: []byte{1, 2, 3}}
	first := strange
	first.Key.Kind = "aaa" // before all others
	r := persistence.Apply(t.Context(), s, []persistence.Transition{{Puts: []persistence.Put{first, strange}}})
	if r[0].Outcome != persistence.Won {
		t.Fatal(r)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got := n.storeCommand("dump")
	found := dumped(t, got.stdout)
	if got.code != 1 || !strings.Contains(got.stderr, "2 records are not understood") || strings.Count(got.stdout, `"raw":"AQID"`) != 2 {
		t.Errorf("exit code %d, %s\n%s", got.code, got.stderr, got.stdout)
	}
	if len(found) != len(want)+2 {
		t.Errorf("%d records, want %d", len(found), len(want)+2)
	}
	for key, line := range want {
		if found[key] != line {
			t.Errorf("%s became %s", line, found[key])
		}
	}
}
