package badger

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// killed makes a directory as a killed process leaves it: with so many batches in
// the log, and the log as it was before the last of them.
func killed(t *testing.T, batches int) (files image, before content, log string) {
	t.Helper()
	dir := t.TempDir()
	s := recovered(t, dir)
	defer s.Close()
	for n := range batches {
		log = lastLog(t, dir)
		before = take(t, dir)[filepath.Base(log)]
		wins(t, s, create(n, 100))
	}
	return take(t, dir), before, filepath.Base(log)
}

// TestLostChangesAreFound: in each of these Badger's files are sound.
func TestLostChangesAreFound(t *testing.T) {
	files, before, log := killed(t, 3)
	for name, lose := range map[string]func(image){
		"the log is gone":                  func(files image) { delete(files, log) },
		"the log is empty":                 func(files image) { files[log] = content{} },
		"it ends before the last batch":    func(files image) { files[log] = before },
		"the last batch cannot be read":    func(files image) { files[log] = cut(files[log], 20) },
		"the last byte of it is gone":      func(files image) { files[log] = cut(files[log], 1) },
		"the note has a slot that is torn": func(files image) { files[log] = before; files[latestName] = torn(files[latestName]) },
	} {
		t.Run(name, func(t *testing.T) {
			lost, dir := clone(files), filepath.Join(t.TempDir(), "state")
			lose(lost)
			lost.put(t, dir)
			_, err := recordsOf(dir)
			if name == "the note has a slot that is torn" { // then the one before it counts
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), "the last changes are missing; restore the directory from a backup, or rename this file to LATEST.lost and lose them") {
				t.Fatalf("%v", err)
			}
			giveUp(t, dir)
			if n, err := recordsOf(dir); n >= 3 || err != nil {
				t.Errorf("with the file renamed: %d records, %v", n, err)
			}
			if n, err := recordsOf(dir); n >= 3 || err != nil {
				t.Errorf("once more: %d records, %v", n, err)
			}
		})
	}
}

// TestLostChangesAreFoundWhateverTheDirectoryIsCalled: its name is no pattern.
func TestLostChangesAreFoundWhateverTheDirectoryIsCalled(t *testing.T) {
	files, before, log := killed(t, 3)
	for _, name := range []string{"[state]", "state["} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			files.put(t, dir)
			if n, err := recordsOf(dir); n != 3 || err != nil {
				t.Fatalf("%d records, %v", n, err)
			}
			lost, dir := clone(files), filepath.Join(t.TempDir(), name)
			lost[log] = before
			lost.put(t, dir)
			if _, err := recordsOf(dir); !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), "the last changes are missing") {
				t.Error(err)
			}
		})
	}
}

// giveUp renames the note as who runs arqd does who goes on with what is left.
func giveUp(t *testing.T, dir string) {
	t.Helper()
	if err := os.Rename(filepath.Join(dir, latestName), filepath.Join(dir, latestGiven)); err != nil {
		t.Fatal(err)
	}
}

// TestTheNoteIsLostAsWell: what Badger's files do not show, and nobody notes any
// more.
func TestTheNoteIsLostAsWell(t *testing.T) {
	files, before, log := killed(t, 3)
	for name, lose := range map[string]func(image){
		"nothing else is":              func(image) {},
		"with the log":                 func(files image) { delete(files, log) },
		"with what is in the log":      func(files image) { files[log] = content{} },
		"with the end of the log":      func(files image) { files[log] = before },
		"with a part of a transaction": func(files image) { files[log] = cut(files[log], 20) },
	} {
		t.Run(name, func(t *testing.T) {
			lost, dir := clone(files), filepath.Join(t.TempDir(), "state")
			delete(lost, latestName)
			lose(lost)
			lost.put(t, dir)
			for range 2 { // the second start finds out as well
				_, err := recordsOf(dir)
				if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), "file LATEST is missing") ||
					!strings.Contains(err.Error(), "; restore the directory from a backup, or make a file LATEST.lost there to go on with what is left") {
					t.Fatalf("%v", err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, latestGiven), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			kept, err := recordsOf(dir)
			if name == "nothing else is" && kept != 3 || err != nil {
				t.Errorf("given up: %d records, %v", kept, err)
			}
			if n, err := recordsOf(dir); n != kept || err != nil {
				t.Errorf("once more: %d records, %v", n, err)
			}
			if err := os.Remove(filepath.Join(dir, latestName)); err != nil {
				t.Fatal(err)
			}
			if _, err := recordsOf(dir); !errors.Is(err, persistence.ErrCorrupt) { // what was given up then is no excuse now
				t.Errorf("lost again: %v", err)
			}
		})
	}
}

// TestAStartThatFailsIsNoLoss: a first start that ends at any file, or gives up,
// leaves nothing that the next one takes for damage.
func TestAStartThatFailsIsNoLoss(t *testing.T) {
	dir := t.TempDir()
	if err := prepare(Options{Dir: dir, MemTableSize: smallMemTable}.withDefaults()); err != nil {
		t.Fatal(err)
	}
	states := []image{take(t, dir)}
	db, err := badgerdb.Open(Options{Dir: dir, MemTableSize: smallMemTable}.engine(nil))
	if err != nil {
		t.Fatal(err)
	}
	begun := take(t, dir)
	for _, name := range []string{"KEYREGISTRY", "MANIFEST", "00001.mem", "000001.vlog", "DISCARD"} {
		next := clone(states[len(states)-1])
		next[name] = begun[name]
		states = append(states, next)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, files := range append(states, take(t, dir)) {
		dir := filepath.Join(t.TempDir(), "state")
		files.put(t, dir)
		if _, err := recordsOf(dir); err != nil {
			t.Errorf("after %v: %v", slices.Sorted(maps.Keys(files)), err)
		}
	}
}

// TestAStoreThatKeptNoNote gets one at its next start, and misses it from then on.
func TestAStoreThatKeptNoNote(t *testing.T) {
	dir := written(t, 3)
	tamper(t, dir, func(txn *badgerdb.Txn) error { return txn.Delete([]byte(keptKey)) })
	note := filepath.Join(dir, latestName)
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	if n, err := recordsOf(dir); n != 3 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	if _, err := recordsOf(dir); !errors.Is(err, persistence.ErrCorrupt) {
		t.Errorf("without it: %v", err)
	}
}

func clone(files image) image {
	all := image{}
	for name, c := range files {
		all[name] = content{bytes.Clone(c.used), c.length}
	}
	return all
}

func cut(c content, bytes int) content { return content{c.used[:len(c.used)-bytes], c.length} }

// torn spoils the newer slot.
func torn(c content) content {
	whole := append(bytes.Clone(c.used), make([]byte, int(c.length)-len(c.used))...)
	first, _ := decodeLatest(whole[:latestSlot])
	second, _ := decodeLatest(whole[latestSlot:])
	at := 0
	if second > first {
		at = latestSlot
	}
	whole[at] ^= 1
	return content{whole, c.length}
}

// TestWhatIsNotNotedIsKept: a process may be killed between a batch and the note.
func TestWhatIsNotNotedIsKept(t *testing.T) {
	files, _, _ := killed(t, 3)
	dir := filepath.Join(t.TempDir(), "state")
	files[latestName] = content{encodeLatest(1), latestSlot}
	files.put(t, dir)
	if n, err := recordsOf(dir); n != 3 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}

// TestAnUnreadableNote: nobody knows what it said.
func TestAnUnreadableNote(t *testing.T) {
	for name, bad := range map[string]content{
		"zeros": {nil, 2 * latestSlot}, "empty": {}, "text": {[]byte("whatever it may be"), 18},
	} {
		t.Run(name, func(t *testing.T) {
			files, _, _ := killed(t, 1)
			dir := filepath.Join(t.TempDir(), "state")
			files[latestName] = bad
			files.put(t, dir)
			_, err := recordsOf(dir)
			if !errors.Is(err, persistence.ErrCorrupt) || !strings.Contains(err.Error(), "file LATEST is damaged; restore the directory from a backup, or rename this file to LATEST.lost to go on with what is left") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestTheNoteFollowsEveryStart: what was written in an earlier one counts.
func TestTheNoteFollowsEveryStart(t *testing.T) {
	dir := written(t, 3)
	for n := range 3 {
		s := recovered(t, dir)
		wins(t, s, create(10+n, 10))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, latestName))
	version, ok := decodeLatest(b)
	if err != nil || !ok || version < 6 {
		t.Errorf("version %d is noted (%v, %v)", version, ok, err)
	}
}
