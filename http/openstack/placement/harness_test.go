package placement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// The tests of this package are against a real Placement, one for all of them:
// each has a host of its own in it.
var shared struct {
	once      sync.Once
	hosts     atomic.Int32
	placement *openstacktest.Placement
	err       error
}

type run struct{ *testing.M }

func (r run) Run() int {
	defer func() {
		if shared.placement != nil {
			shared.placement.Close()
		}
	}()
	return r.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(run{m}) }

// world is a host in Placement, and a client of ours.
type world struct {
	t         *testing.T
	placement *openstacktest.Placement
	host      string // the name of its provider
	device    string // the name that its devices have for it
	root      string
	client    *Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := hostless(t)
	w.makeRoot()
	return w
}

// hostless is a world whose host Placement does not know.
func hostless(t *testing.T) *world {
	t.Helper()
	if out, err := exec.Command("../../../test/need", "cloud").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skip(string(out))
	}
	shared.once.Do(func() { shared.placement, shared.err = openstacktest.StartPlacement() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	w := &world{t: t, placement: shared.placement, host: fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), shared.hosts.Add(1))}
	w.device = w.host
	w.client = New(session(t, w.placement.URL), openstack.Service{})
	return w
}

func session(t *testing.T, placement string) *openstack.Session {
	t.Helper()
	k := openstacktest.NewKeystone(t)
	k.SetCatalog(openstacktest.Endpoint{Type: "placement", Interface: "public", Region: "one", URL: placement})
	s, err := openstack.NewSession(openstack.Credentials{
		AuthType: openstack.AuthPassword, AuthURL: k.URL, UserID: "u", Password: openstacktest.Password, ProjectID: "p",
	}, openstack.Connection{Timeout: time.Minute, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (w *world) makeRoot() {
	w.t.Helper()
	w.root = uuid.NewString()
	w.must(http.MethodPost, "/resource_providers", map[string]any{"name": w.host, "uuid": w.root})
}

// deployable is one of the host's with so many FPGAs.
func (w *world) deployable(name string, total int, traits ...string) actors.Provider {
	full := w.host + "_" + name
	return actors.Provider{
		UUID: uuid.NewMD5(uuid.NameSpaceDNS, []byte(full)), Name: full, Class: "FPGA", Total: total,
		Traits: slices.Sorted(slices.Values(append(traits, "OWNER_CYBORG"))),
	}
}

// show wants so many changes, and an error or none.
func (w *world) show(changes int, want error, providers ...actors.Provider) {
	w.t.Helper()
	n, err := w.tryShow(providers...)
	if n != changes || !is(err, want) {
		w.t.Errorf("%d changes, %v; want %d, %v", n, err, changes, want)
	}
}

func (w *world) tryShow(providers ...actors.Provider) (int, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	return w.client.Show(ctx, &actors.Supply{Device: uuid.New(), Host: w.device, Root: w.host, Providers: providers})
}

// seen is what Placement has of a provider.
type seen struct {
	name, parent string
	inventories  map[string]string // total and reserved
	traits       []string
}

func (w *world) see(id uuid.UUID) seen {
	w.t.Helper()
	var provider struct {
		Name   string
		Parent string `json:"parent_provider_uuid"`
	}
	var have struct {
		Inventories map[string]struct{ Total, Reserved int }
	}
	var traits struct{ Traits []string }
	path := "/resource_providers/" + id.String()
	w.get(path, &provider)
	w.get(path+"/inventories", &have)
	w.get(path+"/traits", &traits)
	s := seen{provider.Name, provider.Parent, map[string]string{}, traits.Traits}
	for class, i := range have.Inventories {
		s.inventories[class] = fmt.Sprintf("%d-%d", i.Total, i.Reserved)
	}
	slices.Sort(s.traits)
	return s
}

// wantSeen compares inventories, "FPGA 4-0", and traits.
func (w *world) wantSeen(p actors.Provider, inventories []string, traits ...string) {
	w.t.Helper()
	s := w.see(p.UUID)
	var have []string
	for _, class := range slices.Sorted(maps.Keys(s.inventories)) {
		have = append(have, class+" "+s.inventories[class])
	}
	slices.Sort(traits)
	if s.name != p.Name || s.parent != w.root || !slices.Equal(have, inventories) || !slices.Equal(s.traits, traits) {
		w.t.Errorf("Placement has %+v of %s, want %v and %v below %s", s, p.Name, inventories, traits, w.root)
	}
}

// allocate gives a guest some of a provider and gives the guest's id.
func (w *world) allocate(p actors.Provider, class string, n int) string {
	w.t.Helper()
	guest := uuid.NewString()
	w.must(http.MethodPut, "/allocations/"+guest, map[string]any{
		"allocations": map[string]any{p.UUID.String(): map[string]any{"resources": map[string]int{class: n}}},
		"project_id":  "p", "user_id": "u", "consumer_generation": nil,
	})
	return guest
}

func (w *world) get(path string, into any) {
	w.t.Helper()
	status, text := w.call(http.MethodGet, path, nil)
	if status != http.StatusOK || json.Unmarshal(text, into) != nil {
		w.t.Fatalf("%s: %d %s", path, status, text)
	}
}

func (w *world) must(method, path string, body any) {
	w.t.Helper()
	if status, text := w.call(method, path, body); status >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
}

// generation gives the generation of a provider.
func (w *world) generation(id uuid.UUID) int {
	w.t.Helper()
	var p struct{ Generation int }
	w.get("/resource_providers/"+id.String(), &p)
	return p.Generation
}

// putTrait gives a provider one more trait, as an operator would.
func (w *world) putTrait(id uuid.UUID, trait string) {
	w.t.Helper()
	w.must(http.MethodPut, "/traits/"+trait, nil)
	w.must(http.MethodPut, "/resource_providers/"+id.String()+"/traits", map[string]any{
		"resource_provider_generation": w.generation(id), "traits": append(w.see(id).traits, trait),
	})
}

// call talks to Placement as an administrator, past the handler at the door.
func (w *world) call(method, path string, body any) (status int, text []byte) {
	w.t.Helper()
	return w.placement.Call(w.t, method, path, body)
}

func is(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}
