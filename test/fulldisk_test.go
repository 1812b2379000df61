package test

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const mebibyte = 1 << 20

// newNodeOn makes a node whose state is on a volume.
func newNodeOn(t *testing.T, v *volume, opts options) *node {
	t.Helper()
	n := newNode(t, nil)
	opts["DEFAULT.state_path"] = filepath.Join(v.dir, "state")
	n.configure(opts)
	return n
}

// reserve gives the space below which nothing is written.
func (p *process) reserve() int64 {
	p.t.Helper()
	return int64(p.metrics().value(p.t, "arqd_store_reserve_bytes"))
}

// wantRefused checks that a change is refused for want of space, in a way that
// a client can deal with.
func (c *client) wantRefused(method, path string, body any) {
	c.t.Helper()
	a := c.want(503, method, path, body)
	if a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), "store") {
		c.t.Errorf("%s %s: %v %s", method, path, a.header, a.body)
	}
}

// TestFullDisk fills the disk step by step. What gives something back is taken
// longest, reads always; nothing that was acknowledged is lost; and when there
// is space, all is as before.
func TestFullDisk(t *testing.T) {
	v := newVolume(t, "256m")
	n := newNodeOn(t, v, options{})
	p := n.start()
	p.mayFail = true
	c := p.client()
	c.createProfile("pair", 2)
	kept, bound, deleted := c.create("pair"), c.create("pair"), c.create("pair")
	instance := newUUID()
	c.bind(c.deployable(), instance, bound...)

	v.leave(p.reserve() + 8*mebibyte)
	c.wantRefused(http.MethodPost, "/accelerator_requests", createBody("pair"))
	c.wantRefused(http.MethodPatch, "/accelerator_requests", bindBody(c.deployable(), newUUID(), kept...))
	c.wantRefused(http.MethodPost, "/device_profiles", profileBody("late", 1))
	if why := strings.Join(p.unready(), "; "); !strings.Contains(why, "space") {
		t.Errorf("not ready because of %q", why)
	}
	c.unbind(bound...)
	c.delete(deleted...)
	if got := len(c.arqs("")); got != 4 {
		t.Errorf("%d ARQs are listed, want 4", got)
	}

	v.leave(mebibyte)
	c.wantRefused(http.MethodDelete, deletePath(kept...), nil)
	if got := c.arq(bound[0]).State; got != "Unbound" {
		t.Errorf("read on a full disk: %s", got)
	}
	p.kill()
	n.refuse(t, "too little space", "nothing is lost")

	v.leave(200 * mebibyte)
	p = n.start()
	c = p.client()
	for _, id := range kept {
		if got := c.arq(id).State; got != "Initial" {
			t.Errorf("%s is %s, want Initial", id, got)
		}
	}
	if got := len(c.arqs("")); got != 4 {
		t.Errorf("%d ARQs are listed, want 4", got)
	}
	c.create("pair")
	p.checkHandles(c, 16)
}

// TestDiskFillsUnderLoad takes space away from a busy service and gives it
// back, several times. The service lives, and what it acknowledged is there.
func TestDiskFillsUnderLoad(t *testing.T) {
	v := newVolume(t, "256m")
	n := newNodeOn(t, v, maps.Clone(crowd))
	p := n.start()
	p.mayFail = true
	l := newLoad(p.client(), 6, seedOf(t), "spare")
	l.mayRefuse = true
	all := l.run(p, 200)
	for range 3 {
		v.leave(200 * mebibyte)
		done := l.answered.Load()
		eventually(t, time.Minute, "changes are made", func() bool { return l.answered.Load() > done+200 })
		for _, free := range []int64{p.reserve() + 8*mebibyte, 2 * mebibyte} {
			v.leave(free)
			refused := l.refused.Load()
			eventually(t, time.Minute, "changes are refused", func() bool { return l.refused.Load() > refused+100 })
		}
	}
	if !p.running() {
		t.Fatal("arqd died of the full disk")
	}
	v.leave(200 * mebibyte)
	l.closing.Store(true)
	p.kill()
	all.Wait()
	t.Logf("%d requests done, %d refused", l.answered.Load(), l.refused.Load())
	p = n.start()
	l.verify(t, p.client())
	p.checkHandles(p.client(), crowdHandles)
}

// TestServiceFillsTheDisk has the service itself use up the space that there
// is: it stops in time, and goes on once there is more.
func TestServiceFillsTheDisk(t *testing.T) {
	v := newVolume(t, "176m")
	n := newNodeOn(t, v, options{})
	p := n.start()
	p.mayFail = true
	c := p.client()
	c.createProfile("many", 256)
	v.leave(p.reserve() + 72*mebibyte)
	made := 0
	for {
		a := c.send(http.MethodPost, "/accelerator_requests", createBody("many"))
		if a.status == 503 {
			break
		}
		if a.status != 201 {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		if made += 256; made > 1<<20 {
			t.Fatal("a million ARQs on a disk without room")
		}
	}
	t.Logf("%d ARQs made", made)
	reserve := p.reserve()
	p.kill()
	v.leave(reserve + 80*mebibyte)
	p = n.start()
	if got := int(p.metrics().value(t, "arqd_arqs", "state", "Initial")); got != made {
		t.Errorf("%d ARQs after a restart, want %d", got, made)
	}
	p.client().create("many")
}

// TestEmptiedServiceTakesCreatesAgain: what the service has filled itself is
// room again once it is deleted, without a restart.
func TestEmptiedServiceTakesCreatesAgain(t *testing.T) {
	v := newVolume(t, "176m")
	n := newNodeOn(t, v, options{})
	p := n.start()
	p.mayFail = true
	c := p.client()
	c.createProfile("many", 256)
	v.leave(p.reserve() + 72*mebibyte)
	var made []string
	for {
		a := c.send(http.MethodPost, "/accelerator_requests", createBody("many"))
		if a.status == 503 {
			break
		}
		if a.status != 201 {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		if made = append(made, a.arqUUIDs(c)...); len(made) > 1<<20 {
			t.Fatal("a million ARQs on a disk without room")
		}
	}
	full := v.free()
	for batch := range slices.Chunk(made, 100) {
		c.delete(batch...)
	}
	c.create("many")
	t.Logf("%d ARQs made and deleted; %d MiB were free of the full disk, and %d are now", len(made), full/mebibyte, v.free()/mebibyte)
}
