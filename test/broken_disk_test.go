package test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDiskThatDoesNotSync: what could not be synced is not acknowledged, though
// it can be read; what was before is served, and the service can be stopped.
func TestDiskThatDoesNotSync(t *testing.T) {
	needs(t, "strace")
	n := newNode(t, nil)
	p := n.start()
	p.mayFail = true
	c := p.client()
	c.createProfile("before", 1)
	made := c.create("before")
	t.Cleanup(straced(t, p.cmd.Process.Pid, "-o", "/dev/null",
		"-e", "trace=msync,fsync,fdatasync", "-e", "inject=msync,fsync,fdatasync:error=EIO"))

	a := c.want(503, http.MethodPost, "/device_profiles", profileBody("during", 1))
	if !strings.Contains(string(a.body), "outcome is not known") {
		t.Errorf("the change that could not be synced: %s", a.body)
	}
	c.want(503, http.MethodPost, "/device_profiles", profileBody("after", 1))
	if all := c.profiles(); len(all) != 1 || c.arq(made[0]).State != "Initial" {
		t.Errorf("shown: %+v", all)
	}
	if why := strings.Join(p.unready(), "; "); !strings.Contains(why, "commit failed") {
		t.Errorf("not ready because of %q", why)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(20 * time.Second); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if said := p.log.plain(); len(said) != 1 || !strings.Contains(said[0], "nothing that was acknowledged is lost") {
		t.Errorf("at its end it says %q", said)
	}
	n.store("verify")
	p = n.start()
	if all := p.client().arqs(""); len(all) != 1 {
		t.Errorf("%d ARQs after a restart, want 1", len(all))
	}
}
