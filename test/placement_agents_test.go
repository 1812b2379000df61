package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// placementPage is what the operators' listener says of devices in Placement.
type placementPage struct {
	Devices []struct {
		Device, Hostname, State string
		Leaving                 bool
		Problem                 *string
		Providers               map[string]string `json:"resource_providers"`
	}
}

func (p *process) placementPage(query string) (page placementPage) {
	p.t.Helper()
	p.operators().want(200, http.MethodGet, "/placement"+query, nil).read(p.t, &page)
	return page
}

// inventories are all that a provider has in Placement, "FPGA 4-0" each.
func (s *scheduled) inventories(provider string) map[string]string {
	s.t.Helper()
	var have struct {
		Inventories map[string]struct{ Total, Reserved int }
	}
	status, text := s.placement.Call(s.t, http.MethodGet, "/resource_providers/"+provider+"/inventories", nil)
	if status == http.StatusNotFound {
		return nil
	}
	if err := json.Unmarshal(text, &have); err != nil {
		s.t.Fatalf("%d %s", status, text)
	}
	all := map[string]string{}
	for class, i := range have.Inventories {
		all[class] = fmt.Sprintf("%d-%d", i.Total, i.Reserved)
	}
	return all
}

func providerOf(name string) string { return uuid.NewMD5(uuid.NameSpaceDNS, []byte(name)).String() }

// TestPlacementFollowsAnAgent: real Placement has what the agent of a host has
// reported last, whatever comes in between.
func TestPlacementFollowsAnAgent(t *testing.T) {
	s := newScheduled(t)
	maps.Copy(s.opts, withAgents(t, "compute1"))
	p := start(t, s.opts)
	c := p.client()
	s.must(http.MethodPost, "/resource_providers", map[string]any{"name": "compute1", "uuid": s.root})
	a := p.agent("compute1", 2)
	second := providerOf(a.content.Devices[1].Deployables[0].Name)
	a.open()
	a.report()
	s.sees("4-0")
	eventually(t, time.Minute, "the other device is shown, too", func() bool { return s.inventories(second)["FPGA"] == "4-0" })

	begin := time.Now()
	step := func(what string) { t.Logf("after %v: %s", time.Since(begin).Round(time.Millisecond), what) }
	step("the first device has fewer handles, and a trait")
	dep := &a.content.Devices[0].Deployables[0]
	dep.NumAccelerators, dep.AttachHandles = 2, dep.AttachHandles[:2]
	dep.Attributes = append(dep.Attributes, devices.Attribute{Key: "trait9", Value: "CUSTOM_FROM_THE_HOST"})
	a.report()
	s.sees("2-0", "CUSTOM_FROM_THE_HOST")
	for _, d := range c.devices() {
		c.want(204, http.MethodPost, "/devices/"+d.UUID+"/disable", nil)
	}
	s.sees("2-2", "CUSTOM_FROM_THE_HOST")

	step("somebody else writes to the provider at the same moment")
	var between atomic.Int64
	s.placement.OnCall(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, s.provider+"/inventor") && between.Add(1) <= 2 {
			var at struct{ Generation int }
			_, text := s.placement.Call(t, http.MethodGet, "/resource_providers/"+s.provider, nil)
			_ = json.Unmarshal(text, &at)
			s.must(http.MethodPost, "/resource_providers/"+s.provider+"/inventories", map[string]any{
				"resource_class": fmt.Sprintf("CUSTOM_THEIRS_%d", between.Load()), "total": 1, "resource_provider_generation": at.Generation,
			})
		}
		return false
	})
	for _, n := range []int{1, 2} {
		s.must(http.MethodPut, fmt.Sprintf("/resource_classes/CUSTOM_THEIRS_%d", n), nil)
	}
	for _, d := range c.devices() {
		c.want(204, http.MethodPost, "/devices/"+d.UUID+"/enable", nil)
	}
	s.sees("2-0", "CUSTOM_FROM_THE_HOST")
	if n := p.metrics().value(t, "arqd_placement_conflicts_total"); n < 2 {
		t.Errorf("%v conflicts are counted", n)
	}

	step("somebody else changes what is ours, and adds what is not")
	s.must(http.MethodPut, "/traits/CUSTOM_THEIRS", nil)
	s.change("/resource_providers/"+s.provider+"/inventories/FPGA", map[string]any{"total": 9, "reserved": 3})
	s.change("/resource_providers/"+s.provider+"/traits", map[string]any{"traits": []string{"CUSTOM_THEIRS"}})
	s.sees("2-0", "CUSTOM_FROM_THE_HOST", "CUSTOM_THEIRS")
	if got := s.inventories(s.provider); got["CUSTOM_THEIRS_1"] != "1-0" || got["CUSTOM_THEIRS_2"] != "1-0" {
		t.Errorf("what is somebody else's: %v", got)
	}

	step("the second device is gone, and the host says so")
	a.content.Removed = []string{a.content.Devices[1].ControlPath.Info}
	a.content.Devices = a.content.Devices[:1]
	a.report()
	eventually(t, time.Minute, "its provider is gone", func() bool { return s.inventories(second) == nil })
	eventually(t, time.Minute, "nothing of it is left", func() bool { return len(p.placementPage("").Devices) == 1 })

	step("Placement has lost its database")
	s.placement.Kill()
	if err := s.placement.StartEmpty(); err != nil {
		t.Fatal(err)
	}
	s.wantState(p, "waiting_for_host")
	if got := p.placementPage("?state=waiting_for_host&hostname=compute1"); len(got.Devices) != 1 || got.Devices[0].Problem == nil ||
		got.Devices[0].Providers[s.provider] != "compute1_FakeDevice" {
		t.Errorf("operators see %+v", got)
	}
	if status, got := p.readyz(); status != 200 || !got.Ready || len(got.Notes) != 1 ||
		!strings.Contains(got.Notes[0], "no resource provider of the hosts compute1 yet") {
		t.Errorf("readiness: %d %+v", status, got)
	}
	s.root = newUUID() // nova-compute makes it again
	s.must(http.MethodPost, "/resource_providers", map[string]any{"name": "compute1", "uuid": s.root})
	s.sees("2-0", "CUSTOM_FROM_THE_HOST")
	if got := s.inventories(s.provider); len(got) != 1 {
		t.Errorf("it has %v", got)
	}
	s.wantState(p, "synced")
	step("all is shown again")
	if _, got := p.readyz(); !got.Ready || len(got.Notes) != 0 {
		t.Errorf("readiness: %+v", got)
	}
}

// change puts something into a provider of Placement, as somebody else would.
func (s *scheduled) change(path string, members map[string]any) {
	s.t.Helper()
	for range 5 { // against arqd, which writes too
		var at struct{ Generation int }
		provider, _, _ := strings.Cut(strings.TrimPrefix(path, "/resource_providers/"), "/")
		_, text := s.placement.Call(s.t, http.MethodGet, "/resource_providers/"+provider, nil)
		if err := json.Unmarshal(text, &at); err != nil {
			s.t.Fatal(err)
		}
		members["resource_provider_generation"] = at.Generation
		status, text := s.placement.Call(s.t, http.MethodPut, path, members)
		if status < 300 {
			return
		}
		s.t.Logf("%s: %d %s", path, status, text)
	}
	s.t.Fatalf("%s could not be changed", path)
}

// TestDevicesThatPlacementDoesNotTake: what a host reports may be more than Placement
// takes. That is told of these devices, and keeps no others waiting, of this host or of
// another.
func TestDevicesThatPlacementDoesNotTake(t *testing.T) {
	s := newScheduled(t)
	maps.Copy(s.opts, withAgents(t, "compute1", "wild"))
	p := start(t, s.opts)
	s.must(http.MethodPost, "/resource_providers", map[string]any{"name": "compute1", "uuid": s.root})
	s.must(http.MethodPost, "/resource_providers", map[string]any{"name": "wild", "uuid": uuid.NewString()})
	wild := p.agent("wild", 5)
	dep := func(n int) *devices.Deployable { return &wild.content.Devices[n].Deployables[0] }
	dep(0).Name = "wild_FakeDevice_" + strings.Repeat("0", 220)
	dep(1).Attributes = append(dep(1).Attributes, devices.Attribute{Key: "trait", Value: "CUSTOM_" + strings.Repeat("X", 248)})
	dep(2).Attributes = []devices.Attribute{{Key: "rc", Value: "custom_é"}, {Key: "trait", Value: "Custom_\n"}}
	for n := range 40 {
		dep(3).Attributes = append(dep(3).Attributes, devices.Attribute{Key: "trait", Value: fmt.Sprintf("CUSTOM_WILD_%d", n)})
	}
	wild.open()
	wild.report()
	a := p.agent("compute1", 1)
	a.open()
	a.report()
	s.sees("4-0")
	states := func() map[string]int {
		n := map[string]int{}
		for _, d := range p.placementPage("?hostname=wild").Devices {
			n[d.State]++
		}
		return n
	}
	eventually(t, time.Minute, "what can be shown is", func() bool { return states()["synced"] == 4 && states()["failing"] == 1 })
	if got := s.inventories(providerOf("wild_FakeDevice_4"))["FPGA"]; got != "4-0" {
		t.Errorf("a device that nothing is wrong with: %q", got)
	}
}
