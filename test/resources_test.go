package test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// arq is an accelerator request as clients see it; null is the empty text.
type arq struct {
	UUID       string `json:"uuid"`
	State      string `json:"state"`
	Profile    string `json:"device_profile_name"`
	Hostname   string `json:"hostname"`
	Provider   string `json:"device_rp_uuid"`
	Instance   string `json:"instance_uuid"`
	Project    string `json:"project_id"`
	HandleType string `json:"attach_handle_type"`
	Handle     string `json:"attach_handle_uuid"`
}

type device struct {
	UUID     string `json:"uuid"`
	Hostname string `json:"hostname"`
	Status   string `json:"status"` // from 2.3
}

type deployable struct {
	ID       int    `json:"device_id"` // each fake device has one deployable
	UUID     string `json:"uuid"`
	Name     string `json:"name"`
	Provider string `json:"rp_uuid"`
	Image    string `json:"bitstream_id"` // that is known to be loaded
	host     string
}

type attribute struct {
	UUID  string `json:"uuid"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

type profile struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// createProfile makes a device profile that asks for n FPGAs.
func (c *client) createProfile(name string, n int) profile {
	c.t.Helper()
	var p profile
	c.want(http.StatusCreated, http.MethodPost, "/device_profiles", profileBody(name, n)).read(c.t, &p)
	return p
}

func profileBody(name string, n int) string {
	return fmt.Sprintf(`[{"name": %q, "groups": [{"resources:FPGA": "%d"}]}]`, name, n)
}

func (c *client) profiles() []profile {
	c.t.Helper()
	var list struct {
		Profiles []profile `json:"device_profiles"`
	}
	c.want(http.StatusOK, http.MethodGet, "/device_profiles", nil).read(c.t, &list)
	return list.Profiles
}

// create makes the ARQs of a profile and gives their uuids.
func (c *client) create(profile string) []string {
	c.t.Helper()
	return c.want(http.StatusCreated, http.MethodPost, "/accelerator_requests", createBody(profile)).arqUUIDs(c)
}

func createBody(profile string) string { return fmt.Sprintf(`{"device_profile_name": %q}`, profile) }

func (a *answer) arqUUIDs(c *client) []string {
	c.t.Helper()
	var uuids []string
	for _, one := range a.arqs(c) {
		uuids = append(uuids, one.UUID)
	}
	return uuids
}

func (a *answer) arqs(c *client) []arq {
	c.t.Helper()
	var list struct {
		ARQs []arq `json:"arqs"`
	}
	a.read(c.t, &list)
	return list.ARQs
}

func (c *client) arqs(query string) []arq {
	c.t.Helper()
	return c.want(http.StatusOK, http.MethodGet, "/accelerator_requests"+query, nil).arqs(c)
}

func (c *client) arq(uuid string) arq {
	c.t.Helper()
	var one arq
	c.want(http.StatusOK, http.MethodGet, "/accelerator_requests/"+uuid, nil).read(c.t, &one)
	return one
}

// bindBody is the PATCH that binds the ARQs to an instance on a deployable.
func bindBody(d deployable, instance string, uuids ...string) []byte {
	add := func(path, value string) map[string]string {
		return map[string]string{"path": path, "op": "add", "value": value}
	}
	operations := []map[string]string{
		add("/hostname", d.host), add("/device_rp_uuid", d.Provider), add("/instance_uuid", instance),
	}
	return patchBody(operations, uuids)
}

func unbindBody(uuids ...string) []byte {
	return patchBody([]map[string]string{
		{"path": "/hostname", "op": "remove"},
		{"path": "/device_rp_uuid", "op": "remove"},
		{"path": "/instance_uuid", "op": "remove"},
	}, uuids)
}

func patchBody(operations []map[string]string, uuids []string) []byte {
	body := map[string]any{}
	for _, id := range uuids {
		body[id] = operations
	}
	return encode(body)
}

func (c *client) bind(d deployable, instance string, uuids ...string) {
	c.t.Helper()
	c.want(http.StatusAccepted, http.MethodPatch, "/accelerator_requests", bindBody(d, instance, uuids...))
}

func (c *client) unbind(uuids ...string) {
	c.t.Helper()
	c.want(http.StatusAccepted, http.MethodPatch, "/accelerator_requests", unbindBody(uuids...))
}

func (c *client) delete(uuids ...string) {
	c.t.Helper()
	c.want(http.StatusNoContent, http.MethodDelete, deletePath(uuids...), nil)
}

func deletePath(uuids ...string) string {
	return "/accelerator_requests?arqs=" + strings.Join(uuids, ",")
}

func (c *client) devices() []device {
	c.t.Helper()
	var list struct {
		Devices []device `json:"devices"`
	}
	c.version("2.3").want(http.StatusOK, http.MethodGet, "/devices", nil).read(c.t, &list)
	return list.Devices
}

// deployableList is a list of deployables as it is shown.
type deployableList struct {
	Deployables []deployable `json:"deployables"`
}

// named gives them with the host that each is named after.
func (l deployableList) named() []deployable {
	for i := range l.Deployables {
		d := &l.Deployables[i]
		d.host, _, _ = strings.Cut(d.Name, "_")
	}
	return l.Deployables
}

// deployables gives the deployable of each host; every fake host of these
// tests has one device.
func (c *client) deployables() map[string]deployable {
	c.t.Helper()
	var list deployableList
	c.want(http.StatusOK, http.MethodGet, "/deployables", nil).read(c.t, &list)
	byHost := map[string]deployable{}
	for _, d := range list.Deployables {
		d.host = strings.TrimSuffix(d.Name, "_FakeDevice")
		byHost[d.host] = d
	}
	return byHost
}

// deployable gives the one deployable of the default configuration.
func (c *client) deployable() deployable {
	c.t.Helper()
	all := slices.Collect(maps.Values(c.deployables()))
	if len(all) != 1 {
		c.t.Fatalf("%d deployables, want one", len(all))
	}
	return all[0]
}

func (c *client) attributes() []attribute {
	c.t.Helper()
	var list struct {
		Attributes []attribute `json:"attributes"`
	}
	c.want(http.StatusOK, http.MethodGet, "/attributes", nil).read(c.t, &list)
	return list.Attributes
}

func newUUID() string { return uuid.NewString() }
