package placement

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

func TestADeviceIsShownBelowItsHost(t *testing.T) {
	w := newWorld(t)
	one := w.deployable("one", 4, "CUSTOM_ONE_OF_OURS")
	two := w.deployable("two", 2)
	two.Class = "CUSTOM_SHOWN_CLASS"
	w.show(6, nil, one, two) // each: provider, inventory, traits
	w.wantSeen(one, []string{"FPGA 4-0"}, "CUSTOM_ONE_OF_OURS", "OWNER_CYBORG")
	w.wantSeen(two, []string{"CUSTOM_SHOWN_CLASS 2-0"}, "OWNER_CYBORG")

	// Again there is nothing to do, and nothing is written.
	before := w.generation(one.UUID)
	w.show(0, nil, one, two)
	if after := w.generation(one.UUID); after != before {
		t.Errorf("generation %d became %d", before, after)
	}
	want := Stats{Providers: 2, Inventories: 2, Traits: 2}
	if got := w.client.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestAllOfIt(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 16)
	w.show(3, nil, p)
	var have struct{ Inventories map[string]map[string]float64 }
	w.get("/resource_providers/"+p.UUID.String()+"/inventories", &have)
	want := map[string]float64{"total": 16, "reserved": 0, "min_unit": 1, "max_unit": 16, "step_size": 1, "allocation_ratio": 1}
	for key, value := range want {
		if have.Inventories["FPGA"][key] != value {
			t.Errorf("%s is %v, want %v", key, have.Inventories["FPGA"][key], value)
		}
	}
}

func TestWhatOthersDoIsPutRightOrLeftAlone(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4, "CUSTOM_DRIFT_OURS")
	w.show(3, nil, p)
	path := "/resource_providers/" + p.UUID.String()

	// Somebody deletes our inventory and our traits.
	w.must(http.MethodDelete, path+"/inventories", nil)
	w.must(http.MethodDelete, path+"/traits", nil)
	w.show(2, nil, p)
	w.wantSeen(p, []string{"FPGA 4-0"}, "CUSTOM_DRIFT_OURS", "OWNER_CYBORG")

	// Somebody adds a trait and an inventory: they stay, also when ours change.
	w.putTrait(p.UUID, "CUSTOM_DRIFT_THEIRS")
	w.must(http.MethodPost, path+"/inventories", map[string]any{"resource_class": "VGPU", "total": 3, "reserved": 1, "allocation_ratio": 1.1})
	w.show(0, nil, p)
	p.Total, p.Traits, p.FormerTraits = 5, []string{"CUSTOM_DRIFT_NEW", "OWNER_CYBORG"}, []string{"CUSTOM_DRIFT_OURS"}
	w.show(2, nil, p)
	w.wantSeen(p, []string{"FPGA 5-0", "VGPU 3-1"}, "CUSTOM_DRIFT_NEW", "CUSTOM_DRIFT_THEIRS", "OWNER_CYBORG")
	var theirs struct {
		Ratio float64 `json:"allocation_ratio"`
	}
	w.get(path+"/inventories/VGPU", &theirs)
	if theirs.Ratio < 1.09 || theirs.Ratio > 1.11 {
		t.Errorf("their allocation ratio is %v now", theirs.Ratio)
	}

	// Somebody turns a screw of ours, renames the provider, or deletes it.
	w.must(http.MethodPut, path+"/inventories/FPGA", map[string]any{
		"resource_provider_generation": w.generation(p.UUID), "total": 5, "reserved": 2, "max_unit": 1,
	})
	w.show(1, nil, p)
	w.must(http.MethodPut, path, map[string]any{"name": w.host + "-renamed", "parent_provider_uuid": w.root})
	w.show(1, nil, p)
	w.must(http.MethodDelete, path, nil)
	w.show(3, nil, p)
	w.wantSeen(p, []string{"FPGA 5-0"}, "CUSTOM_DRIFT_NEW", "OWNER_CYBORG")
}

func TestDisabling(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4)
	w.show(3, nil, p)
	guest := w.allocate(p, "FPGA", 3)
	p.Reserved = 4 // although guests have some of it
	w.show(1, nil, p)
	w.wantSeen(p, []string{"FPGA 4-4"}, "OWNER_CYBORG")
	p.Total, p.Reserved = 6, 6
	w.show(1, nil, p)
	w.wantSeen(p, []string{"FPGA 6-6"}, "OWNER_CYBORG")
	p.Reserved = 0
	w.show(1, nil, p)
	w.wantSeen(p, []string{"FPGA 6-0"}, "OWNER_CYBORG")
	w.must(http.MethodDelete, "/allocations/"+guest, nil)
}

func TestWhatGuestsHaveDoesNotGo(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4)
	w.show(3, nil, p)
	guest := w.allocate(p, "FPGA", 3)
	p.Total = 2 // fewer than guests have: nobody gets more
	w.show(1, nil, p)
	w.wantSeen(p, []string{"FPGA 2-0"}, "OWNER_CYBORG")

	// Nothing is left: what there is is reserved until it can go.
	p.Total = 0
	w.show(1, actors.ErrSupplyInUse, p)
	w.wantSeen(p, []string{"FPGA 2-2"}, "OWNER_CYBORG")
	w.show(0, actors.ErrSupplyInUse, p)
	w.must(http.MethodDelete, "/allocations/"+guest, nil)
	w.show(1, nil, p)
	w.wantSeen(p, nil, "OWNER_CYBORG")

	// The same when it becomes something else; the new is there at once, and a
	// second deployable is not kept waiting.
	p.Total = 2
	w.show(1, nil, p)
	guest = w.allocate(p, "FPGA", 1)
	p.Class, p.FormerClasses = "PGPU", []string{"FPGA"}
	other := w.deployable("other", 1)
	w.show(4, actors.ErrSupplyInUse, p, other)
	w.wantSeen(p, []string{"FPGA 2-2", "PGPU 2-0"}, "OWNER_CYBORG")
	w.wantSeen(other, []string{"FPGA 1-0"}, "OWNER_CYBORG")
	w.must(http.MethodDelete, "/allocations/"+guest, nil)
	w.show(1, nil, p, other)
	w.wantSeen(p, []string{"PGPU 2-0"}, "OWNER_CYBORG")
}

func TestTheHostComesLate(t *testing.T) {
	w := hostless(t)
	p := w.deployable("one", 4)
	w.show(0, actors.ErrHostUnknown, p)
	w.makeRoot()
	w.show(3, nil, p)
	w.wantSeen(p, []string{"FPGA 4-0"}, "OWNER_CYBORG")
}

// Nova may have another name for the host than its devices: it is moved to where
// Nova has it.
func TestTheHostIsCalledOtherwise(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4)
	w.show(3, nil, p)
	w.host += ".example.org"
	w.show(0, actors.ErrHostUnknown, p)
	w.makeRoot()
	w.show(1, nil, p)
	w.wantSeen(p, []string{"FPGA 4-0"}, "OWNER_CYBORG")
}

func TestAProviderIsMovedBelowItsHost(t *testing.T) {
	w := newWorld(t)
	p, q := w.deployable("orphan", 4), w.deployable("foundling", 4)
	elsewhere := uuid.NewString()
	w.must(http.MethodPost, "/resource_providers", map[string]any{"name": w.host + "-before", "uuid": elsewhere})
	w.must(http.MethodPost, "/resource_providers", map[string]any{"name": p.Name, "uuid": p.UUID})
	w.must(http.MethodPost, "/resource_providers", map[string]any{"name": q.Name, "uuid": q.UUID, "parent_provider_uuid": elsewhere})
	w.show(6, nil, p, q)
	w.wantSeen(p, []string{"FPGA 4-0"}, "OWNER_CYBORG")
	w.wantSeen(q, []string{"FPGA 4-0"}, "OWNER_CYBORG")
}

func TestNamesThatPlacementDoesNotHave(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4, "NO_SUCH_TRAIT", "CUSTOM_NAMES_GOOD")
	n, err := w.tryShow(p)
	if n != 3 || err == nil || !strings.Contains(err.Error(), p.Name+": the trait NO_SUCH_TRAIT") {
		t.Errorf("%d changes, %v", n, err)
	}
	w.wantSeen(p, []string{"FPGA 4-0"}, "CUSTOM_NAMES_GOOD", "OWNER_CYBORG") // all that can be

	q := w.deployable("two", 4, "CUSTOM_"+strings.Repeat("X", 300))
	q.Class = "NO_SUCH_CLASS"
	n, err = w.tryShow(q)
	if n != 2 || err == nil || !strings.Contains(err.Error(), "the resource class NO_SUCH_CLASS") || !strings.Contains(err.Error(), "XXX") {
		t.Errorf("%d changes, %v", n, err)
	}
	w.wantSeen(q, nil, "OWNER_CYBORG")
}

// A custom name that Placement has lost since is made again.
func TestALostNameIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	n := shared.hosts.Load() // the names of another run of this test are in use
	trait, class := fmt.Sprintf("CUSTOM_LOST_TRAIT_%d", n), fmt.Sprintf("CUSTOM_LOST_CLASS_%d", n)
	p := w.deployable("one", 4, trait)
	p.Class = class
	w.show(3, nil, p)
	path := "/resource_providers/" + p.UUID.String()
	for _, gone := range []string{path + "/inventories", path + "/traits", "/traits/" + trait, "/resource_classes/" + class} {
		w.must(http.MethodDelete, gone, nil)
	}
	if _, err := w.tryShow(p); err == nil {
		t.Error("no error for what was lost")
	}
	w.show(2, nil, p)
	w.wantSeen(p, []string{class + " 4-0"}, trait, "OWNER_CYBORG")
}

func TestTheNameIsAnothers(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4)
	w.must(http.MethodPost, "/resource_providers", map[string]any{"name": p.Name, "uuid": uuid.NewString()})
	n, err := w.tryShow(p, w.deployable("two", 1))
	if n != 3 || err == nil || !strings.Contains(err.Error(), "another provider") { // the second one is shown
		t.Errorf("%d changes, %v", n, err)
	}
}

// Between our look and our write somebody else changes the provider, each time
// in another of its parts.
func TestAnotherWriter(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4, "CUSTOM_RACE_OURS")
	interfered := 0
	w.placement.OnCall(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/resource_providers/") && interfered < 4 {
			interfered++
			w.putTrait(p.UUID, fmt.Sprintf("CUSTOM_RACE_THEIRS_%d", interfered))
		}
		return false
	})
	w.show(3, nil, p)
	w.wantSeen(p, []string{"FPGA 4-0"}, "CUSTOM_RACE_OURS", "OWNER_CYBORG",
		"CUSTOM_RACE_THEIRS_1", "CUSTOM_RACE_THEIRS_2", "CUSTOM_RACE_THEIRS_3", "CUSTOM_RACE_THEIRS_4")
	if s := w.client.Stats(); s.Conflicts != 4 {
		t.Errorf("%d conflicts", s.Conflicts)
	}
}

func TestAnotherWriterWithoutEnd(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 4)
	n := 0
	w.placement.OnCall(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/inventories") {
			n++
			w.putTrait(p.UUID, fmt.Sprintf("CUSTOM_ENDLESS_%d", n))
		}
		return false
	})
	if _, err := w.tryShow(p); err == nil || !strings.Contains(err.Error(), "all the time") || n != attempts {
		t.Errorf("%v, %d writes", err, n)
	}
}

func TestAProviderThatIsGone(t *testing.T) {
	w := newWorld(t)
	one, two := w.deployable("one", 4, "CUSTOM_GONE_TRAIT"), w.deployable("two", 4)
	w.show(6, nil, one, two)
	guest := w.allocate(two, "FPGA", 1)
	gone := func(p actors.Provider) actors.Provider {
		return actors.Provider{UUID: p.UUID, Gone: true, FormerClasses: []string{p.Class}, FormerTraits: p.Traits}
	}
	w.show(2, actors.ErrSupplyInUse, gone(one), gone(two)) // deleted, and reserved
	if status, _ := w.call(http.MethodGet, "/resource_providers/"+one.UUID.String(), nil); status != http.StatusNotFound {
		t.Errorf("one is still there: %d", status)
	}
	w.wantSeen(two, []string{"FPGA 4-4"}, "OWNER_CYBORG")
	w.show(0, actors.ErrSupplyInUse, gone(two))
	w.must(http.MethodDelete, "/allocations/"+guest, nil)
	w.show(1, nil, gone(one), gone(two))
	w.show(0, nil, gone(one), gone(two))
}
