package integrity

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// database makes a directory with a record in each of some tables.
func database(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, key := range []string{"a", "b", "c"} {
		db := openBadger(t, dir)
		set(t, db, key)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWholeDirectoryIsAccepted(t *testing.T) {
	for name, dir := range map[string]string{"empty": t.TempDir(), "database": database(t)} {
		if err := Check(dir, silent); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryFlipIsRefused changes each byte of the files of which each byte
// counts.
func TestEveryFlipIsRefused(t *testing.T) {
	dir := database(t)
	for file, from := range map[string]int{"MANIFEST": 0, "000001.sst": 0, "000002.sst": 0, "KEYREGISTRY": 16} {
		name := filepath.Join(dir, file)
		good := read(t, name)
		for at := from; at < len(good); at++ {
			for _, flip := range []byte{1, 0x80, 0xff} {
				bad := bytes.Clone(good)
				bad[at] ^= flip
				write(t, name, bad)
				if d, ok := errors.AsType[*Damage](Check(dir, silent)); !ok || d.File != file {
					t.Fatalf("%s at %d changed by %x: %v", file, at, flip, d)
				}
			}
		}
		write(t, name, good)
	}
}

func TestMissingFiles(t *testing.T) {
	for _, file := range []string{"MANIFEST", "000002.sst"} {
		dir := database(t)
		if err := os.Remove(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
		refused(t, Check(dir, silent), file, "is missing")
	}
}

func TestCutTables(t *testing.T) {
	dir := database(t)
	name := filepath.Join(dir, "000001.sst")
	good := read(t, name)
	for length := range good {
		write(t, name, good[:length])
		if d, ok := errors.AsType[*Damage](Check(dir, silent)); !ok || d.File != "000001.sst" {
			t.Fatalf("cut to %d bytes: %v", length, d)
		}
	}
}

// TestManifestMayEndInACrash: the last change may be cut short, nothing else.
func TestManifestMayEndInACrash(t *testing.T) {
	dir := database(t)
	b := read(t, filepath.Join(dir, "MANIFEST"))
	last := manifestHeader
	for at := last; at < len(b); {
		last = at
		length, _ := changeAt(b, at)
		at += changeHeader + length
	}
	for at := last; at < len(b); at++ {
		if err := checkManifest(b[:at]); err != nil {
			t.Errorf("cut at %d: %v", at, err)
		}
	}
	for at := manifestHeader; at < last; at++ {
		bad := bytes.Clone(b)
		for i := at; i < at+changeHeader && i < last; i++ {
			bad[i] = 0x7e
		}
		if err := checkManifest(bad); err == nil {
			t.Errorf("8 bytes changed at %d are not found", at)
		}
	}
}

// TestPanicIsDamage: what a library makes of nonsense ends no process.
func TestManifestOfZerosIsLinear(t *testing.T) {
	b := append([]byte("Bdgr\x00\x00\x00\x08"), make([]byte, 4<<20)...)
	if err := checkManifest(b); err != nil { // after hours, were the rest searched at each zero
		t.Error(err)
	}
}

func TestPanicIsDamage(t *testing.T) {
	err := guarded("x.sst", func() error { panic("slice out of range") })
	refused(t, err, "x.sst", "slice out of range")
}

// TestAListCutBetweenTwoChanges: what is left of it is whole, and Badger deletes
// the tables that it does not name.
func TestAListCutBetweenTwoChanges(t *testing.T) {
	dir := database(t)
	name := filepath.Join(dir, manifestName)
	good := read(t, name)
	cuts := 0
	for at := manifestHeader; at < len(good); {
		write(t, name, good[:at])
		if d, ok := errors.AsType[*Damage](Check(dir, silent)); !ok {
			t.Errorf("cut to %d of %d: %v", at, len(good), d)
		}
		cuts++
		length, _ := changeAt(good, at)
		at += changeHeader + length
	}
	write(t, name, good)
	if err := Check(dir, silent); err != nil || cuts < 4 {
		t.Errorf("%d cuts, and without: %v", cuts, err)
	}
}

// TestATableThatIsNotListedYet: the log that it was made of is still there, or it
// is not complete.
func TestATableThatIsNotListedYet(t *testing.T) {
	dir := t.TempDir()
	db := openBadger(t, dir)
	for _, key := range []string{"a", "b"} {
		set(t, db, key)
	}
	log := read(t, filepath.Join(dir, "00001.mem"))
	list := read(t, filepath.Join(dir, manifestName))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "00001.mem"), log)
	write(t, filepath.Join(dir, manifestName), list)
	if err := Check(dir, silent); err != nil {
		t.Error(err)
	}
	table := read(t, filepath.Join(dir, "000001.sst"))
	write(t, filepath.Join(dir, "000001.sst"), table[:len(table)/2])
	if err := Check(dir, silent); err != nil {
		t.Error(err)
	}
}
