package test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

// TestOrderOfChecks: token, version, policy, body, in this order. Each case is
// wrong in more than one way, and the first of them decides.
func TestOrderOfChecks(t *testing.T) {
	p := start(t, options{"api.auth_strategy": "headers"})
	open := p.client()
	const (
		profiles = "/device_profiles"
		arqs     = "/accelerator_requests"
		broken   = `{"device_profile_name": `
	)
	version := func(v string) http.Header { return http.Header{"Openstack-Api-Version": {v}} }
	both := func(a, b http.Header) http.Header {
		a = maps.Clone(a)
		maps.Copy(a, b)
		return a
	}
	text := http.Header{"Content-Type": {"text/plain"}}
	badService := serviceToken("service")
	badService.Set("X-Service-Identity-Status", "Invalid")
	cases := []struct {
		name         string
		header       http.Header
		method, path string
		body         any
		want         int
	}{
		{"no token, version out of range", version("accelerator 2.99"), "GET", profiles, nil, 401},
		{"no token, version unparsable", version("accelerator garbage"), "GET", profiles, nil, 401},
		{"no token, body broken", nil, "POST", arqs, broken, 401},
		{"no token, no such path", nil, "GET", "/nope", nil, 401},
		{"no token, no such method", nil, "PUT", profiles, nil, 401},
		{"token without a project", both(as("member"), http.Header{"X-Project-Id": {""}}), "GET", arqs, nil, 401},
		{"bad service token, version out of range", both(both(as("member"), badService), version("accelerator 2.99")), "GET", arqs, nil, 401},
		{"service token without a service role", both(as("member"), serviceToken("member")), "GET", arqs, nil, 401},
		{"token, no such path", as("norole"), "GET", "/nope", nil, 404},
		{"token, no such method", as("norole"), "PUT", profiles, nil, 405},
		{"version out of range, policy", both(as("norole"), version("accelerator 2.99")), "POST", profiles, broken, 406},
		{"version unparsable, policy", both(as("norole"), version("accelerator two")), "POST", profiles, broken, 406},
		{"version of another service alone, unparsable", both(as("norole"), version("compute 2.90")), "GET", profiles, nil, 406},
		{"policy, body broken", as("reader"), "POST", arqs, broken, 403},
		{"policy, wrong content type", both(as("reader"), text), "POST", arqs, broken, 403},
		{"policy, unknown query parameter", as("norole"), "GET", arqs + "?colour=red", nil, 403},
		{"policy, no such thing", as("reader"), "DELETE", "/device_profiles/nobody", nil, 403},
		{"content type, body broken", both(as("member"), text), "POST", arqs, broken, 415},
		{"form, body broken", both(as("member"), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}), "POST", arqs, broken, 400},
		{"body broken", as("member"), "POST", arqs, broken, 400},
		{"no such profile", as("member"), "POST", arqs, createBody("nobody"), 404},
	}
	for _, c := range cases {
		got := open.with(c.header).send(c.method, c.path, c.body)
		if got.status != c.want {
			t.Errorf("%s: status %d, want %d: %s", c.name, got.status, c.want, got.body)
		}
		if got.status >= 400 {
			checkEnvelope(t, c.name, got)
		}
		if got.status == 405 && got.header.Get("Allow") == "" {
			t.Errorf("%s: 405 without Allow", c.name)
		}
		ranged := got.header.Get("OpenStack-API-Maximum-Version") != ""
		if wants := got.status == 406 && !strings.Contains(c.name, "unparsable"); got.status == 406 && ranged != wants {
			t.Errorf("%s: range of versions in the headers: %v, want %v", c.name, ranged, wants)
		}
	}
}

// TestMoveToAnotherProject: /project_id of a bind needs 2.1, and then an
// administrator; a refused one changes nothing.
func TestMoveToAnotherProject(t *testing.T) {
	p := start(t, options{"api.auth_strategy": "headers"})
	w := newAccessWorld(p, proxied)
	id, instance := w.arqOf(persona{project: "demo"}), newUUID()
	body := strings.Replace(string(bindBody(w.deployable, instance, id)), "[{",
		`[{"path": "/project_id", "op": "add", "value": "elsewhere"}, {`, 1)
	const arqs = "/accelerator_requests"
	member := w.open.with(as("member")).with(serviceToken("service"))
	nova := w.open.with(as("nova")).with(serviceToken("service"))
	member.want(406, http.MethodPatch, arqs, body)
	nova.want(406, http.MethodPatch, arqs, body)
	member.version("2.1").want(403, http.MethodPatch, arqs, body)
	if got := w.admin.arq(id); got.State != "Initial" || got.Project != "demo" {
		t.Errorf("refused requests left %+v", got)
	}
	nova.version("2.1").want(202, http.MethodPatch, arqs, body)
	if got := w.admin.arq(id); got.State != "Bound" || got.Project != "elsewhere" {
		t.Errorf("after the bind: %+v", got)
	}
	member.want(404, http.MethodGet, arqs+"/"+id, nil)
}
