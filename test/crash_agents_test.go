package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// agentWorld is a service with the agents of two hosts, one with an FPGA and one
// with vGPUs, and with the other services of a cloud. All but the service outlives
// the processes that are killed.
type agentWorld struct {
	*crashWalk
	cloud  *scheduled
	where  *node
	fpga   *hypervisor
	vgpu   *hypervisor
	tool   *cardTool
	kernel *vgpuKernel
}

const (
	vgpusOfHost = 16
	cardOfHost  = "0000:be:00.0"
	vgpuOfHost  = "0000:af:00.0"
)

// crashImages are in Glance.
var crashImages = []string{goodImage, otherImage}

func newAgentWorld(t *testing.T, cloud *scheduled) *agentWorld {
	t.Helper()
	w := &agentWorld{crashWalk: newCrashWalk(t), cloud: cloud, tool: newCardTool(t)}
	id, _, _ := strings.Cut(newUUID(), "-") // in Placement all rounds are together
	fpga, vgpu := "fpga-"+id, "vgpu-"+id
	w.knows.images = map[string]belief{fpga: believe(""), vgpu: believe("")}
	w.handles, w.goesOn, w.find = vgpusOfHost+1, true, byHost
	opts := w.nova.options(withAgents(t, fpga, vgpu))
	maps.Copy(opts, cloud.opts)
	maps.Copy(opts, options{
		"agents.port": freePort(t), "glance.auth_url": cloud.keystone.URL, "glance.user_id": "u", "glance.project_id": "p",
		"glance.password": openstacktest.Password,
	})
	w.where = newNode(t, opts)
	service := "http://127.0.0.1:" + opts["agents.port"]
	w.fpga = newHypervisor(t, fpga, arria, service, options{"agent.fpgaconf": w.tool.path()})
	w.vgpu = newHypervisor(t, vgpu, tesla, service, nil)
	w.fpga.lacks("0000:5e:00.0", "0000:5e:00.1")
	w.vgpu.lacks("0000:b0:00.0")
	w.kernel = w.vgpu.vgpuKernel(vgpuOfHost, "nvidia-222")
	for _, host := range []string{fpga, vgpu} {
		cloud.must(http.MethodPost, "/resource_providers", map[string]any{"name": host, "uuid": newUUID()})
	}
	return w
}

// lacks takes functions from a host before its agent looks.
func (c *hypervisor) lacks(addresses ...string) {
	c.t.Helper()
	for _, address := range addresses {
		if err := os.Remove(c.sys("bus", "pci", "devices", address)); err != nil {
			c.t.Fatal(err)
		}
	}
}

// byHost gives the deployable of each host, where each has one and names it after
// itself.
func byHost(c *client) map[string]deployable {
	c.t.Helper()
	return hostsOf(c.want(http.StatusOK, http.MethodGet, "/deployables", nil))
}

func hostsOf(a *answer) map[string]deployable {
	var list deployableList
	_ = json.Unmarshal(a.body, &list) // then there are none
	hosts := map[string]deployable{}
	for _, d := range list.named() {
		hosts[d.host] = d
	}
	return hosts
}

// steps go through what agents and the scheduler have a part in.
func (w *agentWorld) steps() []crashStep {
	const first, second, third, fourth = "10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002",
		"10000000-0000-4000-8000-000000000003", "10000000-0000-4000-8000-000000000004"
	fpga, vgpu := w.fpga.host, w.vgpu.host
	return []crashStep{
		w.agentsStep(),
		profileStep("good", `"resources:FPGA": "1", "accel:bitstream_id": "`+goodImage+`"`),
		profileStep("other", `"resources:FPGA": "1", "accel:bitstream_id": "`+otherImage+`"`),
		profileStep("vgpu", `"resources:VGPU": "1"`),
		createStep("good", "a"),
		createStep("other", "b"),
		createStep("vgpu", "c"),
		createStep("vgpu", "d"),
		prepareStep(fpga, first, goodImage, "Bound", "a"),
		awaitStep(fpga, goodImage, "Bound", "a"),
		prepareStep(vgpu, second, "", "Bound", "c"),
		awaitStep(vgpu, "", "Bound", "c"),
		unbindStep("a"),
		unbindStep("c"),
		awaitFreeStep(vgpu, ""),
		prepareStep(fpga, third, otherImage, "Bound", "b"),
		awaitStep(fpga, otherImage, "Bound", "b"),
		prepareStep(vgpu, fourth, "", "Bound", "d"),
		removeInstanceStep(fourth, "d"), // while the agent is at work
		deviceStep(fpga, "disable"),
		deviceStep(fpga, "enable"),
		removeInstanceStep(third, "b"),
		awaitFreeStep(vgpu, ""),
		removeStep("a", "c"),
		removeProfilesStep("good", "other", "vgpu"),
	}
}

// agentsStep starts the agents and waits until both have reported.
func (w *agentWorld) agentsStep() crashStep {
	return crashStep{
		name: "the agents report", status: http.StatusOK, then: func(*content) {},
		send: func(*crashWalk) (*answer, error) {
			for _, host := range []*hypervisor{w.fpga, w.vgpu} {
				host.launch().mayFail = true // what it says while the service is away
			}
			for {
				a, err := w.c.do(http.MethodGet, "/deployables", nil)
				if err != nil {
					return nil, err
				}
				if w.deployables = hostsOf(a); len(w.deployables) == 2 {
					devices, err := w.c.version("2.3").do(http.MethodGet, "/devices", nil)
					if err != nil {
						return nil, err
					}
					w.noteDevices(devices)
					return a, nil
				}
				pause(5 * time.Millisecond)
			}
		},
	}
}

func (w *agentWorld) noteDevices(a *answer) {
	var list struct {
		Devices []device `json:"devices"`
	}
	a.read(w.c.t, &list)
	for _, d := range list.Devices {
		w.devices[d.Hostname] = d.UUID
	}
}

// settles waits until the agents and the scheduler have caught up with a process.
func (w *agentWorld) settles(p *process) {
	p.t.Helper()
	c := p.client()
	eventually(p.t, readyLimit, "both agents have reported", func() bool { return len(byHost(c)) == 2 })
	providers := byHost(c)
	var seen []map[string]string
	eventually(p.t, readyLimit, "the scheduler sees both devices", func() bool {
		if p.metrics().value(p.t, "arqd_placement_devices", "state", "synced") != 2 {
			return false
		}
		seen = nil
		for _, host := range []string{w.fpga.host, w.vgpu.host} {
			seen = append(seen, w.cloud.inventories(providers[host].Provider))
		}
		return w.isRight(w.fpga.host, seen[0], "FPGA", 1) && w.isRight(w.vgpu.host, seen[1], "VGPU", vgpusOfHost)
	})
}

// isRight says whether the scheduler sees what there is: none is to be had where a
// device is disabled, or perhaps.
func (w *agentWorld) isRight(host string, seen map[string]string, class string, n int) bool {
	is := func(reserved int) bool {
		return maps.Equal(seen, map[string]string{class: fmt.Sprintf("%d-%d", n, reserved)})
	}
	disabled := func(c *content) bool { return slices.Contains(c.disabled, host) }
	switch {
	case w.asks != nil && disabled(w.knows) != disabled(w.asks):
		return is(0) || is(n)
	case disabled(w.knows):
		return is(n)
	}
	return is(0)
}

// wantPreparedOnce wants each bind that is Bound, or was, to have been prepared
// once, and what is there to be what somebody has.
func (w *agentWorld) wantPreparedOnce(c *client) {
	t := c.t
	t.Helper()
	images, made := 0, 0
	for _, e := range firsts(w.nova.Taken()) {
		if e.Status != "completed" {
			t.Errorf("Nova was told of %+v", e)
		}
		switch e.Tag {
		case w.ids["a"], w.ids["b"]:
			images++
		default:
			made++
		}
	}
	calls, ends := len(w.tool.lines("calls")), len(w.tool.lines("ends"))
	if calls != images || ends != images {
		t.Errorf("%d binds loaded an image, the tool was called %d times and ended %d times", images, calls, ends)
	}
	deleted := 0
	if _, asked := w.ids["d"]; asked {
		deleted = 1 // whose bind may be over before it is bound
	}
	if n := int(w.kernel.creations.Load()); n < made || n > made+deleted {
		t.Errorf("%d binds made a mediated device, and %d were made", made, n)
	}
	var has []string
	for _, a := range c.arqs("") {
		if a.State == "Bound" && a.Hostname == w.vgpu.host {
			has = append(has, a.Handle)
		}
	}
	if got := w.kernel.made(); !slices.Equal(got, has) {
		t.Errorf("there are the mediated devices %q, and ARQs have %q", got, has)
	}
}

// agentWrites are the writes of the walk that only agents and the scheduler bring.
var agentWrites = []string{
	"put:host", "put:device+sequence", "put:shown", // a host and its device
	"put:arq+command+device+handle+instance", // bind that loads an image
	"put:arq+command+handle+instance",        // bind that makes a mediated device
	"put:command", "put:arq+event",           // the result; what comes of it
	"put:handle,delete:arq+instance", // delete while the agent is at work
	"delete:command",
}

// TestCrashAtEveryWriteWithAgents kills the service at each write of a walk in turn
// whose binds real agents prepare, and looks at what the next one makes of what is
// left: the agents go on, and nothing is done twice. The short form kills at one
// write of each kind.
func TestCrashAtEveryWriteWithAgents(t *testing.T) {
	t.Parallel()
	needs(t, "glance")
	cloud := newScheduled(t)
	glance, err := openstacktest.StartGlance()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(glance.Close)
	cloud.keystone.SetCatalog(atPlacement(cloud.placement),
		openstacktest.Endpoint{Type: "image", Interface: "public", Region: "one", URL: glance.URL})
	for _, image := range crashImages {
		glance.Create(t, image, []byte("the bits of "+image), nil)
	}
	sweep := crashSample
	if os.Getenv("ARQD_ROUNDS") != "" {
		sweep = crashSweep
	}
	sweep(t, agentWrites, func(t *testing.T, faults, _ string) string {
		t.Helper()
		w := newAgentWorld(t, cloud)
		p := w.where.startFaulty(faults)
		if p.comesUp() && w.walk(p, w.steps()) {
			p.comesToEnd()
		}
		killed := p.killedAt()
		if killed == notKilled && w.asks != nil {
			t.Errorf("a process that lived did not answer: %+v", w.asks)
		}
		w.where.store("verify")
		next := w.where.start()
		w.settles(next)
		next.checkAfterCrash(w.crashWalk)
		w.wantPreparedOnce(next.client())
		next.deleteEverything(w.handles)
		if left := w.kernel.made(); len(left) > 0 {
			t.Errorf("mediated devices are left: %q", left)
		}
		next.kill()
		w.where.store("verify")
		if dump := w.where.store("dump"); strings.Contains(dump, `"command"`) {
			t.Errorf("commands are left:\n%s", dump)
		}
		return killed
	})
}
