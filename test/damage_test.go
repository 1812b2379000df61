package test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDamagedStore damages each kind of file of a store, one at a time. arqd
// refuses to start, or it notices nothing because nothing of value was hit:
// then all is as it was. It never serves something else.
func TestDamagedStore(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	n := newNode(t, nil)
	n.prefill(400)
	refused := 0
	for _, name := range n.storeFiles() {
		for _, how := range slices.Sorted(maps.Keys(damages)) {
			t.Run(name+" "+how, func(t *testing.T) {
				if n.copyTo(t, name, func(b []byte) []byte { return damages[how](rng, b) }).refusesDamage(t, 400) {
					refused++
				}
			})
		}
		t.Run(name+" missing", func(t *testing.T) {
			if n.copyTo(t, name, nil).refusesDamage(t, 400) {
				refused++
			}
		})
	}
	if refused == 0 {
		t.Error("no damage was ever noticed")
	}
}

// storeFiles gives the names of the files that hold something: one of each
// kind, the largest.
func (n *node) storeFiles() []string {
	n.t.Helper()
	entries, err := os.ReadDir(filepath.Join(n.state(), "store"))
	if err != nil {
		n.t.Fatal(err)
	}
	sizes, names := map[string]int64{}, map[string]string{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			n.t.Fatal(err)
		}
		kind := filepath.Ext(entry.Name())
		if kind == "" {
			kind = entry.Name()
		}
		if info.Size() > sizes[kind] {
			sizes[kind], names[kind] = info.Size(), entry.Name()
		}
	}
	if names[".sst"] == "" || names["MANIFEST"] == "" {
		n.t.Fatalf("the store has no tables: %v", names)
	}
	return slices.Sorted(maps.Values(names))
}

// copyTo makes a node with a copy of the state, in which one file is changed;
// no change: it is left out.
func (n *node) copyTo(t *testing.T, name string, change func([]byte) []byte) *node {
	t.Helper()
	other := newNode(t, nil)
	if err := os.CopyFS(other.state(), os.DirFS(n.state())); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(other.state(), "store", name)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		writeFile(t, file, change(b))
	}
	return other
}

var damages = map[string]func(*rand.Rand, []byte) []byte{
	"with flipped bytes": func(rng *rand.Rand, b []byte) []byte {
		for range 64 {
			b[rng.IntN(min(len(b), 1<<16))] ^= byte(1 + rng.IntN(255))
		}
		return b
	},
	"cut in half": func(_ *rand.Rand, b []byte) []byte { return b[:len(b)/2] },
	"emptied":     func(*rand.Rand, []byte) []byte { return nil },
	"of zeros":    func(_ *rand.Rand, b []byte) []byte { return make([]byte, len(b)) },
	"of garbage": func(rng *rand.Rand, b []byte) []byte {
		garbage := make([]byte, min(len(b), 1<<16))
		for i := range garbage {
			garbage[i] = byte(rng.Uint32())
		}
		return garbage
	},
}

func writeFile(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// refusesDamage starts arqd on a damaged store, and tells whether it refused,
// as it should; if it serves, it is with all of the ARQs.
func (n *node) refusesDamage(t *testing.T, arqs int) bool {
	t.Helper()
	p := n.launch()
	p.mayFail = true
	if p.served(t) {
		p.awaitReady()
		if got := len(p.client().arqs("")); got != arqs {
			t.Errorf("arqd serves a damaged store with %d of %d ARQs", got, arqs)
		}
		p.kill()
		return false
	}
	if code := p.exit(refusalLimit); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if said := p.log.plain(); len(said) != 1 || !strings.HasPrefix(said[0], "arqd: ") {
		t.Errorf("arqd says %d lines, want one sentence: %q", len(said), said[:min(len(said), 3)])
	}
	return true
}

// served waits until the process is ready or has ended, and tells which.
func (p *process) served(t *testing.T) bool {
	t.Helper()
	eventually(t, refusalLimit, fmt.Sprintf("process %d is ready or has ended", p.cmd.Process.Pid),
		func() bool { return p.log.says("ready") || !p.running() })
	return p.running()
}

// TestCommandsSayWhatTheyDrop: a command that opens a store at rest drops what a
// crash has left incomplete, as a start does, and says so as well.
func TestCommandsSayWhatTheyDrop(t *testing.T) {
	n := newNode(t, nil)
	p := n.start()
	p.client().createProfile("kept", 1)
	latest := filepath.Join(n.state(), "store", "LATEST")
	before, err := os.ReadFile(latest)
	if err != nil {
		t.Fatal(err)
	}
	p.client().createProfile("torn", 1)
	p.kill()
	writeFile(t, latest, before) // as who is killed before the note leaves it
	log := filepath.Join(n.state(), "store", "00001.mem")
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(b, "\x00"))
	clear(b[end-40 : end])
	writeFile(t, log, b)
	r := n.storeCommand("verify")
	if r.code != 0 || !strings.Contains(r.stderr, "the last transaction in a log was not complete and is dropped") ||
		!strings.Contains(r.stderr, "00001.mem") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("verify drops the end of a log and says: %+v", r)
	}
	if r := n.storeCommand("verify"); r.code != 0 || r.stderr != "" || !strings.Contains(r.stdout, "profile   1\n") {
		t.Errorf("once more: %+v", r)
	}
}

// TestStoreThatCannotBeLookedAt: that is not the same as none.
func TestStoreThatCannotBeLookedAt(t *testing.T) {
	n := newNode(t, nil)
	if r := n.storeCommand("verify"); r.code != 1 || !strings.Contains(r.stderr, "there is no store in") {
		t.Errorf("where there is none: %+v", r)
	}
	n.prefill(200)
	dir := filepath.Join(n.state(), "store")
	away := dir + ".away"
	if err := errors.Join(os.Rename(dir, away), os.Symlink(dir, dir)); err != nil { // for root, too
		t.Fatal(err)
	}
	if r := n.storeCommand("verify"); r.code != 1 || strings.Contains(r.stderr, "there is no store") ||
		!strings.Contains(r.stderr, "too many levels of symbolic links") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("a link to itself: %+v", r)
	}
}

// TestDamageUnderAServiceInUse: a file that is cut under it, or a bad sector, fails
// the backup that reads it, and not the service.
func TestDamageUnderAServiceInUse(t *testing.T) {
	n := newNode(t, nil)
	n.configure(n.onePort(nil))
	n.prefill(5000)
	p := n.start()
	p.mayFail = true
	for _, file := range n.storeFiles() {
		if filepath.Ext(file) == ".sst" {
			if err := os.Truncate(filepath.Join(n.state(), "store", file), 1<<16); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, command := range []string{"verify", "dump"} {
		r := n.storeCommand(command)
		if r.code != 1 || !strings.Contains(r.stderr, "its log says why") {
			t.Errorf("%s: %+.300v", command, r)
		}
	}
	p.awaitLog(time.Minute, "a backup was broken off")
	p.client().createProfile("later", 1)
	if got := len(p.client().arqs("")); got != 5000 {
		t.Errorf("%d ARQs are served, want 5000", got)
	}
	p.kill()
	n.refuse(t, "is damaged", ".sst")
}
