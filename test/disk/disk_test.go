package disk

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func TestACutLeavesWhatWasFlushed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	d := New(1 << 20)
	d.write(bytes.Repeat([]byte{1}, 3*block), block)
	d.flush()
	d.write(bytes.Repeat([]byte{2}, block), 2*block)
	d.write(bytes.Repeat([]byte{3}, block/2), 2*block)
	seen, torn := map[byte]int{}, 0
	for range 100 {
		next, _ := d.Survivor(rng)
		got := make([]byte, 4*block)
		if n, ok := next.read(got, block); n != len(got) || !ok {
			t.Fatal(n, ok)
		}
		if got[0] != 1 || got[2*block] != 1 || got[3*block] != 0 {
			t.Fatalf("what was flushed is %d, %d, and what was never written %d", got[0], got[2*block], got[3*block])
		}
		seen[got[block]]++
		if got[block] != got[block+sector] {
			torn++
		}
	}
	if len(seen) != 3 || torn == 0 || torn > 60 {
		t.Errorf("of what was not flushed there is %v, torn %d times; want 1, 2 and 3 each now and then, often as a whole", seen, torn)
	}
}

func TestNothingIsTakenAfterTheCut(t *testing.T) {
	d := New(1 << 20)
	d.CutAfter(2, false)
	if !d.write([]byte{1}, 0) || d.flush() || d.write([]byte{2}, block) {
		t.Error("the power goes at the second request, and not before")
	}
	<-d.Cut()
	d.Release()
	if next, lost := d.Survivor(rand.New(rand.NewPCG(3, 4))); lost > 1 || next.platter[1] != nil {
		t.Errorf("%d blocks lost, and there is %v", lost, next.platter)
	}
}

func TestACutBeforeAFlush(t *testing.T) {
	d := New(1 << 20)
	d.CutAfter(2, true)
	if !d.flush() || !d.write([]byte{1}, 0) || !d.write([]byte{1}, block) || d.flush() {
		t.Error("the power goes at the first flush from the second request on")
	}
	d.Release()
}

// Of a real file system what was synced is there after a cut, and what was not is
// missing sooner or later.
func TestAFileSystemAfterACut(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	d := New(320 << 20)
	if err := d.Make(dir); err != nil {
		unavailable(t, err)
	}
	missing := 0
	for range 10 {
		m, err := d.Mount(dir)
		if err != nil {
			t.Fatal(err)
		}
		synced, not := filepath.Join(m.Dir, "synced"), filepath.Join(m.Dir, "not")
		_ = os.Remove(not)
		writeFile(t, synced, true)
		writeFile(t, not, false)
		if err := m.Abandon(); err != nil {
			t.Fatal(err)
		}
		d, _ = d.Survivor(rng)
		if m, err = d.Mount(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(synced); err != nil || string(got) != "text" {
			t.Errorf("what was synced is %q: %v", got, err)
		}
		if got, _ := os.ReadFile(not); string(got) != "text" {
			missing++
		}
		if err := m.Unmount(); err != nil {
			t.Fatal(err)
		}
	}
	if missing == 0 {
		t.Error("what was not synced is always there: this is no cut")
	}
}

func writeFile(t *testing.T, path string, sync bool) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.WriteString("text"); err == nil && sync {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
