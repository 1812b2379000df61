package badger

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/backup"
)

func all(t *testing.T, from backup.Source) (records []persistence.Record) {
	t.Helper()
	err := from.Each(t.Context(), func(r persistence.Record) error { records = append(records, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func restore(t *testing.T, dir string, b []byte) error {
	t.Helper()
	r, err := backup.Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Restore(t.Context(), Options{Dir: dir, MemTableSize: smallMemTable}, r.Each)
	return err
}

// TestBackupAndRestore: what comes back is what was there, with generations
// and claims, and is gone on with.
func TestBackupAndRestore(t *testing.T) {
	s := recovered(t, t.TempDir())
	for n := range 3000 {
		wins(t, s, create(n, 1000))
	}
	claimed := create(5000, 10)
	claimed.Puts[0].Claims = []persistence.Claim{{Space: "name", Value: "x"}}
	wins(t, s, claimed)
	update := create(1, 20)
	update.Puts[0].Expected = 1
	wins(t, s, update, persistence.Transition{Deletes: []persistence.Delete{{Key: key(2), Expected: 1}}})

	var b bytes.Buffer
	n, err := backup.Write(t.Context(), &b, backup.Head{}, s)
	if err != nil || n != 3000 {
		t.Fatalf("%d records, %v", n, err)
	}
	wins(t, s, create(6000, 10)) // after the backup
	dir := filepath.Join(t.TempDir(), "state", "store")
	if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := restore(t, dir, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	again := recovered(t, dir)
	r, err := backup.Open(&b)
	if err != nil {
		t.Fatal(err)
	}
	if want := all(t, r); !reflect.DeepEqual(all(t, again), want) {
		t.Error("the restored store differs from the backup")
	}
	claimed.Puts[0].Key = key(7000)
	if got := apply(t, again, claimed, update)[0].Outcome; got != persistence.Lost {
		t.Errorf("a claim of a restored record is given again: %v", got)
	}
	update.Puts[0].Expected = 2
	wins(t, again, update, create(2, 10))
}

// TestRestoreLeavesNothingHalfDone: a backup that turns out bad at its end, or
// a place that is taken.
func TestRestoreLeavesNothingHalfDone(t *testing.T) {
	s := recovered(t, t.TempDir())
	wins(t, s, create(1, 10), create(2, 10))
	var b bytes.Buffer
	if _, err := backup.Write(t.Context(), &b, backup.Head{}, s); err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "store")
	if err := restore(t, dir, b.Bytes()[:b.Len()-1]); !errors.Is(err, backup.ErrIncomplete) {
		t.Errorf("incomplete backup: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(parent, "*")); len(left) > 0 {
		t.Errorf("%q is left of a backup that was bad", left)
	}
	// What a restore that was killed leaves is in no restore's way; a start makes no empty store there.
	part := filepath.Join(parent, "store.restoring")
	if err := os.MkdirAll(filepath.Join(part, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "has not ended") || !strings.Contains(err.Error(), "remove "+part) {
			t.Errorf("a start after a restore that was killed: %v", err)
		}
	}
	if err := restore(t, dir, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := restore(t, dir, b.Bytes()); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into a store: %v", err)
	}
	again := recovered(t, dir)
	if got := again.Stats().Records; got != 2 {
		t.Errorf("%d records, want 2", got)
	}
}

// TestOneRestoreAtATime: a second one beside the first is refused, and takes
// nothing away from it.
func TestOneRestoreAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	opts := Options{Dir: dir, MemTableSize: smallMemTable}
	record := persistence.Record{Key: key(1), Generation: 1}
	var second error
	n, err := Restore(t.Context(), opts, func(ctx context.Context, visit func(persistence.Record) error) error {
		_, second = Restore(ctx, opts, func(context.Context, func(persistence.Record) error) error { return nil })
		return visit(record)
	})
	if n != 1 || err != nil || !errors.Is(second, ErrInUse) {
		t.Errorf("the first: %d records, %v; the second: %v, want ErrInUse", n, err, second)
	}
	if got := recovered(t, dir).Stats().Records; got != 1 {
		t.Errorf("%d records were restored, want 1", got)
	}
}

// TestRestoreLeavesAStartAlone: a service that has the empty directory in its
// hands keeps it.
func TestRestoreLeavesAStartAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	_, err = Restore(t.Context(), Options{Dir: dir, MemTableSize: smallMemTable},
		func(context.Context, func(persistence.Record) error) error { return nil })
	if !errors.Is(err, ErrInUse) {
		t.Errorf("%v, want ErrInUse", err)
	}
	if left, _ := filepath.Glob(dir + "*"); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

// TestRestoreIntoAnEmptyDirectory: one that is there already will do.
func TestRestoreIntoAnEmptyDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Restore(t.Context(), Options{Dir: dir, MemTableSize: smallMemTable},
		func(_ context.Context, visit func(persistence.Record) error) error {
			return visit(persistence.Record{Key: key(1), Generation: 1})
		})
	if err != nil {
		t.Fatal(err)
	}
	if got := recovered(t, dir).Stats().Records; got != 1 {
		t.Errorf("%d records were restored, want 1", got)
	}
}

// TestRestoreRefusesContradictions: two records with the claim of one.
func TestRestoreRefusesContradictions(t *testing.T) {
	claim := []persistence.Claim{{Space: "name", Value: "x"}}
	twice := func(_ context.Context, visit func(persistence.Record) error) error {
		return errors.Join(
			visit(persistence.Record{Key: key(1), Generation: 1, Claims: claim}),
			visit(persistence.Record{Key: key(2), Generation: 1, Claims: claim}))
	}
	dir := filepath.Join(t.TempDir(), "store")
	_, err := Restore(t.Context(), Options{Dir: dir, MemTableSize: smallMemTable}, twice)
	if !errors.Is(err, persistence.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}

// TestRestoreWhereALinkLeads: the store may lie elsewhere, on a larger disk.
func TestRestoreWhereALinkLeads(t *testing.T) {
	one := func(_ context.Context, visit func(persistence.Record) error) error {
		return visit(persistence.Record{Key: key(1), Generation: 1})
	}
	large, dir := filepath.Join(t.TempDir(), "large"), filepath.Join(t.TempDir(), "store")
	if err := os.Symlink(large, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), Options{Dir: dir, MemTableSize: smallMemTable}, one); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	if err := os.Mkdir(large, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), Options{Dir: dir, MemTableSize: smallMemTable}, one); err != nil {
		t.Fatal(err)
	}
	if link, err := os.Readlink(dir); err != nil || link != large {
		t.Errorf("the link leads to %q, %v", link, err)
	}
	if got := recovered(t, dir).Stats().Records; got != 1 {
		t.Errorf("%d records were restored, want 1", got)
	}
}
