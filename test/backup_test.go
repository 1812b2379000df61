package test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// hosts are two hosts to bind on.
var hosts = options{"fake.hosts": "compute1,compute2", "fake.handles_per_device": "8"}

// onePort gives a node's operators' listener a port that commands can know.
func (n *node) onePort(opts options) options {
	all := options{"arqd.admin_port": freePort(n.t)}
	maps.Copy(all, opts)
	return all
}

// dumped gives the lines of a dump by kind and id, with what stands in them.
func dumped(t *testing.T, text string) map[string]string {
	t.Helper()
	lines := map[string]string{}
	for line := range strings.Lines(text) {
		var key struct{ Kind, ID string }
		if err := json.Unmarshal([]byte(line), &key); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines[key.Kind+"/"+key.ID] = line
	}
	return lines
}

// TestBackupAndRestore saves a store that rests, and makes one of the backup:
// nothing differs, and what was bound is bound. Until the hosts report, nothing
// new is bound on them.
func TestBackupAndRestore(t *testing.T) {
	n := newNode(t, hosts)
	p := n.start()
	c := p.client()
	c.createProfile("pair", 2)
	bound, free := c.create("pair"), c.create("pair")
	there := c.deployables()
	c.bind(there["compute2"], newUUID(), bound...)
	p.stop()
	saved := filepath.Join(n.dir, "saved")
	n.store("backup", saved)
	if info, err := os.Stat(saved); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if r := n.storeCommand("backup", saved); r.code != 1 || !strings.Contains(r.stderr, "is there already") {
		t.Errorf("a second backup to the same file: %+v", r)
	}
	before := n.store("dump")
	if n.store("dump", "--backup", saved) != before {
		t.Error("the backup holds something else than the store")
	}

	other := newNode(t, options{"fake.hosts": "compute1", "fake.handles_per_device": "8"})
	if r := other.storeCommand("restore", saved); r.code != 0 || !strings.Contains(r.stderr, "devices take no bind") ||
		!strings.Contains(r.stdout, "arq       4\n") {
		t.Errorf("restore: %+v", r)
	}
	if r := other.storeCommand("restore", saved); r.code != 1 || !strings.Contains(r.stderr, "empty directory only") {
		t.Errorf("restore into what is there: %+v", r)
	}
	want := dumped(t, before)
	for key, line := range dumped(t, other.store("dump")) {
		if want[key] != line && !strings.HasPrefix(key, "restoration/") {
			t.Errorf("restored as %s\nwas %s", line, want[key])
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("not restored: %v", want)
	}

	p = other.start() // compute1 reports, compute2 is not heard of
	c = p.client()
	if got := p.metrics().value(t, "arqd_hosts_awaited"); got != 1 {
		t.Errorf("%v hosts awaited, want 1", got)
	}
	a := c.want(409, http.MethodPatch, "/accelerator_requests", bindBody(there["compute2"], newUUID(), free...))
	if !strings.Contains(string(a.body), "has not reported") {
		t.Errorf("refused with %s", a.body)
	}
	c.bind(there["compute1"], newUUID(), free...)
	c.unbind(bound...)
	p.checkHandles(c, 16)
	p.stop()

	again := filepath.Join(n.dir, "again") // of a store that awaits a host
	other.store("backup", again)
	for _, file := range []string{saved, again} {
		accepted := newNode(t, options{"fake.hosts": "compute1", "fake.handles_per_device": "8"})
		accepted.store("restore", "--accept", file)
		p = accepted.start()
		if got := p.metrics().value(t, "arqd_hosts_awaited"); got != 0 {
			t.Errorf("%s: %v hosts are awaited, and all was accepted", filepath.Base(file), got)
		}
		c := p.client()
		c.bind(there["compute2"], newUUID(), c.create("pair")...)
		p.stop()
	}
}

// TestBackupInTheMiddleOfABind: the restored store has it done, and says so, for the
// guest may have the device by now. Of what was repaired nothing else is known, also when
// all is accepted.
func TestBackupInTheMiddleOfABind(t *testing.T) {
	n := newNode(t, nil)
	opts := n.onePort(options{"fake.operation_delay": "30000"})
	n.configure(opts)
	p := n.start()
	c := p.client()
	c.createImageProfile("image", newUUID())
	id, instance := c.create("image")[0], newUUID()
	c.bind(c.deployable(), instance, id)
	saved := n.savedAs("saved")
	p.kill()
	for _, how := range [][]string{{saved}, {"--repair", "--accept", saved}} {
		other := newNode(t, nil)
		if r := other.storeCommand("restore", how...); r.code != 0 || !strings.Contains(r.stderr, "arq/"+id+" (instance "+instance+") was being bound and is Bound: ") {
			t.Errorf("restore %q: %+v", how, r)
		}
		p := other.start()
		p.mayDoubt = true // what the fake device has loaded
		c := p.client()
		if got := c.arq(id); got.State != "Bound" || got.Handle == "" {
			t.Errorf("%+v", got)
		}
		p.checkHandles(c, 16)
		c.want(http.StatusNoContent, http.MethodDelete, "/accelerator_requests?instance="+instance, nil)
		p.checkHandles(c, 16)
		p.stop()
	}
	other := newNode(t, nil)
	if r := other.storeCommand("restore", "--accept", saved); r.code != 0 || strings.Contains(r.stderr, "is Bound") {
		t.Errorf("nothing has happened since: %+v", r)
	}
}

// TestBackupUnderLoad saves the store of a busy service. What was acknowledged
// before the backup began and is not touched since is in it, byte for byte, and
// all of it keeps every rule. What the diaries have is in it as it was at one
// moment: as many ARQs, and the same to the letter.
func TestBackupUnderLoad(t *testing.T) {
	n := newNode(t, nil)
	opts := n.onePort(options{"fake.hosts": "compute1,compute2,spare", "fake.handles_per_device": "128"})
	n.configure(opts)
	p := n.start()
	c := p.client()
	c.createProfile("old", 64)
	acknowledged := map[string]bool{}
	for range 20 {
		for _, id := range c.create("old") {
			acknowledged[id] = true
		}
	}
	seed := seedOf(t)
	l := newLoad(c, 4, seed, "spare")
	diaries := newDiaries(c, 4, seed, l.deployables)
	all := l.run(p, 300)
	var backups []*backupUnderLoad
	kept := keepAll(diaries, func() {
		l.awaitEnough(t)
		for round := range 3 {
			b := n.backUpUnderLoad(opts, fmt.Sprintf("saved%d", round))
			b.wantAsItIs(acknowledged, n.store("dump"))
			backups = append(backups, b)
		}
	})
	if got := n.store("verify"); !strings.Contains(got, "arq ") || strings.Contains(got, "VIOLATION") {
		t.Errorf("verify of the store in use: %s", got)
	}
	l.closing.Store(true)
	p.stop()
	all.Wait()
	if len(l.faults) > 0 || kept != nil {
		t.Fatalf("during backups: %q, %v", l.faults, kept)
	}
	for _, b := range backups {
		b.wantOneMoment(diaries)
	}
}

// keepAll has diaries kept while something is done.
func keepAll(diaries []*diary, during func()) error {
	end, failed := make(chan struct{}), make(chan error)
	for _, d := range diaries {
		go func() { failed <- d.keep(end) }()
	}
	during()
	close(end)
	var errs []error
	for range diaries {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

// backupUnderLoad is a backup, and the store that was made of it.
type backupUnderLoad struct {
	restored    *node
	verdict     string
	begun, over time.Time // between the two it was taken
}

func (n *node) backUpUnderLoad(opts options, name string) *backupUnderLoad {
	n.t.Helper()
	b := &backupUnderLoad{restored: newNode(n.t, opts), begun: time.Now()}
	saved := filepath.Join(n.dir, name)
	n.store("backup", saved)
	b.over = time.Now()
	n.store("verify", "--backup", saved)
	b.verdict = b.restored.store("restore", "--accept", saved)
	return b
}

// wantAsItIs compares ARQs that nobody touches with those of the store in use.
func (b *backupUnderLoad) wantAsItIs(ids map[string]bool, now string) {
	t := b.restored.t
	t.Helper()
	restored, served := dumped(t, b.restored.store("dump")), dumped(t, now)
	for id := range ids {
		if line := restored["arq/"+id]; line == "" || line != served["arq/"+id] {
			t.Errorf("acknowledged before the backup as %s, restored as %s", served["arq/"+id], line)
		}
	}
	if !strings.Contains(b.verdict, "profile ") {
		t.Error(b.verdict)
	}
}

// wantOneMoment compares what the restored service serves with what the diaries
// say of one moment, which is after all that was acknowledged before the backup
// began.
func (b *backupUnderLoad) wantOneMoment(diaries []*diary) {
	t := b.restored.t
	t.Helper()
	b.restored.store("verify")
	p := b.restored.start()
	served := p.client().arqs("")
	var have, want []string
	var last, next time.Time // the moment was after the one and before the other
	before, during, held := 0, 0, 0
	for _, d := range diaries {
		first, lines := d.acknowledged(b.begun), map[string]string{}
		for i := range served {
			if served[i].Profile == d.profile {
				lines[served[i].UUID] = served[i].line()
			}
		}
		n := d.find(lines, first)
		if n < 0 {
			t.Errorf("%s: %d ARQs are restored that were not there together after the %d changes that were acknowledged before the backup began",
				d.profile, len(lines), first)
			continue
		}
		if n > 0 && d.entries[n-1].asked.After(last) {
			last = d.entries[n-1].asked
		}
		if n < len(d.entries) && (next.IsZero() || d.entries[n].answered.Before(next)) {
			next = d.entries[n].answered
		}
		before, during = before+first, during+d.acknowledged(b.over)-first
		held += n
		have, want = slices.AppendSeq(have, maps.Values(lines)), slices.AppendSeq(want, maps.Values(d.at(n)))
	}
	if len(have) != len(want) || sumOf(have) != sumOf(want) {
		t.Errorf("%d ARQs with the sum %s are restored, want %d with %s", len(have), sumOf(have), len(want), sumOf(want))
	}
	if last.After(b.over) || !next.IsZero() && last.After(next) {
		t.Errorf("a change is in the backup that was asked for at %v, and one that was answered at %v is not", last, next)
	}
	t.Logf("%d changes were acknowledged before the backup, %d while it was taken; it holds the first %d. "+
		"Restored: %d ARQs, %d of them bound, SHA-256 %s; acknowledged until then: %d, %s",
		before, during, held, len(have), boundOf(have), sumOf(have), len(want), sumOf(want))
	p.stop()
}

func boundOf(lines []string) int { return strings.Count(strings.Join(lines, "\n"), " Bound ") }

// sumOf is a SHA-256 over lines, whatever their order.
func sumOf(lines []string) string {
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

// TestBadBackups: each is refused in a sentence, and leaves no store.
func TestBadBackups(t *testing.T) {
	n := newNode(t, nil)
	p := n.start()
	p.client().createProfile("one", 1)
	p.stop()
	saved := filepath.Join(n.dir, "saved")
	n.store("backup", saved)
	good, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"cut short": {good[:len(good)-20], "the backup is not complete"},
		"a bit":     {flipped, "the backup is damaged"},
		"no backup": {[]byte("something else\n"), "this is not a backup of arqd"},
		"empty":     {nil, "this is not a backup of arqd"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad")
			writeFile(t, bad, test.content)
			other := newNode(t, nil)
			for _, r := range []ran{other.storeCommand("restore", bad), other.storeCommand("verify", "--backup", bad)} {
				if r.code != 1 || !strings.Contains(r.stderr, test.want) || strings.Count(r.stderr, "\n") != 1 {
					t.Errorf("%+v, want one sentence with %q", r, test.want)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(other.state(), "*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// TestBackupBrokenOff: a service that ends, or is killed, while it gives a
// backup leaves one that is known to be incomplete, and nobody waits for it.
func TestBackupBrokenOff(t *testing.T) {
	n := newNode(t, nil)
	n.configure(n.onePort(nil))
	n.prefill(20000)
	p := n.start()
	response, err := http.Get(p.admin + "/store/backup")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadFull(response.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	p.stop()
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("the service waited %v for a reader that does not read", took)
	}
	if rest, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("the backup ends as if it were whole after %d bytes more", len(rest))
	}
}

// TestSalvage: of a store that no longer opens, the records that are intact are
// printed and saved, and it is said what is not.
func TestSalvage(t *testing.T) {
	n := newNode(t, nil)
	n.prefill(20000) // many blocks
	want := dumped(t, n.store("dump"))
	if got := n.storeCommand("dump", "--salvage"); got.code != 0 || len(dumped(t, got.stdout)) != len(want) {
		t.Errorf("of a sound store: exit code %d, %d of %d records", got.code, len(dumped(t, got.stdout)), len(want))
	}
	name := ""
	for _, file := range n.storeFiles() {
		if filepath.Ext(file) == ".sst" {
			name = file
		}
	}
	file := filepath.Join(n.state(), "store", name)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 4
	writeFile(t, file, content)
	if r := n.storeCommand("dump"); r.code != 1 || !strings.Contains(r.stderr, name) || r.stdout != "" {
		t.Errorf("a damaged store was read: exit code %d, %s", r.code, r.stderr)
	}
	r := n.storeCommand("dump", "--salvage")
	found := dumped(t, r.stdout)
	if r.code != 1 || !strings.Contains(r.stderr, name+" has a damaged block") || !strings.Contains(r.stderr, "are found where there should be") {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
	if len(found) < len(want)*9/10 || len(found) >= len(want) {
		t.Errorf("%d of %d records are left after damage to one block", len(found), len(want))
	}
	for key, line := range found {
		if want[key] != line {
			t.Errorf("found %s\nwas %s", line, want[key])
		}
	}
	saved := filepath.Join(n.dir, "saved")
	if r := n.storeCommand("backup", "--salvage", saved); r.code != 1 {
		t.Errorf("backup of what is left: %+v", r)
	}
	if got := n.storeCommand("dump", "--backup", saved); len(dumped(t, got.stdout)) != len(found) {
		t.Errorf("%d records saved, want %d", len(dumped(t, got.stdout)), len(found))
	}
}
