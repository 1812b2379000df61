package openstack

import (
	"testing"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// TestTokensAreHandedOut to those who make their own requests: the same one for
// as long as it is good, another one once it was refused.
func TestTokensAreHandedOut(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	s := session(t, nova(k), quick)
	first, err := s.Token(t.Context())
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := s.Token(t.Context()); again != first || err != nil {
		t.Errorf("%q after %q, %v", again, first, err)
	}
	k.RevokeIssued()
	if err := s.Renew(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second, err := s.Token(t.Context())
	if err != nil || second == first {
		t.Errorf("the refused token again: %v", err)
	}
	if err := s.Renew(t.Context(), first); err != nil { // somebody who was late
		t.Fatal(err)
	}
	if got := len(k.Auths()); got != 2 {
		t.Errorf("%d authentications, want 2", got)
	}
}

func TestEndpointOfAService(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	n := openstacktest.NewNova(t, k)
	k.SetCatalog(n.Endpoint())
	s := session(t, nova(k), quick)
	if got, err := s.Endpoint(t.Context(), Service{Type: "compute", Interfaces: []string{"internal"}}); err != nil || got == "" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := s.Endpoint(t.Context(), Service{Type: "accelerator"}); err == nil {
		t.Errorf("%q of a service that there is not", got)
	}
}
