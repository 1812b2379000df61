package test

import (
	"bytes"
	"encoding/json"
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

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// hall is a service with everything real around it: Keystone, Placement, an image
// service, and agents on trees that show certificates.
type hall struct {
	*process
	t      *testing.T
	cloud  *cloud
	node   *node
	glance *openstacktest.Glance
	ca     *authority
	url    string // for agents
	passes passes
}

func newHall(t *testing.T) *hall {
	t.Helper()
	needs(t, "glance")
	h := &hall{t: t, cloud: theCloud(t), ca: newAuthority(t)}
	var err error
	if h.glance, err = openstacktest.StartGlance(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.glance.Close)
	h.ca.issue("server")
	port := freePort(t)
	h.url, h.passes = "https://127.0.0.1:"+port, h.cloud.passes(t)
	h.node = newNode(t, h.cloud.with(options{
		"fake.hosts": "", "agents.port": port, "agents.ca_file": h.ca.path("ca.pem"),
		"agents.cert_file": h.ca.path("server.pem"), "agents.key_file": h.ca.path("server.key"),
		"glance.enabled": "true", "glance.endpoint_override": h.glance.URL,
		"placement.auth_url": h.cloud.keystone.url, "placement.username": "nova", "placement.password": cloudPassword,
		"placement.user_domain_name": "Default", "placement.project_name": "service", "placement.project_domain_name": "Default",
		"placement.region_name": cloudRegion, "placement.check_interval": "1",
	}))
	h.process = h.node.start()
	return h
}

// nova is a client with the administrator's token and the compute service's.
func (h *hall) nova() *client {
	return h.client().with(h.passes.as("admin")).with(h.passes.service)
}

// killService ends the service as a power cut would, and starts it again.
func (h *hall) killService() {
	h.t.Helper()
	h.kill()
	h.past = true
	h.process = h.node.start()
}

// host makes a compute host on a tree, with its provider in Placement.
func (h *hall) host(name, definition string, opts options) *hypervisor {
	h.t.Helper()
	h.ca.issue(name)
	all := options{
		"agent.token_file": "", "agent.ca_file": h.ca.path("ca.pem"),
		"agent.cert_file": h.ca.path(name + ".pem"), "agent.key_file": h.ca.path(name + ".key"),
	}
	maps.Copy(all, opts)
	h.placement(http.MethodPost, "/resource_providers", map[string]any{"name": name, "uuid": providerOf("root of " + name)}, nil)
	return newHypervisor(h.t, name, definition, h.url, all)
}

// placement asks the real Placement as the administrator. It says false of what
// is not there.
func (h *hall) placement(method, path string, body, into any) bool {
	h.t.Helper()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(encode(body))
	}
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.cloud.placement.url+path, content)
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header = h.passes.as("admin").Clone()
	request.Header.Set("Content-Type", jsonType)
	request.Header.Set("OpenStack-API-Version", "placement 1.36")
	answer, err := toKeystone.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode == http.StatusNotFound {
		return false
	}
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil || answer.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %d %s (%v)", method, path, answer.StatusCode, text, err)
	}
	return true
}

// supply is what Placement has of a host below its own provider, a line for each.
func (h *hall) supply(host string) []string {
	h.t.Helper()
	root := providerOf("root of " + host)
	var list struct {
		Providers []struct {
			UUID   string
			Name   string
			Parent string `json:"parent_provider_uuid"`
		} `json:"resource_providers"`
	}
	h.placement(http.MethodGet, "/resource_providers?in_tree="+root, nil, &list)
	var all []string
	for _, p := range list.Providers {
		if p.UUID == root {
			continue
		}
		if p.Parent != root || p.UUID != providerOf(p.Name) {
			h.t.Errorf("the provider %+v is not as it should be", p)
		}
		var have struct {
			Inventories map[string]struct{ Total, Reserved int }
		}
		var marks struct{ Traits []string }
		there := h.placement(http.MethodGet, "/resource_providers/"+p.UUID+"/inventories", nil, &have) &&
			h.placement(http.MethodGet, "/resource_providers/"+p.UUID+"/traits", nil, &marks)
		if !there {
			continue
		}
		for class, i := range have.Inventories {
			all = append(all, supplyLine(p.Name, class, i.Total, i.Reserved, marks.Traits))
		}
	}
	slices.Sort(all)
	return all
}

func supplyLine(name, class string, total, reserved int, traits []string) string {
	return fmt.Sprintf("%s: %s %d-%d %s", name, class, total, reserved, strings.Join(slices.Sorted(slices.Values(traits)), " "))
}

// wanted is what Placement has to have of a host with a definition's tree,
// according to what its drivers have to find.
func wanted(t *testing.T, host, definition string) []string {
	t.Helper()
	var all []string
	for _, found := range fixture.Expected(t, definition) {
		for _, raw := range found.Devices {
			var d devices.Device
			if err := json.Unmarshal(raw, &d); err != nil {
				t.Fatal(err)
			}
			for _, dep := range d.Deployables {
				class, traits := "", []string{"OWNER_CYBORG"}
				for _, a := range dep.Attributes {
					switch {
					case a.Key == "rc":
						class = a.Value
					case strings.HasPrefix(a.Key, "trait"):
						traits = append(traits, a.Value)
					}
				}
				slices.Sort(traits)
				_, place, _ := strings.Cut(dep.Name, "_")
				all = append(all, supplyLine(host+"_"+place, class, dep.NumAccelerators, 0, slices.Compact(traits)))
			}
		}
	}
	slices.Sort(all)
	return all
}

// replaced gives the lines without a text in that of a place.
func replaced(lines []string, place, text string) []string {
	for i, line := range lines {
		if strings.Contains(line, place) {
			lines[i] = strings.Replace(line, text, "", 1)
		}
	}
	return lines
}

func (h *hall) awaitSupply(host string, want []string) {
	h.t.Helper()
	var have []string
	defer func() {
		if h.t.Failed() {
			h.t.Logf("Placement has of %s\n%s\nwant\n%s", host, strings.Join(have, "\n"), strings.Join(want, "\n"))
		}
	}()
	eventually(h.t, time.Minute, "Placement has what "+host+" has", func() bool {
		have = h.supply(host)
		return slices.Equal(have, want)
	})
}

// TestAgentsInACloud: three agents on trees, with a real Keystone, Placement and
// image service. What they have is in Placement as the drivers say; FPGAs are
// programmed and vGPUs made once, whoever is killed in between.
func TestAgentsInACloud(t *testing.T) {
	h := newHall(t)
	h.mayFail = true // Nova is nowhere, for one
	tool := newCardTool(t)
	hosts := map[string]string{"cloud-fpga": arria, "cloud-vgpu": tesla, "cloud-nic": "x710-vfs"}
	fpga := h.host("cloud-fpga", arria, options{"agent.fpgaconf": tool.path()})
	vgpu := h.host("cloud-vgpu", tesla, nil)
	kernel := vgpu.vgpuKernel("0000:af:00.0", "nvidia-222")
	fpgaAgent, vgpuAgent := fpga.launch(), vgpu.launch()
	h.host("cloud-nic", hosts["cloud-nic"], nil).launch()
	for host, definition := range hosts {
		h.awaitSupply(host, wanted(t, host, definition))
	}

	begin := time.Now()
	step := func(what string) { t.Logf("after %v: %s", time.Since(begin).Round(time.Millisecond), what) }
	step("the service is killed while the tool programs an FPGA")
	content := bytes.Repeat([]byte("a bitstream "), 50_000)
	image := newUUID()
	h.glance.Create(t, image, content, nil)
	h.nova().createImageProfile(image, image)
	card := named(t, h.nova().awaitDeployables("cloud-fpga", 2), "cloud-fpga_0000:be:00.0")
	tool.hold()
	programmed := h.nova().bindTo(image, card)
	tool.awaitCalls(1)
	h.killService()
	h.mayFail = true
	tool.letGo()
	if got := h.nova().settled(programmed); got.State != "Bound" {
		t.Errorf("%+v", got)
	}
	if loaded, err := os.ReadFile(filepath.Join(tool.dir, "image")); err != nil || !bytes.Equal(loaded, content) || len(tool.lines("calls")) != 1 {
		t.Errorf("%d calls; %d bytes were loaded, want %d: %v", len(tool.lines("calls")), len(loaded), len(content), err)
	}

	// What was in the card is not any more.
	h.awaitSupply("cloud-fpga", replaced(wanted(t, "cloud-fpga", arria), "_0000:be:00.0", "CUSTOM_FPGA_FUNCTION_ID_INTEL_D8424DC4A4A3C413F89E433683F9040B "))

	step("a vGPU is made; it is given back while its agent is dead, and the service killed before that is back")
	h.nova().want(201, http.MethodPost, "/device_profiles", `[{"name": "cloud-vgpu", "groups": [{"resources:VGPU": "1"}]}]`)
	made := h.nova().bindTo("cloud-vgpu", named(t, h.nova().awaitDeployables("cloud-vgpu", 2), "cloud-vgpu_0000:af:00.0"))
	if got := h.nova().settled(made); got.State != "Bound" || !slices.Equal(kernel.made(), []string{got.Handle}) {
		t.Errorf("%+v; made: %q", got, kernel.made())
	}
	vgpuAgent.kill()
	vgpuAgent.past = true
	h.nova().unbind(made)
	if got := h.nova().arq(made); got.State != "Unbound" || len(kernel.made()) != 1 {
		t.Errorf("%+v; made: %q", got, kernel.made())
	}
	h.killService()
	h.mayFail = true
	vgpu.launch().mayFail = true
	eventually(t, readyLimit, "the mediated device is gone", func() bool { return len(kernel.made()) == 0 })

	step("a card is taken out and put back")
	began := time.Now()
	plug := vgpu.unplug("0000:b0:00.0")
	h.nova().awaitDeployables("cloud-vgpu", 1)
	t.Logf("gone from the API after %v", time.Since(began))
	all := wanted(t, "cloud-vgpu", tesla)
	h.awaitSupply("cloud-vgpu", slices.DeleteFunc(slices.Clone(all), func(line string) bool { return strings.Contains(line, ":b0:") }))
	began = time.Now()
	plug()
	h.nova().awaitDeployables("cloud-vgpu", 2)
	t.Logf("back in the API after %v", time.Since(began))
	h.awaitSupply("cloud-vgpu", all)
	fpgaAgent.stop()
	if got := h.nova().arq(programmed); got.State != "Bound" {
		t.Errorf("what is bound on a host without its agent: %+v", got)
	}
	h.stop()
	h.node.store("verify")
}
