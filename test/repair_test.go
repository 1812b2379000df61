package test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/backup"
)

var oneLargeHost = options{"fake.hosts": "compute1", "fake.handles_per_device": "256"}

// TestFromDamageToService: a disk has damaged accelerator requests and handles of
// what is bound. What is left is saved, restored, repaired, and serves: no guest's
// device goes to another one, all that is bound can be cleaned up, and all that
// nobody has can be bound.
func TestFromDamageToService(t *testing.T) {
	n := newNode(t, oneLargeHost)
	p := n.start()
	c := p.client()
	c.createProfile("pair", 2)
	there := c.deployables()["compute1"]
	for range 80 {
		c.bind(there, newUUID(), c.create("pair")...)
	}
	bound := map[string]arq{}
	for _, a := range c.arqs("") {
		bound[a.UUID] = a
	}
	p.stop()
	lost := n.loseARQsAndHandles()
	again, unknown := 0, 0 // handles that only an ARQ tells of, and whose ARQ is not there to tell
	for _, a := range bound {
		switch noARQ, noHandle := lost["arq/"+a.UUID], lost["handle/"+a.Handle]; {
		case noHandle && !noARQ:
			again++
		case noARQ && !noHandle:
			unknown++
		}
	}

	saved := filepath.Join(n.dir, "saved")
	if r := n.storeCommand("backup", "--salvage", saved); r.code != 1 {
		t.Fatalf("a backup of what is left: %+v", r)
	}
	n.servesUnrepaired(saved, again, lost)
	mended := newNode(t, oneLargeHost)
	if r := mended.storeCommand("restore", saved); r.code != 1 || !strings.Contains(r.stdout, "VIOLATION") {
		t.Fatalf("restore of what is left: %+v", r)
	}
	mended.repairs(again, unknown)

	p = mended.start()
	c = p.client()
	for _, a := range c.arqs("") {
		if was := bound[a.UUID]; a.State != "Bound" || a.Handle != was.Handle || a.Instance != was.Instance {
			t.Errorf("%+v was %+v", a, was)
		}
		delete(bound, a.UUID)
	}
	for id := range bound {
		if !lost["arq/"+id] {
			t.Errorf("arq/%s is not served, and was not lost", id)
		}
	}
	p.checkHandles(c, 256)
	one := c.arqs("")[0]
	c.unbind(one.UUID)
	c.delete(one.UUID)
	for _, a := range c.arqs("") {
		c.want(http.StatusNoContent, http.MethodDelete, "/accelerator_requests?instance="+a.Instance, nil)
	}
	p.checkHandles(c, 256)
	for range 128 {
		c.bind(there, newUUID(), c.create("pair")...)
	}
	p.checkHandles(c, 256)
	p.stop()
}

// repairs looks at what a repair would do, and does it, first without and then with
// the handles of which nobody knows who has them.
func (n *node) repairs(again, kept int) {
	n.t.Helper()
	r := n.storeCommand("repair")
	if r.code != 1 || strings.Count(r.stdout, " is on record again, held by ") != again || strings.Count(r.stdout, "KEEP ") != kept ||
		strings.Contains(r.stdout, "LEFT") {
		n.t.Errorf("%d handles are to be on record again, %d to be kept: %+v", again, kept, r)
	}
	if r := n.storeCommand("repair", "--yes"); r.code != 1 || strings.Count(r.stdout, "VIOLATION handle/") != kept ||
		strings.Count(r.stdout, "VIOLATION") != kept {
		n.t.Errorf("what is left is not what is kept, %d handles: %+v", kept, r)
	}
	_, one, _ := strings.Cut(r.stdout, "KEEP handle/")
	one, _, _ = strings.Cut(one, " ")
	if r := n.storeCommand("repair", "--yes", "--free", one); r.code != 1 || strings.Count(r.stdout, "CHANGE handle/"+one) != 1 ||
		strings.Count(r.stdout, "KEEP ") != kept-1 {
		n.t.Errorf("one handle freed: %+v", r)
	}
	if r := n.storeCommand("repair", "--free", one); !strings.Contains(r.stderr, "--free "+one+" changes nothing") {
		n.t.Errorf("one handle freed once more: %+v", r)
	}
	n.store("repair", "--yes", "--free", "all")
	if r := n.storeCommand("repair", "--free", "all"); r.code != 0 || r.stdout != "" {
		n.t.Errorf("a repair of what is whole: %+v", r)
	}
}

// servesUnrepaired starts the service on what is left as it is, and binds all that
// is free: nobody gets what an accelerator request shows, and whoever shows a handle
// that was not on record can be deleted.
func (n *node) servesUnrepaired(saved string, again int, lost map[string]bool) {
	n.t.Helper()
	other := newNode(n.t, oneLargeHost)
	other.storeCommand("restore", "--accept", saved)
	p := other.start()
	c := p.client()
	there := c.deployables()["compute1"]
	for c.send(http.MethodPatch, "/accelerator_requests", bindBody(there, newUUID(), c.create("pair")...)).status == http.StatusAccepted {
	}
	var list struct {
		ARQs []struct {
			Instance string          `json:"instance_uuid"`
			Handle   string          `json:"attach_handle_uuid"`
			Info     json.RawMessage `json:"attach_handle_info"`
		} `json:"arqs"`
	}
	c.want(http.StatusOK, http.MethodGet, "/accelerator_requests?bind_state=resolved", nil).read(n.t, &list)
	holders := map[string]int{}
	for _, a := range list.ARQs {
		holders[string(a.Info)]++
	}
	for _, a := range list.ARQs {
		if lost["handle/"+a.Handle] && holders[string(a.Info)] != 1 {
			n.t.Errorf("%s is given to %d guests", a.Info, holders[string(a.Info)])
		}
	}
	if said := len(p.log.messages("a handle that was not on record is there, and held by the accelerator request that shows it")); again == 0 || said != again {
		n.t.Errorf("%d handles are on record again, and it is said of %d", again, said)
	}
	for _, a := range list.ARQs {
		c.want(http.StatusNoContent, http.MethodDelete, "/accelerator_requests?instance="+a.Instance, nil)
	}
	p.stop()
}

// loseARQsAndHandles damages two blocks of a table, so that some accelerator
// requests and some handles that such hold are lost, and nothing else but free handles.
// It gives the keys of what is lost.
func (n *node) loseARQsAndHandles() (lost map[string]bool) {
	n.t.Helper()
	want := dumped(n.t, n.store("dump"))
	name := ""
	for _, file := range n.storeFiles() {
		if filepath.Ext(file) == ".sst" {
			name = filepath.Join(n.state(), "store", file)
		}
	}
	content, err := os.ReadFile(name)
	if err != nil {
		n.t.Fatal(err)
	}
	lost = map[string]bool{}
	for _, kind := range []struct {
		name   string
		places []int // in hundredths: kinds are in order
	}{{"arq", []int{20, 15, 25}}, {"handle", []int{60, 65, 70, 55}}} {
		if !slices.ContainsFunc(kind.places, func(at int) bool {
			flipped := slices.Clone(content)
			flipped[at*len(content)/100] ^= 4
			writeFile(n.t, name, flipped)
			found := dumped(n.t, n.storeCommand("dump", "--salvage").stdout)
			gone, others := map[string]bool{}, 0
			for key, line := range want {
				switch {
				case found[key] != "" || lost[key] || strings.Contains(line, `"State":0,"Holder"`):
				case strings.HasPrefix(key, kind.name+"/"):
					gone[key] = true
				default:
					others++
				}
			}
			if others > 0 || len(gone) == 0 {
				return false
			}
			maps.Copy(lost, gone)
			content = flipped
			return true
		}) {
			n.t.Fatalf("no block holds records of the kind %s alone", kind.name)
		}
	}
	writeFile(n.t, name, content)
	return lost
}

func (n *node) savedAs(name string) string {
	n.t.Helper()
	file := filepath.Join(n.dir, name)
	n.store("backup", file)
	return file
}

// TestRestoreWithRepair: two profiles have one name, which no store holds. The
// restore says what to do, and does it.
func TestRestoreWithRepair(t *testing.T) {
	n := newNode(t, nil)
	p := n.start()
	p.client().createProfile("one", 1)
	p.stop()
	file := n.savedAs("saved")
	twice := filepath.Join(n.dir, "twice")
	rewriteBackup(t, file, twice, func(r persistence.Record) (more []persistence.Record) {
		if r.Key.Kind == "profile" {
			twin := r
			twin.Key.ID = uuid.New()
			twin.Body = bytes.ReplaceAll(r.Body, []byte(r.Key.ID.String()), []byte(twin.Key.ID.String()))
			more = append(more, twin)
		}
		return more
	})
	other := newNode(t, nil)
	if r := other.storeCommand("restore", twice); r.code != 1 || !strings.Contains(r.stderr, "--repair") {
		t.Errorf("two records with one claim: %+v", r)
	}
	if r := other.storeCommand("repair", "--backup", twice); r.code != 1 || strings.Count(r.stdout, "CHANGE profile/") != 1 {
		t.Errorf("what a repair would do: %+v", r)
	}
	if got := other.store("restore", "--repair", twice); strings.Count(got, "CHANGE profile/") != 1 {
		t.Error(got)
	}
	p = other.start()
	names := []string{}
	for _, one := range p.client().profiles() {
		names = append(names, one.Name)
	}
	if len(names) != 2 || !slices.Contains(names, "one") {
		t.Errorf("%q", names)
	}
	p.stop()
}

func rewriteBackup(t *testing.T, from, to string, more func(persistence.Record) []persistence.Record) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	in, err := backup.Open(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := backup.Write(t.Context(), &out, in.Head, withMore{in, more}); err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, out.Bytes())
}

// withMore is a source, and what is made of its records.
type withMore struct {
	from backup.Source
	more func(persistence.Record) []persistence.Record
}

// Each visits both.
func (s withMore) Each(ctx context.Context, visit func(persistence.Record) error) error {
	return s.from.Each(ctx, func(r persistence.Record) error {
		for _, one := range append([]persistence.Record{r}, s.more(r)...) {
			if err := visit(one); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestRepairRefuses what it must not, or cannot, touch.
func TestRepairRefuses(t *testing.T) {
	n := newNode(t, nil)
	n.configure(n.onePort(nil))
	if r := n.storeCommand("repair", "--yes"); r.code != 1 || !strings.Contains(r.stderr, "there is no store in") {
		t.Errorf("no store: %+v", r)
	}
	p := n.start()
	p.client().createProfile("one", 1)
	file := n.savedAs("saved")
	if r := n.storeCommand("repair", "--yes"); r.code != 1 || !strings.Contains(r.stderr, "already uses") || !strings.Contains(r.stderr, "stop it") {
		t.Errorf("in use: %+v", r)
	}
	if r := n.storeCommand("repair"); r.code != 0 || !strings.HasPrefix(r.stderr, "the store in use, as of 20") || !strings.HasSuffix(r.stderr, ", needs no repair\n") {
		t.Errorf("a look at what is in use: %+v", r)
	}
	p.stop()
	for _, args := range [][]string{
		{"--yes", "--backup", file}, {"--yes", "--salvage"}, {"--free", "some"}, {"--backup", file, "--salvage"}, {"more"},
	} {
		if r := n.storeCommand("repair", args...); r.code != 1 || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%q: %+v", args, r)
		}
	}
	newer := filepath.Join(n.dir, "newer")
	rewriteBackup(t, file, newer, func(persistence.Record) []persistence.Record {
		return []persistence.Record{{Key: persistence.Key{Kind: "zlater", ID: uuid.New()}, Generation: 1, Body: []byte{1}}}
	})
	if r := n.storeCommand("repair", "--backup", newer); r.code != 1 || !strings.Contains(r.stderr, "zlater/") {
		t.Errorf("of a newer arqd: %+v", r)
	}
}
