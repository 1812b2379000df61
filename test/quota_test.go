package test

import (
	"net/http"
	"strings"
	"testing"
)

// TestQuota: the 403 names the limit; the ARQs of others do not count, and
// those that are bound do not count as unbound.
func TestQuota(t *testing.T) {
	p := start(t, options{
		"api.auth_strategy":                  "headers",
		"oslo_policy.enforce_new_defaults":   "false",
		"quota.max_arqs_per_project":         "4",
		"quota.max_unbound_arqs_per_project": "2",
	})
	admin, user := p.client().with(as("admin")).with(serviceToken("service")), p.client().with(as("member"))
	admin.createProfile("pair", 2)
	bound := user.create("pair")
	a := user.want(403, http.MethodPost, "/accelerator_requests", createBody("pair"))
	if !strings.Contains(string(a.body), "max_unbound_arqs_per_project exceeded: the project has 2 of 2 and asks for 2 more") {
		t.Errorf("%s", a.body)
	}
	admin.bind(admin.deployable(), newUUID(), bound...)
	user.create("pair")
	a = user.want(403, http.MethodPost, "/accelerator_requests", createBody("pair"))
	if !strings.Contains(string(a.body), "max_arqs_per_project exceeded: the project has 4 of 4") {
		t.Errorf("%s", a.body)
	}
	admin.create("pair")
}
