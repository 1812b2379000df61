package keystone

import (
	"testing"

	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func TestPathPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/v2/devices", "/v2/devices", true},
		{"/v2/devices", "/v2/devices/x", false},
		{"/v2/devices", "/v2/device", false},
		{"/v2/devices/{id}", "/v2/devices/x", true},
		{"/v2/devices/{id}", "/v2/devices/", false},
		{"/v2/devices/{id}", "/v2/devices/x/enable", false},
		{"/v2/devices/{id}/enable", "/v2/devices/x/enable", true},
		{"/v2/*", "/v2/devices", true},
		{"/v2/*", "/v2/devices/x", false},
		{"/v2/*/x", "/v2/devices/x", true},
		{"/v2/**", "/v2/devices/x/enable", true},
		{"/v2/**", "/v2", false},
		{"**", "/anything/at/all", true},
		{"/v2/d*s", "/v2/devices", true},
		{"/v2.devices", "/v2/devices", false}, // a dot is a dot
		{"/v2/(devices|deployables)", "/v2/devices", false},
		{"/v2/devices$", "/v2/devices", false},
		{"", "/v2/devices", false},
	} {
		if got := pathPattern(c.pattern).MatchString(c.path); got != c.want {
			t.Errorf("%s for %s: %v", c.pattern, c.path, got)
		}
	}
}

func TestAccessRulesOfApplicationCredentials(t *testing.T) {
	b := newBench(t)
	restricted := func(subject string, rules ...any) {
		b.keystone.Add(subject, later(), map[string]any{
			"project": openstacktest.Project("p"), "roles": openstacktest.Roles("member"),
			"application_credential": map[string]any{"id": "a", "access_rules": append([]any{}, rules...)},
		})
	}
	rule := func(service, method, path string) any {
		return map[string]any{"id": "r", "service": service, "method": method, "path": path}
	}
	restricted("some", rule("compute", "POST", "/**"), rule("accelerator", "GET", "/v2/devices"), rule("accelerator", "GET", "/v2/devices/*"))
	restricted("none")
	b.service("nova", "service")
	for _, c := range []struct {
		user, service, method, path string
		want                        bool
	}{
		{"some", "", "GET", "/v2/devices", true},
		{"some", "", "GET", "/v2/devices/x", true},
		{"some", "", "POST", "/v2/devices/x", false},
		{"some", "", "GET", "/v2/deployables", false},
		{"some", "nova", "POST", "/v2/accelerator_requests", true}, // on behalf of another service's request
		{"none", "", "GET", "/v2/devices", false},
	} {
		for range 2 { // asked, and remembered
			_, err := b.Validate(t.Context(), &request{c.user, c.service, c.method, c.path})
			if (err == nil) != c.want || err != nil && !isRefusal(err) {
				t.Errorf("%+v: %v", c, err)
			}
		}
	}
	b.asked("some", 1)
	b.fails(auth.ErrServiceUnauthorized, "some", "unknown")
}
