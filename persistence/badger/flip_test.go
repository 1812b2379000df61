package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/arqd/arqd/persistence"
)

// image is what is in the files of a directory: the bytes up to the last that
// is not zero, and the length.
type image map[string]content

type content struct {
	used   []byte
	length int64
}

func take(tb testing.TB, dir string) image {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		tb.Fatal(err)
	}
	files := make(image)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		files[filepath.Base(name)] = content{bytes.TrimRight(b, "\x00"), int64(len(b))}
	}
	return files
}

// put makes a directory of the image, and of nothing else.
func (files image) put(tb testing.TB, dir string) {
	tb.Helper()
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		tb.Fatal(err)
	}
	for name, c := range files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, c.used, 0o600), os.Truncate(name, c.length)); err != nil {
			tb.Fatal(err)
		}
	}
}

// bulk is a transition of so many records, which no other one of it has.
func bulk(number, records int) persistence.Transition {
	var t persistence.Transition
	for i := range records {
		p := create(number*100+i, 9000).Puts[0]
		for j := range p.Body {
			p.Body[j] = byte(number + i + j)
		}
		t.Puts = append(t.Puts, p)
	}
	return t
}

const (
	bulkRecords = 10
	bulkNumber  = 40
)

// crashImage is what a killed process leaves: tables, the log whose records
// were just flushed to a table but which was not removed yet, and the last log,
// which ends with three small transactions.
func crashImage(t *testing.T) image {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, MemTableSize: minMemTable})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	admit(t, s)
	kept, newest := content{}, ""
	for n := range bulkNumber {
		before := lastLog(t, dir)
		b, err := os.ReadFile(before)
		if err != nil {
			t.Fatal(err)
		}
		wins(t, s, bulk(n, bulkRecords))
		if after := lastLog(t, dir); after != before {
			kept, newest = content{bytes.TrimRight(b, "\x00"), int64(len(b))}, before
		}
	}
	for n := range 3 {
		wins(t, s, create(1_000_000+n, 300))
	}
	awaitFlush(t, dir)
	files := take(t, dir)
	files[filepath.Base(newest)] = kept
	return files
}

// awaitFlush waits until all logs but the last are in tables and removed.
func awaitFlush(tb testing.TB, dir string) {
	tb.Helper()
	for {
		logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
		if err != nil {
			tb.Fatal(err)
		}
		if len(logs) == 1 {
			return
		}
		runtime.Gosched()
	}
}

func lastLog(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%q, %v", names, err)
	}
	return names[len(names)-1]
}

// recordsOf opens the store and counts its records.
func recordsOf(dir string) (n int, err error) {
	s, err := Open(Options{Dir: dir, MemTableSize: minMemTable})
	if err != nil {
		return 0, err
	}
	err = s.Recover(context.Background(), func(persistence.Record) error { n++; return nil })
	return n, errors.Join(err, s.Close())
}

// TestNoFlipLosesRecords changes one byte of one file, some hundred times at
// random: the store is refused with a sentence about the file, or a record with
// ErrCorrupt, or all is there.
func TestNoFlipLosesRecords(t *testing.T) {
	files, dir := crashImage(t), filepath.Join(t.TempDir(), "state")
	files.put(t, dir)
	all := bulkNumber*bulkRecords + 3
	if n, err := recordsOf(dir); n != all || err != nil {
		t.Fatalf("%d records, %v; want %d before any damage", n, err, all)
	}
	files.put(t, dir)
	random := rand.New(rand.NewPCG(3, 7))
	outcomes := make(map[string]int)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		c := files[name]
		for i := range 40 {
			at, flip := offset(random, c, i), byte(1+random.IntN(255))
			invert(t, filepath.Join(dir, name), at, flip)
			n, err := recordsOf(dir)
			outcome := filepath.Ext(name) + " " + verdict(n, all, err)
			outcomes[outcome]++
			if !excused(outcome, name, dir, err) {
				t.Errorf("%s at %d of %d changed by %x: %d of %d records, %v", name, at, len(c.used), flip, n, all, err)
			}
			if errors.Is(err, persistence.ErrCorrupt) && n == 0 && !strings.Contains(err.Error(), latestName) { // Badger did not open
				invert(t, filepath.Join(dir, name), at, flip)
			} else {
				files.put(t, dir)
			}
		}
	}
	t.Log(outcomes)
}

// TestNoCutLosesRecords shortens one file, at some lengths at random: refused,
// or nothing is lost.
func TestNoCutLosesRecords(t *testing.T) {
	files, dir := crashImage(t), filepath.Join(t.TempDir(), "state")
	all := bulkNumber*bulkRecords + 3
	random := rand.New(rand.NewPCG(4, 8))
	outcomes := make(map[string]int)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		c := files[name]
		for i := range 16 {
			length := offset(random, c, i)
			files.put(t, dir)
			if err := os.Truncate(filepath.Join(dir, name), int64(length)); err != nil {
				t.Fatal(err)
			}
			n, err := recordsOf(dir)
			outcome := filepath.Ext(name) + " " + verdict(n, all, err)
			outcomes[outcome]++
			if !excused(outcome, name, dir, err) {
				t.Errorf("%s cut to %d of %d: %d of %d records, %v", name, length, len(c.used), n, all, err)
			}
		}
	}
	t.Log(outcomes)
}

func invert(t *testing.T, name string, at int, flip byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte{0}
	_, _ = f.ReadAt(b, int64(at)) // nothing there is 0
	b[0] ^= flip
	if _, err := f.WriteAt(b, int64(at)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func verdict(n, all int, err error) string {
	switch {
	case errors.Is(err, persistence.ErrCorrupt):
		return "refused"
	case err == nil && n == all:
		return "harmless"
	case err == nil && n == all-1:
		return "last dropped"
	}
	return "lost"
}

// offset is one at random; every other is near the end of what is used, where
// the small transactions are.
func offset(random *rand.Rand, c content, i int) int {
	end := int(min(int64(len(c.used)+64), c.length))
	if near := 1500; i%2 == 1 && end > near {
		return end - 1 - random.IntN(near)
	}
	return random.IntN(end)
}

func excused(outcome, name, dir string, err error) bool {
	switch {
	case strings.HasSuffix(outcome, " refused"):
		text := err.Error()
		named := strings.Contains(text, name) || strings.Contains(text, errMissing.Error()) || strings.Contains(text, latestName)
		return strings.Contains(text, dir) && named && !strings.Contains(text, "\n")
	}
	return strings.HasSuffix(outcome, " harmless")
}

// TestTornTransaction cuts the last transaction of a log at bytes throughout, one
// that was not acknowledged: the store opens with all others.
func TestTornTransaction(t *testing.T) {
	files, dir := crashImage(t), filepath.Join(t.TempDir(), "state")
	files[latestName] = content{encodeLatest(1), latestSlot} // it is behind
	name := ""
	for n := range files {
		if strings.HasSuffix(n, ".mem") && n > name {
			name = n
		}
	}
	c := files[name]
	all := bulkNumber*bulkRecords + 3
	for cut := len(c.used) - 360; cut < len(c.used); cut += 23 {
		for _, filler := range []byte{0, 0xff, 0x41} {
			torn := append(bytes.Clone(c.used[:cut]), bytes.Repeat([]byte{filler}, len(c.used)-cut)...)
			files[name] = content{torn, c.length}
			files.put(t, dir)
			if n, err := recordsOf(dir); n != all-1 || err != nil {
				t.Errorf("cut %d bytes before the end, then %#x: %d records, %v; want %d",
					len(c.used)-cut, filler, n, err, all-1)
			}
		}
	}
}

// TestDamagedLogIsOneSentence shows what an operator reads.
func TestDamagedLogIsOneSentence(t *testing.T) {
	files, dir := crashImage(t), filepath.Join(t.TempDir(), "state")
	files.put(t, dir)
	name := lastLog(t, dir)
	invert(t, name, 300, 1)
	_, err := recordsOf(dir)
	want := fmt.Sprintf("^state directory %s is damaged: file %s is unreadable at offset [0-9]+, in the middle of "+
		"acknowledged changes; restore the directory from a backup, or move this file away and lose all changes "+
		"that only it holds$", dir, filepath.Base(name))
	if !errors.Is(err, persistence.ErrCorrupt) || !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("%v\nwant %s", err, want)
	}
}
