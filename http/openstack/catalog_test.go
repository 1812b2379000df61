package openstack

import (
	"errors"
	"strings"
	"testing"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func TestCatalog(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	k.SetCatalog(
		openstacktest.Endpoint{Type: "compute", Interface: "internal", Region: "one", URL: "http://nova-1"},
		openstacktest.Endpoint{Type: "compute", Interface: "public", Region: "one", URL: "http://public-1/"},
		openstacktest.Endpoint{Type: "compute", Interface: "internal", Region: "two", URL: "http://nova-2"},
		openstacktest.Endpoint{Type: "image", Interface: "public", Region: "two", URL: "http://glance-2"},
	)
	s := session(t, nova(k), quick)
	for _, c := range []struct {
		service Service
		want    string // "": there is none
	}{
		{Service{Type: "compute", Interfaces: []string{"internal"}, Region: "one"}, "http://nova-1/"},
		{Service{Type: "compute", Interfaces: []string{"internal"}, Region: "two"}, "http://nova-2/"},
		{Service{Type: "compute", Interfaces: []string{"internal"}}, "http://nova-1/"},
		{Service{Type: "compute"}, "http://public-1/"},
		{Service{Type: "image", Interfaces: []string{"internal", "public"}}, "http://glance-2/"},
		{Service{Type: "image", Interfaces: []string{"public"}, Region: "one"}, ""},
		{Service{Type: "image", Interfaces: []string{"internal"}}, ""},
		{Service{Type: "placement"}, ""},
		{Service{Type: "placement", Override: "http://elsewhere/placement"}, "http://elsewhere/placement/"},
	} {
		client, err := s.Client(t.Context(), c.service)
		switch {
		case c.want == "":
			if absent, ok := errors.AsType[*NoEndpointError](err); !ok || !strings.Contains(absent.Error(), c.service.Type) {
				t.Errorf("%v: %v", c.service, err)
			}
		case err != nil || client.Endpoint != c.want:
			t.Errorf("%v: %+v, %v, want %s", c.service, client, err, c.want)
		}
	}
	if n := len(k.Auths()); n != 1 {
		t.Errorf("%d authentications", n)
	}
}
