package auth

import "testing"

// scoped gives an administrator in the scope.
func scoped(s Scope) *Identity {
	id := &Identity{UserID: "u", Roles: []string{"admin", "member", "reader"}}
	switch s {
	case ScopeDomain:
		id.DomainID = "d"
	case ScopeSystem:
		id.SystemScope = SystemScopeAll
	case ScopeProject:
		id.ProjectID = "p"
	}
	return id
}

func TestCallsAreForProjectsUnlessScopeIsNotEnforced(t *testing.T) {
	o, err := ParseFile("policy.yaml", []byte("cyborg:arq:create: '@'\nmine: '@'"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		options []Option
		scope   Scope
		want    bool
	}{
		{nil, ScopeProject, true},
		{nil, ScopeDomain, false},
		{nil, ScopeSystem, false},
		{[]Option{AnyScope()}, ScopeProject, true},
		{[]Option{AnyScope()}, ScopeDomain, true},
		{[]Option{AnyScope()}, ScopeSystem, true},
	} {
		p, err := NewPolicy(SetNew, o, c.options...)
		if err != nil {
			t.Fatal(err)
		}
		id := scoped(c.scope)
		for _, rule := range []string{RuleARQCreate, RuleARQGetAll, RuleDeviceEnable} { // of the file, and built in
			if got := p.Enforce(rule, own(id), id); got != c.want {
				t.Errorf("%s with %v scope, %d options: %v, want %v", rule, c.scope, len(c.options), got, c.want)
			}
		}
		for _, rule := range []string{"mine", "admin_api", "cyborg:nothing"} { // have no scope types
			if !p.Enforce(rule, own(id), id) {
				t.Errorf("%s with %v scope is refused", rule, c.scope)
			}
		}
	}
}

func TestAnotherScopeOwnsNoProject(t *testing.T) {
	p, err := NewPolicy(SetLegacy, nil, AnyScope())
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []Scope{ScopeDomain, ScopeSystem} {
		id := scoped(scope)
		id.Roles = []string{"manager", "member", "reader"}
		for _, c := range access {
			if p.Enforce(c.rule, own(id), id) {
				t.Errorf("%s: a member with %v scope may", c.rule, scope)
			}
		}
	}
}

func TestScopesByName(t *testing.T) {
	for set, want := range map[Scopes]string{
		0: "", scopesOf(ScopeProject): "project", scopesOf(ScopeSystem, ScopeProject): "project, system",
	} {
		if got := set.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCredentialsOfScopes(t *testing.T) {
	for _, c := range []struct {
		rule string
		want [3]bool // project, domain, system
	}{
		{"system_scope:all", [3]bool{false, false, true}},
		{"system:all", [3]bool{false, false, true}},
		{"system_scope:None", [3]bool{true, true, false}},
		{"system:None", [3]bool{}}, // oslo.policy sets it for such tokens only
		{"domain_id:d", [3]bool{false, true, false}},
		{"domain:d", [3]bool{false, true, false}},
		{"domain_id:None", [3]bool{true, false, true}},
		{"project_id:None", [3]bool{false, true, true}},
		{"is_admin:True", [3]bool{true, true, true}},
	} {
		p, err := onlyText(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		for i, scope := range []Scope{ScopeProject, ScopeDomain, ScopeSystem} {
			if got := p.Enforce("x", aim(), scoped(scope)); got != c.want[i] {
				t.Errorf("%s with %v scope: %v", c.rule, scope, got)
			}
		}
	}
}
