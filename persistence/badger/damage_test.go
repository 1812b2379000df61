package badger

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// tamper changes what Badger holds behind the store's back.
func tamper(t *testing.T, dir string, change func(*badgerdb.Txn) error) {
	t.Helper()
	db, err := badgerdb.Open(Options{Dir: dir, MemTableSize: smallMemTable}.engine(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(change); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// written makes a directory with n records.
func written(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	s := recovered(t, dir)
	for i := range n {
		wins(t, s, create(i, 100))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDamagedRecordsAreNamedAndNeverReturned(t *testing.T) {
	bad := appendKey(nil, key(1))
	for name, change := range map[string]func(*badgerdb.Txn) error{
		"bit flipped": func(txn *badgerdb.Txn) error {
			item, err := txn.Get(bad)
			if err != nil {
				return err
			}
			value, err := item.ValueCopy(nil)
			value[10] ^= 4
			return errors.Join(err, txn.Set(bad, value))
		},
		"empty": func(txn *badgerdb.Txn) error { return txn.Set(bad, nil) },
		"value of another record": func(txn *badgerdb.Txn) error {
			item, err := txn.Get(appendKey(nil, key(2)))
			if err != nil {
				return err
			}
			value, err := item.ValueCopy(nil)
			return errors.Join(err, txn.Set(bad, value))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 3)
			tamper(t, dir, change)
			s := openDir(t, dir)
			visits := 0
			err := s.Recover(t.Context(), func(persistence.Record) error { visits++; return nil })
			if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), key(1).String()) || visits != 1 {
				t.Errorf("recover: %v after %d visits; want an ErrCorrupt that names %s after 1", err, visits, key(1))
			}
			if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, persistence.ErrCorrupt) {
				t.Errorf("load: %v, want ErrCorrupt", err)
			}
			if _, err := s.Load(t.Context(), key(2)); err != nil {
				t.Errorf("load of a good one: %v", err)
			}
			if r := apply(t, s, create(9, 0))[0]; !errors.Is(r.Err, persistence.ErrUnavailable) {
				t.Errorf("write: %v (%v), want lost with ErrUnavailable", r.Outcome, r.Err)
			}
		})
	}
}

func TestRecordsThatCannotBeTogether(t *testing.T) {
	claim := []persistence.Claim{{Space: "handle", Value: "h1"}}
	for name, test := range map[string]struct {
		change func(*badgerdb.Txn) error
		want   string
	}{
		"unknown key": {func(txn *badgerdb.Txn) error { return txn.Set([]byte("r/arq/short"), nil) }, "short"},
		"claim held twice": {func(txn *badgerdb.Txn) error {
			var errs []error
			for n := range 2 {
				k := appendKey(nil, key(n))
				errs = append(errs, txn.Set(k, appendEnvelope(nil, k, &persistence.Put{Claims: claim})))
			}
			return errors.Join(errs...)
		}, "handle=h1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 3)
			tamper(t, dir, test.change)
			err := openDir(t, dir).Recover(t.Context(), func(persistence.Record) error { return nil })
			if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want an ErrCorrupt that names %s", err, test.want)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*badgerdb.Txn) error
		corrupt bool
		want    string
	}{
		"newer":   {func(txn *badgerdb.Txn) error { return txn.Set([]byte(formatKey), []byte("3")) }, false, "format 3, this arqd knows up to 2"},
		"garbled": {func(txn *badgerdb.Txn) error { return txn.Set([]byte(formatKey), []byte("?")) }, true, "is damaged"},
		"missing": {func(txn *badgerdb.Txn) error { return txn.Delete([]byte(formatKey)) }, false, "not arqd's"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 1)
			tamper(t, dir, test.change)
			_, err := Open(Options{Dir: dir, MemTableSize: smallMemTable})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) ||
				errors.Is(err, persistence.ErrCorrupt) != test.corrupt {
				t.Errorf("%v, want a sentence with %q and the directory", err, test.want)
			}
		})
	}
}

// TestNothingIsLeftWithARefusedStore: whoever it belongs to finds no file of ours
// in it.
func TestNothingIsLeftWithARefusedStore(t *testing.T) {
	for name, change := range map[string]func(*badgerdb.Txn) error{
		"another program's": func(txn *badgerdb.Txn) error {
			return errors.Join(txn.Delete([]byte(formatKey)), txn.Delete([]byte(keptKey)))
		},
		"a newer arqd's": func(txn *badgerdb.Txn) error {
			return errors.Join(txn.Set([]byte(formatKey), []byte("3")), txn.Delete([]byte(keptKey)))
		},
		"damaged": func(txn *badgerdb.Txn) error {
			return errors.Join(txn.Set([]byte(formatKey), []byte("?")), txn.Delete([]byte(keptKey)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 1)
			tamper(t, dir, change)
			if err := os.Remove(filepath.Join(dir, latestName)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(Options{Dir: dir, MemTableSize: smallMemTable}); err == nil {
				t.Fatal("opened")
			}
			for file := range take(t, dir) {
				if strings.HasPrefix(file, latestName) {
					t.Errorf("%s is left", file)
				}
			}
		})
	}
}

// findFile returns the first file in dir with the ending.
func findFile(t *testing.T, dir, ending string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil || len(names) == 0 {
		t.Fatalf("no file *%s in %s (%v)", ending, dir, err)
	}
	return names[0]
}

// overwrite changes bytes of a file from an offset on.
func overwrite(t *testing.T, name string, offset int, with []byte) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[offset:], with)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFilesAreFoundWhenOpened opens in a process of its own, because
// Badger leaves goroutines behind when it does not like its files.
func TestDamagedFilesAreFoundWhenOpened(t *testing.T) {
	for name, damage := range map[string]func(*testing.T, string){
		"list of tables begins with nonsense": func(t *testing.T, dir string) {
			t.Helper()
			overwrite(t, filepath.Join(dir, "MANIFEST"), 0, []byte("nonsense"))
		},
		"table missing": func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(findFile(t, dir, ".sst")); err != nil {
				t.Fatal(err)
			}
		},
		"table with a damaged block": func(t *testing.T, dir string) {
			t.Helper()
			overwrite(t, findFile(t, dir, ".sst"), 64, bytes.Repeat([]byte{0xa5}, 16))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 200)
			damage(t, dir)
			said := outputOfChild(t, "open", dir)
			if !strings.HasPrefix(said, "ErrCorrupt: state directory "+dir+" is damaged: ") || strings.Contains(said, "\n") {
				t.Errorf("%q, want a sentence about damage", said)
			}
		})
	}
}

func TestEmptyLogFilesOfAKilledProcessAreRemoved(t *testing.T) {
	dir := written(t, 3)
	for _, name := range []string{"00009.mem", "000009.vlog"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := recovered(t, dir)
	if got := s.Stats().Records; got != 3 {
		t.Errorf("%d records, want 3", got)
	}
	wins(t, s, create(9, 0))
}

// TestAPageThatCannotBeRead: a bad sector under a store in use, or a file that was
// cut, fails the read that needs it, and not the process.
func TestAPageThatCannotBeRead(t *testing.T) {
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
	awaitFlush(t, dir)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%q, %v", tables, err)
	}
	for _, table := range tables {
		if err := os.Truncate(table, 4096); err != nil {
			t.Fatal(err)
		}
	}
	err = s.Each(t.Context(), func(persistence.Record) error { return nil })
	if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v, want ErrCorrupt", err)
	}
	wins(t, s, create(1<<20, 10))
	if r, err := s.Load(t.Context(), key(1<<20)); err != nil || r.Generation != 1 {
		t.Errorf("what is not in those files: %+v, %v", r, err)
	}
}

// TestAPageThatCannotBeReadAtAStart: so it is where a start reads, which does so beside
// what it does with the records.
func TestAPageThatCannotBeReadAtAStart(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, MemTableSize: minMemTable})
	if err != nil {
		t.Fatal(err)
	}
	admit(t, s)
	for n := range bulkNumber {
		wins(t, s, bulk(n, bulkRecords))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(Options{Dir: dir, MemTableSize: minMemTable})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%q, %v", tables, err)
	}
	for _, table := range tables {
		if err := os.Truncate(table, 4096); err != nil {
			t.Fatal(err)
		}
	}
	err = s.Recover(t.Context(), func(persistence.Record) error { return nil })
	if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}
