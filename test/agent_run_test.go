package test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/arqd/arqd/devices/nvidia"
	"github.com/arqd/arqd/devices/pci"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// cardTool is a vendor's tool in place of fpgaconf: it records its arguments and
// the image that it was given, and waits while the test holds it.
type cardTool struct {
	t   *testing.T
	dir string
}

func newCardTool(t *testing.T) *cardTool {
	t.Helper()
	tool := &cardTool{t, t.TempDir()}
	script := `#!/bin/sh
dir='` + tool.dir + `'
for image; do :; done
cp "$image" "$dir/image"
printf '%s\n' "$*" >> "$dir/calls"
while [ -e "$dir/hold" ]; do sleep 0.02; done
echo done >> "$dir/ends"
test ! -e "$dir/fail"
`
	if err := os.WriteFile(tool.path(), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return tool
}

func (c *cardTool) path() string { return filepath.Join(c.dir, "fpgaconf") }

// lines gives those of a file in which the tool writes: calls, ends.
func (c *cardTool) lines(name string) []string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

// hold has the tool wait, until it is let go.
func (c *cardTool) hold() { writeFile(c.t, filepath.Join(c.dir, "hold"), nil) }

func (c *cardTool) letGo() {
	c.t.Helper()
	if err := os.Remove(filepath.Join(c.dir, "hold")); err != nil {
		c.t.Fatal(err)
	}
}

// awaitCalls waits until the tool has been called so often.
func (c *cardTool) awaitCalls(n int) {
	c.t.Helper()
	eventually(c.t, readyLimit, fmt.Sprintf("call %d of the tool", n), func() bool { return len(c.lines("calls")) >= n })
}

// agentCloud is a service with the real image service of a cloud.
type agentCloud struct {
	*process
	glance *openstacktest.Glance
}

func startAgentCloud(t *testing.T, opts options) *agentCloud {
	t.Helper()
	needs(t, "glance")
	glance, err := openstacktest.StartGlance()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(glance.Close)
	k := openstacktest.NewKeystone(t)
	k.SetCatalog(openstacktest.Endpoint{Type: "image", Interface: "public", Region: "one", URL: glance.URL})
	opts["glance.auth_url"], opts["glance.user_id"], opts["glance.project_id"] = k.URL, "u", "p"
	opts["glance.password"] = openstacktest.Password
	return &agentCloud{start(t, opts), glance}
}

// profile makes an image of a content, and a profile with its name for it.
func (a *agentCloud) profile(t *testing.T, content []byte) string {
	t.Helper()
	image := newUUID()
	a.glance.Create(t, image, content, nil)
	a.client().createImageProfile(image, image)
	return image
}

// bindTo binds a new ARQ of a profile to a deployable.
func (c *client) bindTo(profile string, to deployable) string {
	c.t.Helper()
	id := c.create(profile)[0]
	c.bind(to, newUUID(), id)
	return id
}

// named gives the deployable with a name.
func named(t *testing.T, all []deployable, name string) deployable {
	t.Helper()
	i := slices.IndexFunc(all, func(d deployable) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("no %s in %+v", name, all)
	}
	return all[i]
}

const (
	arria = "pac-a10" // a host with two FPGAs
	tesla = "t4-vgpu-and-pgpu"
)

// TestRealAgents has agents work on trees with the tools, images and uuids that
// real hardware would see.
func TestRealAgents(t *testing.T) {
	cloud := startAgentCloud(t, withAgents(t, "node1", "node2", "node3"))
	cloud.mayFail = true // that an agent is started often is an error in the log
	t.Run("an image is loaded by the vendor's tool", func(t *testing.T) { loadAnImage(t, cloud) })
	t.Run("a vGPU is made and removed", func(t *testing.T) { makeAVGPU(t, cloud) })
	t.Run("an agent is killed at each step", func(t *testing.T) { killAtEachStep(t, cloud) })
}

func loadAnImage(t *testing.T, cloud *agentCloud) {
	t.Helper()
	content := bytes.Repeat([]byte("a bitstream "), 100_000)
	tool := newCardTool(t)
	newHypervisor(t, "node1", arria, cloud.agentsURL(), options{"agent.fpgaconf": tool.path()}).start().mayFail = true
	c := cloud.client()
	card := named(t, c.awaitDeployables("node1", 2), "node1_0000:5e:00.1")
	id := c.bindTo(cloud.profile(t, content), card)
	if got := c.settled(id); got.State != "Bound" {
		t.Fatalf("%+v", got)
	}
	calls := tool.lines("calls")
	if len(calls) != 1 || !strings.HasPrefix(calls[0], "--bus 0x5e --device 0x00 --function 0x0 ") || !strings.HasSuffix(calls[0], ".gbs\n") {
		t.Errorf("calls: %q", calls)
	}
	if loaded, err := os.ReadFile(filepath.Join(tool.dir, "image")); err != nil || !bytes.Equal(loaded, content) {
		t.Errorf("%d bytes were loaded, want %d: %v", len(loaded), len(content), err)
	}
	c.delete(id)
	writeFile(t, filepath.Join(tool.dir, "fail"), nil)
	id = c.bindTo(cloud.profile(t, content), card)
	if got := c.settled(id); got.State != "BindFailed" {
		t.Errorf("when the tool fails: %+v", got)
	}
	c.delete(id)
}

// A card that is taken out is gone at once, since the kernel has said so, and is
// there again as soon as it is back.
func TestHotPlug(t *testing.T) {
	p := start(t, withAgents(t, "node1"))
	host := newHypervisor(t, "node1", tesla, p.agentsURL(), nil)
	host.start()
	c := p.client()
	c.awaitDeployables("node1", 2)
	began := time.Now()
	plug := host.unplug("0000:b0:00.0")
	c.awaitDeployables("node1", 1)
	t.Logf("gone after %v", time.Since(began))
	began = time.Now()
	plug()
	c.awaitDeployables("node1", 2)
	t.Logf("there after %v", time.Since(began))
}

// The mediated device has the uuid of the attach handle.
func makeAVGPU(t *testing.T, cloud *agentCloud) {
	t.Helper()
	host := newHypervisor(t, "node2", tesla, cloud.agentsURL(), nil)
	kernel := host.vgpuKernel("0000:af:00.0", "nvidia-222")
	host.start()
	c := cloud.client()
	c.want(201, http.MethodPost, "/device_profiles", `[{"name": "vgpu", "groups": [{"resources:VGPU": "1"}]}]`)
	id := c.bindTo("vgpu", named(t, c.awaitDeployables("node2", 2), "node2_0000:af:00.0"))
	got := c.settled(id)
	if got.State != "Bound" || !slices.Equal(kernel.made(), []string{got.Handle}) {
		t.Errorf("%+v; made: %q", got, kernel.made())
	}
	c.unbind(id)
	eventually(t, readyLimit, "the mediated device is gone", func() bool { return len(kernel.made()) == 0 })
}

// The tool runs once for each command, whenever the agent is killed, and the bind
// ends as the journal says: only of a programming that was under way nobody knows.
func killAtEachStep(t *testing.T, cloud *agentCloud) {
	t.Helper()
	relay := newRelay(t, cloud.agentsURL())
	tool := newCardTool(t)
	host := newHypervisor(t, "node3", arria, relay.URL, options{"agent.fpgaconf": tool.path()})
	agent := host.start()
	c := cloud.client()
	card := named(t, c.awaitDeployables("node3", 2), "node3_0000:be:00.0")
	for i, step := range []struct {
		name  string
		state string
		await func(profile string) string // binds, and waits for the moment
	}{
		{"the command is on its way", "Bound", func(profile string) string {
			held := relay.holdAnswer("/commands", `"id"`)
			id := c.bindTo(profile, card)
			<-held
			return id
		}},
		{"the tool is at work", "BindFailed", func(profile string) string {
			tool.hold()
			id := c.bindTo(profile, card)
			tool.awaitCalls(2)
			return id
		}},
		{"the result is on its way", "Bound", func(profile string) string {
			held := relay.holdRequest("/result")
			id := c.bindTo(profile, card)
			<-held
			return id
		}},
		{"the acknowledgement is on its way", "Bound", func(profile string) string {
			held := relay.holdAnswer("/result", "")
			id := c.bindTo(profile, card)
			<-held
			return id
		}},
	} {
		id := step.await(cloud.profile(t, []byte(step.name)))
		agent.kill()
		agent.past = true
		relay.letGo()
		agent = host.launch()
		agent.mayFail = true
		if step.state == "BindFailed" {
			// As long as the tool of the one before is at work, nothing is begun.
			agent.awaitLog(readyLimit, "the journal is in use; waiting")
			tool.letGo()
		}
		agent.awaitLog(readyLimit, "session opened")
		if got := c.settled(id); got.State != step.state {
			t.Errorf("%s: %s, want %s", step.name, got.State, step.state)
		}
		if calls, ends := len(tool.lines("calls")), len(tool.lines("ends")); calls != i+1 || ends != i+1 {
			t.Errorf("%s: the tool was called %d times and ended %d times, want %d", step.name, calls, ends, i+1)
		}
		c.delete(id)
	}

	// A guest finds its image again after a start of its host.
	content := "a guest's image"
	before := c.settled(c.bindTo(cloud.profile(t, []byte(content)), card))
	agent.stop()
	host.reboot()
	if err := os.Remove(filepath.Join(tool.dir, "image")); err != nil {
		t.Fatal(err)
	}
	host.start().mayFail = true
	cloud.awaitLog(readyLimit, "the image that guests had is loaded again")
	if loaded, err := os.ReadFile(filepath.Join(tool.dir, "image")); err != nil || string(loaded) != content || len(tool.lines("calls")) != 6 {
		t.Errorf("loaded is %q (%v) with the %d. call", loaded, err, len(tool.lines("calls")))
	}
	if after := c.arq(before.UUID); after != before || before.State != "Bound" {
		t.Errorf("after the start of the host %+v, before %+v", after, before)
	}
	c.delete(before.UUID)
}

// An agent is killed while it makes a mediated device, then its host is started
// again, which takes the device with it: it is there in the end both times. Nor is it
// left there when its guest gives it back to an agent whose driver is not enabled.
func TestAVGPUOutlivesAgentAndHost(t *testing.T) {
	p := start(t, withAgents(t, "node1"))
	p.mayFail = true // a guest's device has to be made anew
	host := newHypervisor(t, "node1", tesla, p.agentsURL(), nil)
	create := host.sys("class", "mdev_bus", "0000:af:00.0", "mdev_supported_types", "nvidia-222", "create")
	if err := errors.Join(os.Remove(create), syscall.Mkfifo(create, 0o600)); err != nil { // it takes for ever
		t.Fatal(err)
	}
	agent := host.start()
	c := p.client()
	c.want(201, http.MethodPost, "/device_profiles", `[{"name": "vgpu", "groups": [{"resources:VGPU": "1"}]}]`)
	id := c.bindTo("vgpu", named(t, c.awaitDeployables("node1", 2), "node1_0000:af:00.0"))
	agent.awaitLog(readyLimit, "a command is begun")
	agent.kill()
	kernel := host.vgpuKernel("0000:af:00.0", "nvidia-222")
	agent = host.start()
	got := c.settled(id)
	if got.State != "Bound" || !slices.Equal(kernel.made(), []string{got.Handle}) {
		t.Errorf("%+v; made: %q", got, kernel.made())
	}
	agent.stop()
	kernel.reboot()
	agent = host.start()
	eventually(t, readyLimit, "the mediated device is made anew", func() bool { return slices.Equal(kernel.made(), []string{got.Handle}) })
	if after := c.arq(id); after != got {
		t.Errorf("after the start of the host %+v, before %+v", after, got)
	}
	agent.stop()
	conf, err := os.ReadFile(host.node.conf)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, host.node.conf, bytes.Replace(conf, []byte(nvidia.Name), []byte(pci.Name), 1))
	host.start()
	c.delete(id)
	eventually(t, readyLimit, "the mediated device is removed", func() bool { return len(kernel.made()) == 0 })
}

// A disk of the same kind in the place of another is told apart by its serial
// number, and is a device of its own.
func TestASwappedDisk(t *testing.T) {
	p := start(t, withAgents(t, "node1"))
	host := newHypervisor(t, "node1", "nvme-inspur", p.agentsURL(), nil)
	serial := host.sys("bus", "pci", "devices", "0000:db:00.0", "nvme", "nvme0", "serial")
	if err := os.MkdirAll(filepath.Dir(serial), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, serial, []byte("first\n"))
	host.start()
	c := p.client()
	before := named(t, c.awaitDeployables("node1", 2), "node1_0000:db:00.0")
	writeFile(t, serial, []byte("second\n"))
	host.event("change", "nvme", "/devices/pci0000:da/0000:db:00.0/nvme/nvme0")
	eventually(t, readyLimit, "the second disk is there", func() bool {
		all := c.deployablesOf("node1")
		return len(all) == 2 && named(t, all, before.Name).UUID != before.UUID
	})
}
