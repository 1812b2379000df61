package badger

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// TestSalvageOfASoundStore finds what is there, no more and no less, and
// changes nothing.
func TestSalvageOfASoundStore(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, MemTableSize: minMemTable})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	admit(t, s)
	for n := range bulkNumber {
		wins(t, s, bulk(n, bulkRecords))
	}
	update := bulk(3, 1)
	update.Puts[0].Expected = 1
	wins(t, s, update, persistence.Transition{Deletes: []persistence.Delete{{Key: bulk(4, 1).Puts[0].Key, Expected: 1}}})
	awaitFlush(t, dir)
	want := all(t, s)
	copied := filepath.Join(t.TempDir(), "state")
	take(t, dir).put(t, copied)
	before := take(t, copied)
	got, err := Salvage(copied)
	if err != nil || len(got.Lost) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if !reflect.DeepEqual(all(t, got), want) {
		t.Errorf("%d records salvaged differ from the %d of the store", got.Records(), len(want))
	}
	if !reflect.DeepEqual(take(t, copied), before) {
		t.Error("the files were changed")
	}
}

// TestSalvageOfADamagedStore damages a file: what is found is what was
// written, and it is said that something is lost, and where.
func TestSalvageOfADamagedStore(t *testing.T) {
	files, dir := crashImage(t), filepath.Join(t.TempDir(), "state")
	files.put(t, dir)
	whole, err := Salvage(dir)
	if err != nil {
		t.Fatal(err)
	}
	written := map[persistence.Key]persistence.Record{}
	for _, r := range all(t, whole) {
		written[r.Key] = r
	}
	random := rand.New(rand.NewPCG(5, 9))
	for name, c := range files {
		if ext := filepath.Ext(name); ext != ".sst" && ext != ".mem" && name != "MANIFEST" {
			continue
		}
		for range 8 {
			files.put(t, dir)
			at := random.IntN(len(c.used) * 9 / 10)
			invert(t, filepath.Join(dir, name), at, byte(1+random.IntN(255)))
			got, err := Salvage(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range all(t, got) {
				if !reflect.DeepEqual(written[r.Key], r) {
					t.Fatalf("%s at %d: %s is not what was written", name, at, r.Key)
				}
			}
			named := slices.ContainsFunc(got.Lost, func(s string) bool { return strings.Contains(s, name) })
			if int(got.Records()) < len(written) && !named {
				t.Errorf("%s at %d: %d of %d records, and lost is %q", name, at, got.Records(), len(written), got.Lost)
			}
			if got.Records() == 0 {
				t.Errorf("%s at %d: nothing is found", name, at)
			}
		}
	}
}

func TestSalvageOfAStoreInUse(t *testing.T) {
	dir := t.TempDir()
	recovered(t, dir)
	if _, err := Salvage(dir); err == nil || !strings.Contains(err.Error(), "already uses") {
		t.Errorf("%v, want in use", err)
	}
	if _, err := Salvage(filepath.Join(dir, "not")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want no such directory", err)
	}
}

// TestSalvageSaysThatTheEndIsLost, though the files that are left agree with
// each other.
func TestSalvageSaysThatTheEndIsLost(t *testing.T) {
	files, before, log := killed(t, 3)
	for name, c := range map[string]struct {
		lose func(image)
		want string
	}{
		"nothing":                        {func(image) {}, ""},
		"the log":                        {func(files image) { delete(files, log) }, "LATEST tells of batch"},
		"the last batch":                 {func(files image) { files[log] = before }, "LATEST tells of batch"},
		"the note":                       {func(files image) { delete(files, latestName) }, "LATEST is missing"},
		"the note, and the last batch":   {func(files image) { files[log] = before; delete(files, latestName) }, "LATEST is missing"},
		"the note, and all that it told": {func(files image) { delete(files, log); delete(files, latestName) }, "LATEST is missing"},
		"what the note says":             {func(files image) { files[latestName] = content{} }, "LATEST is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			lost, dir := clone(files), filepath.Join(t.TempDir(), "state")
			c.lose(lost)
			lost.put(t, dir)
			got, err := Salvage(dir)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" && len(got.Lost) > 0 || c.want != "" && !slices.ContainsFunc(got.Lost, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("%d of 3 records found, lost: %q, want %q", got.Records(), got.Lost, c.want)
			}
		})
	}
}

// TestSalvageOfAStoreThatKeptNoNote: one of the first format misses none.
func TestSalvageOfAStoreThatKeptNoNote(t *testing.T) {
	dir := t.TempDir()
	s := recovered(t, dir)
	wins(t, s, create(1, 10))
	err := s.db.Update(func(txn *badgerdb.Txn) error {
		return errors.Join(txn.Delete([]byte(keptKey)), txn.Delete([]byte(tallyKey)), txn.Set([]byte(formatKey), []byte("1")))
	})
	if err := errors.Join(err, s.Close(), os.Remove(filepath.Join(dir, latestName))); err != nil {
		t.Fatal(err)
	}
	if got, err := Salvage(dir); err != nil || got.Records() != 1 || len(got.Lost) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestSalvageOfNoStore: what has none has lost nothing, and is not taken for an
// empty one.
func TestSalvageOfNoStore(t *testing.T) {
	dir := t.TempDir()
	if _, err := Salvage(dir); err == nil || !strings.Contains(err.Error(), "there is no store in "+dir) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Salvage(dir); err == nil || !strings.Contains(err.Error(), "there is no store in "+dir) {
		t.Errorf("with another file: %v", err)
	}
}

// TestSalvageOfANewerStore: what its records mean is not known here.
func TestSalvageOfANewerStore(t *testing.T) {
	dir := t.TempDir()
	s := recovered(t, dir)
	err := s.db.Update(func(txn *badgerdb.Txn) error { return txn.Set([]byte(formatKey), []byte("3")) })
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Salvage(dir); err == nil || !strings.Contains(err.Error(), "is of a newer arqd (format 3, this arqd knows up to 2)") {
		t.Errorf("%v", err)
	}
}

// TestATableThatIsInTheListOnly: a disk that failed once, as the list of tables was
// synced, leaves that. No record is lost, which a salvage shows.
func TestATableThatIsInTheListOnly(t *testing.T) {
	dir := t.TempDir()
	s := recovered(t, dir)
	wins(t, s, create(1, 10), create(2, 10))
	files := take(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files[badgerdb.ManifestFilename] = take(t, dir)[badgerdb.ManifestFilename]
	dir = filepath.Join(t.TempDir(), "state")
	files.put(t, dir)
	if _, err := recordsOf(dir); err == nil || !strings.Contains(err.Error(), "000001.sst is missing") || !strings.Contains(err.Error(), "--salvage") {
		t.Errorf("opened: %v", err)
	}
	got, err := Salvage(dir)
	if err != nil || got.Records() != 2 || len(got.Lost) != 1 || !strings.Contains(got.Lost[0], "000001.sst is missing") {
		t.Errorf("%+v, %v", got, err)
	}
}
