package test

import (
	"net/http"
	"testing"
)

// TestEverythingSurvives compares every resource, byte for byte, before and
// after a stop and a kill.
func TestEverythingSurvives(t *testing.T) {
	n := newNode(t, options{"fake.hosts": "compute1,compute2", "api.public_endpoint": "http://cloud.example"})
	p := n.start()
	c := p.client()
	here, there := c.deployables()["compute1"], c.deployables()["compute2"]
	c.createProfile("three", 3)
	c.want(201, http.MethodPost, "/device_profiles",
		`[{"name": "rich", "description": "ä \u0000 \"", "groups": [{"resources:FPGA": "1", "trait:CUSTOM_X": "forbidden", "accel:a": "b"}]}]`)
	bound, unbound, waiting := c.create("three"), c.create("three"), c.create("three")
	c.bind(here, newUUID(), bound...)
	c.bind(there, newUUID(), unbound...)
	c.unbind(unbound...)
	c.delete(waiting[1])
	c.want(201, http.MethodPost, "/attributes", attributeBody("mine"))
	c.want(204, http.MethodPost, "/devices/"+c.devices()[0].UUID+"/disable", nil)
	c.want(200, http.MethodPatch, "/deployables/"+there.UUID+"/program", programBody(newUUID()))

	before := everything(c)
	p.stop()
	p = n.start()
	compareAll(t, "a stop", before, everything(p.client()))
	p.kill()
	p = n.start()
	compareAll(t, "a kill", before, everything(p.client()))
	p.checkHandles(p.client(), 32)

	// And life goes on from there.
	c = p.client()
	c.unbind(bound...)
	c.bind(there, newUUID(), bound[0], waiting[0])
	c.want(409, http.MethodPatch, "/accelerator_requests", bindBody(here, newUUID(), bound[1])) // disabled
	p.checkHandles(c, 32)
}

func everything(c *client) map[string]string {
	c.t.Helper()
	all := map[string]string{}
	for _, path := range []string{"/accelerator_requests", "/device_profiles", "/devices", "/deployables", "/attributes"} {
		all[path] = string(c.version("2.3").want(200, http.MethodGet, path, nil).body)
	}
	for _, a := range c.arqs("") {
		path := "/accelerator_requests/" + a.UUID
		all[path] = string(c.want(200, http.MethodGet, path, nil).body)
	}
	return all
}

func compareAll(t *testing.T, event string, before, after map[string]string) {
	t.Helper()
	if len(before) != len(after) {
		t.Errorf("after %s: %d resources, before it %d", event, len(after), len(before))
	}
	for path, want := range before {
		if got := after[path]; got != want {
			t.Errorf("%s after %s:\n%s\nbefore it:\n%s", path, event, got, want)
		}
	}
}
