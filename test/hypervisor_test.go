package test

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/arqd/arqd/devices/fixture"
)

// hypervisor is a compute host: a tree in place of its /sys, and what its agent has.
// It outlives the agents that run on it.
type hypervisor struct {
	t    *testing.T
	host string
	root string
	node *node // configuration and state directory of the agent
}

// newHypervisor makes the host of a definition, whose agent knows the service by a
// URL and shows a token.
func newHypervisor(t *testing.T, host, definition, service string, opts options) *hypervisor {
	t.Helper()
	d := fixture.Load(t, definition)
	c := &hypervisor{t: t, host: host, root: d.Build(t)}
	all := options{}
	for group, values := range d.Config {
		for name, value := range values {
			all[group+"."+name] = optionText(value)
		}
	}
	token := filepath.Join(t.TempDir(), "token")
	writeFile(t, token, []byte(tokenOf(host)))
	maps.Copy(all, options{
		"DEFAULT.host": host, "agent.service_url": service, "agent.token_file": token, "agent.session_spread": "0.2",
	})
	maps.Copy(all, opts)
	c.node = newNode(t, all)
	return c
}

func optionText(value any) string {
	switch v := value.(type) {
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = optionText(v[i])
		}
		return strings.Join(words, ",")
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

func (c *hypervisor) events() string { return filepath.Join(c.node.dir, "uevents") }

// launch starts an agent and does not wait for anything.
func (c *hypervisor) launch() *process {
	c.t.Helper()
	p := &process{t: c.t, log: newServiceLog(), done: make(chan struct{})}
	p.cmd = exec.Command(c.node.program, "agent", "--config-file", c.node.conf, "--root", c.root, "--uevents", c.events())
	p.cmd.Dir = c.node.dir
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		c.t.Fatalf("the agent does not start: %v", err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is read from ProcessState
		close(p.done)
	}()
	c.t.Cleanup(p.cleanUp)
	return p
}

// start starts an agent and waits for its session.
func (c *hypervisor) start() *process {
	c.t.Helper()
	p := c.launch()
	p.awaitLog(readyLimit, "session opened")
	return p
}

// event has the agent hear of something, as the kernel would say it.
func (c *hypervisor) event(action, subsystem, path string) {
	c.t.Helper()
	if err := c.say(action, subsystem, path); err != nil {
		c.t.Fatal(err)
	}
}

// say is event, for when nobody may listen.
func (c *hypervisor) say(action, subsystem, path string) error {
	conn, err := net.Dial("unixgram", c.events())
	if err != nil {
		return err
	}
	defer conn.Close()
	message := strings.Join([]string{action + "@" + path, "ACTION=" + action, "DEVPATH=" + path, "SUBSYSTEM=" + subsystem, ""}, "\x00")
	_, err = conn.Write([]byte(message))
	return err
}

// sys is a path below the host's /sys.
func (c *hypervisor) sys(parts ...string) string {
	return filepath.Join(append([]string{c.root, "sys"}, parts...)...)
}

// unplug takes a function from the bus, and gives what puts it back.
func (c *hypervisor) unplug(address string) (plug func()) {
	c.t.Helper()
	link := c.sys("bus", "pci", "devices", address)
	target, err := os.Readlink(link)
	if err == nil {
		err = os.Remove(link)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.event("remove", "pci", "/devices/pci0000:af/"+address)
	return func() {
		c.t.Helper()
		if err := os.Symlink(target, link); err != nil {
			c.t.Fatal(err)
		}
		c.event("add", "pci", "/devices/pci0000:af/"+address)
	}
}

// deployablesOf gives those whose names begin with a host's.
func (c *client) deployablesOf(host string) []deployable {
	c.t.Helper()
	var all []deployable
	for _, d := range c.deployables() {
		if strings.HasPrefix(d.Name, host+"_") {
			d.host = host
			all = append(all, d)
		}
	}
	return all
}

// awaitDeployables waits until a host has so many.
func (c *client) awaitDeployables(host string, n int) []deployable {
	c.t.Helper()
	var all []deployable
	eventually(c.t, readyLimit, "the devices of "+host, func() bool {
		all = c.deployablesOf(host)
		return len(all) == n
	})
	return all
}
