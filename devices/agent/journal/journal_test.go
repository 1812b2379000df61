package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func command() *protocol.Command {
	return &protocol.Command{ID: uuid.New(), Kind: devices.ProgramFPGA, Device: devices.ControlPathID{Type: "PCI", Info: "{}"}}
}

var done = &protocol.Result{State: protocol.ResultDone}

func ids(entries []*Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Command.ID.String())
	}
	return strings.Join(all, " ")
}

// What was put is there after any end: also one without Close.
func TestItRemembers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "agent")
	j := open(t, dir)
	begun, ended, told, late := command(), command(), command(), command()
	must(t, j.Begin(begun))
	must(t, j.Begin(ended))
	must(t, j.End(ended, done))
	must(t, j.Begin(told))
	must(t, j.End(told, &protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultError, Message: "no\nway"}))
	must(t, j.Acknowledge(told.ID))
	must(t, j.End(late, &protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultExpired}))
	must(t, j.lock.Close()) // as when the process ends
	for range 2 {
		j = open(t, dir)
		if got := ids(j.Unfinished()); got != begun.ID.String() {
			t.Errorf("unfinished: %s", got)
		}
		if got, want := ids(j.Unreported()), ended.ID.String()+" "+late.ID.String(); got != want {
			t.Errorf("unreported: %s, want %s", got, want)
		}
		if e := j.Find(told.ID); e == nil || e.Result.Message != "no\nway" || !e.Acknowledged {
			t.Errorf("%+v", e)
		}
		must(t, j.Close())
	}
	j = open(t, dir)
	must(t, j.Repeat(told.ID))
	must(t, j.Drop(begun.ID))
	if got := len(j.Unreported()); got != 3 || len(j.Unfinished()) != 0 {
		t.Errorf("%d are unreported", got)
	}
}

// There is one user at a time, and whoever inherits the lock is one.
func TestTheLock(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	must(t, j.Close())
	must(t, open(t, dir).Close())
}

// Who makes room first does so once nobody else is at work, and before anything is
// written.
func TestRoomIsMadeFirst(t *testing.T) {
	dir := t.TempDir()
	made := 0
	room := func() error {
		if _, err := os.Stat(filepath.Join(dir, fileName)); err == nil {
			t.Error("something is written already")
		}
		made++
		return nil
	}
	if _, err := Open(dir, func() error { return os.ErrPermission }); !errors.Is(err, os.ErrPermission) {
		t.Errorf("opened: %v", err)
	}
	j, err := Open(dir, room)
	must(t, err)
	if _, err := Open(dir, room); !errors.Is(err, ErrLocked) || made != 1 {
		t.Errorf("%d times while it is locked: %v", made, err)
	}
	must(t, j.Close())
}

// A line that was not written to its end was never relied on. Any other damage is
// refused, because a command might be carried out twice.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	first, second := command(), command()
	must(t, j.Begin(first))
	must(t, j.Begin(second))
	must(t, j.Close())
	name := filepath.Join(dir, fileName)
	whole, err := os.ReadFile(name)
	must(t, err)
	for cut := range len(whole) {
		found, err := decode(whole[:cut])
		if n, want := len(found.entries), max(0, strings.Count(string(whole[:cut]), "\n")-1); err != nil || n != want {
			t.Errorf("cut at %d: %d commands, want %d: %v", cut, n, want, err)
		}
	}
	last := strings.LastIndex(strings.TrimSuffix(string(whole), "\n"), "\n") + 1
	id := [2]int{len(nextTitle), len(nextTitle) + uuidLength}
	for at := range len(whole) - 1 {
		broken := []byte(string(whole))
		broken[at] ^= 1
		found, err := decode(broken)
		switch {
		case at >= id[0] && at < id[1]: // it is of another journal, or of none
		case at < last && err == nil:
			t.Errorf("byte %d is another one, and nobody minds: %+v", at, found)
		case at >= last && (err != nil || !found.torn || len(found.entries) != 1):
			t.Errorf("byte %d of the last line is another one: %+v, %v", at, found, err)
		}
	}
	hole := []byte(string(whole)) // of two blocks only the second was written
	clear(hole[last : len(hole)-9])
	for _, torn := range [][]byte{whole[:len(whole)-9], hole} {
		must(t, os.WriteFile(name, torn, 0o600))
		j = open(t, dir)
		if got := ids(j.Unfinished()); got != first.ID.String() || !j.Torn() {
			t.Errorf("unfinished: %s, torn: %v", got, j.Torn())
		}
		must(t, j.Close())
	}
	must(t, os.WriteFile(name, []byte(strings.Replace(string(whole), "PCI", "USB", 1)), 0o600))
	if _, err := Open(dir); !errors.Is(err, errDamaged) {
		t.Errorf("opened: %v", err)
	}
}

// A journal is the same as long as its file is there, be it of the first version.
func TestWhichJournalItIs(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	c := command()
	must(t, j.Begin(c))
	id := j.ID()
	must(t, j.Close())
	j = open(t, dir)
	if j.ID() != id || j.Torn() {
		t.Errorf("%s was %s", j.ID(), id)
	}
	must(t, j.Close())
	name := filepath.Join(dir, fileName)
	text, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, []byte(strings.Replace(string(text), header(id), firstTitle, 1)), 0o600))
	j = open(t, dir)
	if j.ID() == id || j.ID() == uuid.Nil || ids(j.Unfinished()) != c.ID.String() {
		t.Errorf("%s, unfinished %s", j.ID(), ids(j.Unfinished()))
	}
	must(t, j.Close())
	must(t, os.Remove(name))
	if next := open(t, dir); next.ID() == j.ID() {
		t.Error("one without the file is the same")
	}
	must(t, os.WriteFile(name, []byte("arqd agent journal 3\n"), 0o600))
	if _, err := decode([]byte("arqd agent journal 3\n")); !errors.Is(err, errVersion) {
		t.Errorf("a later version: %v", err)
	}
}

// The file does not grow for ever, nor does what is remembered.
func TestItForgets(t *testing.T) {
	j := open(t, t.TempDir())
	kept := command()
	must(t, j.Begin(kept))
	j.most, j.kept = 8<<10, 4
	for range 20 {
		c := command()
		must(t, j.End(c, &protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultError, Message: strings.Repeat("x", 500)}))
		must(t, j.Acknowledge(c.ID))
	}
	if j.size > j.most+1024 || len(j.entries) != len(j.order) {
		t.Errorf("%d bytes, %d entries", j.size, len(j.entries))
	}
	must(t, j.rewrite())
	if len(j.entries) != 5 || ids(j.Unfinished()) != kept.ID.String() {
		t.Errorf("%d entries", len(j.entries))
	}
}
