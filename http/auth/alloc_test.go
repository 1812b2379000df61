//go:build !race

package auth

import "testing"

func TestEnforceDoesNotAllocate(t *testing.T) {
	for _, set := range []Set{SetNew, SetLegacy} {
		e, err := NewEnforcer(set, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range personas {
			id := persona(who.name)
			id.Roles = append([]string{"Ärztin"}, id.Roles...)
			for _, c := range access {
				if n := testing.AllocsPerRun(20, func() {
					e.Enforce(c.rule, &Target{ProjectID: id.ProjectID, UserID: id.UserID}, id)
				}); n > 0 {
					t.Errorf("%v %s by %s: %v allocations", set, c.rule, who.name, n)
				}
			}
		}
	}
}

func TestValidateKnownHeadersDoesNotAllocate(t *testing.T) {
	v, good, bad := NewHeaders(nil), service("service"), from("X-Identity-Status: Invalid")
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Validate(ctx, good); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Validate(ctx, bad); err == nil {
			t.Fatal("accepted")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
