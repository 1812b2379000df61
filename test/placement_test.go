package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// scheduled is an arqd with a real Placement, and a double of Keystone between
// them.
type scheduled struct {
	t         *testing.T
	placement *openstacktest.Placement
	keystone  *openstacktest.Keystone
	provider  string // of the one fake device
	root      string // of the host
	opts      options
}

func newScheduled(t *testing.T) *scheduled {
	t.Helper()
	needs(t, "cloud")
	placement, err := openstacktest.StartPlacement()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(placement.Close)
	k := openstacktest.NewKeystone(t)
	k.SetCatalog(atPlacement(placement))
	return &scheduled{
		t: t, placement: placement, keystone: k, root: newUUID(),
		provider: uuid.NewMD5(uuid.NameSpaceDNS, []byte("compute1_FakeDevice")).String(),
		opts: options{
			"placement.auth_url": k.URL, "placement.user_id": "u", "placement.project_id": "p",
			"placement.password": openstacktest.Password, "placement.region_name": "one", "placement.check_interval": "1",
		},
	}
}

func atPlacement(p *openstacktest.Placement) openstacktest.Endpoint {
	return openstacktest.Endpoint{Type: "placement", Interface: "internal", Region: "one", URL: p.URL}
}

func (s *scheduled) must(method, path string, body any) {
	s.t.Helper()
	if status, text := s.placement.Call(s.t, method, path, body); status >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
}

// sees waits until Placement has so much of FPGA, "total-reserved", and these
// traits beside those of every fake device.
func (s *scheduled) sees(fpga string, traits ...string) {
	s.t.Helper()
	traits = slices.Sorted(slices.Values(append(traits, "CUSTOM_FAKE_DEVICE", "OWNER_CYBORG")))
	eventually(s.t, 2*time.Minute, fmt.Sprintf("Placement has FPGA %s and %v", fpga, traits), func() bool {
		have, marks := s.look()
		return have == fpga && slices.Equal(marks, traits)
	})
}

func (s *scheduled) look() (fpga string, traits []string) {
	var have struct {
		Inventories map[string]struct{ Total, Reserved int }
	}
	var marks struct{ Traits []string }
	for part, into := range map[string]any{"inventories": &have, "traits": &marks} {
		status, text := s.placement.Call(s.t, http.MethodGet, "/resource_providers/"+s.provider+"/"+part, nil)
		if status != http.StatusOK || json.Unmarshal(text, into) != nil {
			return fmt.Sprintf("%d %s", status, text), nil
		}
	}
	slices.Sort(marks.Traits)
	i := have.Inventories["FPGA"]
	return fmt.Sprintf("%d-%d", i.Total, i.Reserved), marks.Traits
}

// wantState waits until the one device is in a state.
func (s *scheduled) wantState(p *process, state string) {
	s.t.Helper()
	eventually(s.t, 2*time.Minute, "the device is "+state+" in the metrics", func() bool {
		return p.metrics().value(s.t, "arqd_placement_devices", "state", state) == 1
	})
}

// TestPlacementSeesTheDevice follows a device through its life as Placement
// sees it.
func TestPlacementSeesTheDevice(t *testing.T) {
	s := newScheduled(t)
	n := newNode(t, s.opts)
	p := n.start() // ready although the host is not in Placement yet
	s.wantState(p, "waiting_for_host")
	c := p.client()
	c.createProfile("one", 1)
	c.bind(c.deployable(), newUUID(), c.create("one")...)
	s.must(http.MethodPost, "/resource_providers", map[string]any{"name": "compute1", "uuid": s.root})
	s.sees("16-0")
	s.wantState(p, "synced")

	// Guests get what nobody has reserved.
	guest := newUUID()
	s.must(http.MethodPut, "/allocations/"+guest, map[string]any{
		"allocations": map[string]any{s.provider: map[string]any{"resources": map[string]int{"FPGA": 10}}},
		"project_id":  "p", "user_id": "u", "consumer_generation": nil,
	})
	device := "/devices/" + c.devices()[0].UUID
	c.want(204, http.MethodPost, device+"/disable", nil)
	s.sees("16-16")
	c.want(204, http.MethodPost, device+"/enable", nil)
	s.sees("16-0")

	// What others do to it is put right.
	s.must(http.MethodDelete, "/resource_providers/"+s.provider+"/traits", nil)
	s.sees("16-0")
	eventually(t, time.Minute, "a repair is counted", func() bool {
		return p.metrics().value(t, "arqd_placement_repairs_total") >= 1
	})

	// A trait comes; it goes, and meanwhile Placement is away and arqd killed.
	made := c.want(201, http.MethodPost, "/attributes", map[string]any{
		"key": "trait9", "value": "CUSTOM_FOR_A_WHILE", "deployable_id": 1,
	})
	var added attribute
	made.read(t, &added)
	s.sees("16-0", "CUSTOM_FOR_A_WHILE")
	s.placement.Kill()
	c.want(204, http.MethodDelete, "/attributes/"+added.UUID, nil)
	c.want(204, http.MethodPost, device+"/disable", nil)
	s.wantState(p, "unreachable")
	p.kill()

	// The host comes back with fewer accelerators than guests have.
	s.opts["fake.handles_per_device"] = "4"
	n.configure(s.opts)
	p = n.start()
	s.wantState(p, "unreachable")
	if err := s.placement.Start(); err != nil {
		t.Fatal(err)
	}
	s.sees("4-4")
	s.wantState(p, "synced")
	s.must(http.MethodDelete, "/allocations/"+guest, nil)
}

// TestPlacementMetrics: the series are there from the first scrape, and only
// with a Placement.
func TestPlacementMetrics(t *testing.T) {
	series := []string{
		"arqd_placement_devices", "arqd_placement_syncs_total", "arqd_placement_writes_total",
		"arqd_placement_repairs_total", "arqd_placement_conflicts_total",
	}
	with := start(t, options{
		"placement.auth_url": "http://127.0.0.1:1", "placement.user_id": "u", "placement.project_id": "p", "placement.password": "x",
	}).metrics()
	without := start(t, nil).metrics()
	for _, name := range series {
		if with[name] == nil || with[name].GetHelp() == "" {
			t.Errorf("no series %s with a Placement", name)
		}
		if without[name] != nil {
			t.Errorf("a series %s without one", name)
		}
	}
	for _, state := range []string{"pending", "synced", "waiting_for_host", "in_use", "unreachable", "failing"} {
		with.value(t, "arqd_placement_devices", "state", state)
	}
}
