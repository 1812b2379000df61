package test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cloud is a real Keystone and a real Placement on loopback, from Debian's
// packages. All tests of a run share one: what a test changes in it, it leaves
// behind, so it works with users and names of its own.
type cloud struct {
	dir       string
	keystone  *daemon
	placement *daemon
	domain    string            // of all users and projects: Keystone's default domain
	projects  map[string]string // name to id
	roles     map[string]string
	users     map[string]string
	services  map[string]string // type to id
}

const (
	cloudRegion   = "RegionOne"
	cloudPassword = "sekret" // of every user
	cloudLimit    = 2 * time.Minute
)

var shared struct {
	once  sync.Once
	cloud *cloud
	err   error
}

// theCloud gives the cloud of this run; the first to ask starts it.
func theCloud(t *testing.T) *cloud {
	t.Helper()
	needs(t, "cloud")
	shared.once.Do(func() { shared.cloud, shared.err = startCloud() })
	if shared.err != nil {
		t.Fatalf("no cloud: %v", shared.err)
	}
	return shared.cloud
}

// stopCloud ends what theCloud started.
func stopCloud() {
	if c := shared.cloud; c != nil {
		c.stop()
	}
}

func startCloud() (*cloud, error) {
	dir, err := os.MkdirTemp("", "arqd-cloud-")
	if err != nil {
		return nil, err
	}
	c := &cloud{dir: dir, domain: "default"}
	err = errors.Join(c.configure(), c.makeDatabases())
	if err == nil {
		err = errors.Join(c.keystone.start(), c.placement.start())
	}
	if err == nil {
		err = c.populate()
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, c.logs())
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cloud) stop() {
	for _, d := range []*daemon{c.keystone, c.placement} {
		if d != nil {
			d.kill()
		}
	}
	_ = os.RemoveAll(c.dir)
}

func (c *cloud) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

// keystoneURL is where Keystone's API is, version and all.
func (c *cloud) keystoneURL() string { return c.keystone.url + "/v3" }

// logs gives the ends of what the parts of the cloud have said.
func (c *cloud) logs() string {
	var b strings.Builder
	files, _ := filepath.Glob(c.path("*.log"))
	for _, name := range files {
		text, _ := os.ReadFile(name)
		fmt.Fprintf(&b, "%s:\n%s\n", filepath.Base(name), text[max(0, len(text)-3000):])
	}
	return b.String()
}

// makeDatabases makes both databases, and Keystone's first user: admin.
func (c *cloud) makeDatabases() error {
	var identity, inventory error
	together(
		func() {
			conf := c.path("keystone", "keystone.conf")
			identity = c.tool("/usr/bin/keystone-manage", "--config-file", conf, "db_sync")
			if identity != nil {
				return
			}
			args := []string{
				"--config-file", conf, "bootstrap", "--bootstrap-username", "admin", "--bootstrap-password", cloudPassword,
				"--bootstrap-project-name", "admin", "--bootstrap-role-name", "admin", "--bootstrap-service-name", "keystone",
				"--bootstrap-region-id", cloudRegion,
			}
			for _, face := range []string{"public", "internal", "admin"} {
				args = append(args, "--bootstrap-"+face+"-url", c.keystoneURL())
			}
			identity = c.tool("/usr/bin/keystone-manage", args...)
		},
		func() {
			inventory = c.tool("/usr/bin/placement-manage", "--config-file", c.path("placement", "placement.conf"), "db", "sync")
		},
	)
	return errors.Join(identity, inventory)
}

// tool runs a command of the cloud's to its end.
func (c *cloud) tool(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), cloudLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, dieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[len(args)-1], err, out[max(0, len(out)-3000):])
	}
	return nil
}

// daemon is a part of the cloud: a WSGI application in a uwsgi of one process,
// so that killing it is killing all of it.
type daemon struct {
	name string
	dir  string
	url  string
	path string // answers 200 when all is well
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs it and waits until it answers.
func (d *daemon) start() error {
	out, err := os.OpenFile(filepath.Join(d.dir, d.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	d.cmd = exec.Command("/usr/bin/uwsgi", "--ini", filepath.Join(d.dir, d.name+".ini"))
	d.cmd.Stdout, d.cmd.Stderr, d.cmd.SysProcAttr = out, out, dieWithParent()
	if err := d.cmd.Start(); err != nil {
		return err
	}
	cmd, done := d.cmd, make(chan struct{})
	d.done = done
	go func() {
		_ = cmd.Wait() // its end is known by the channel
		close(done)
	}()
	return d.await()
}

func (d *daemon) await() error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.After(cloudLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := client.Get(d.url + d.path); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-d.done:
			return fmt.Errorf("%s ended while it started", d.name)
		case <-deadline:
			return fmt.Errorf("%s does not answer on %s", d.name, d.url+d.path)
		}
	}
}

// kill ends it at once.
func (d *daemon) kill() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.done
}
