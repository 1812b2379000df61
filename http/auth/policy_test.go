package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The personas of the access tests, each with the roles its token names.
var personas = []struct {
	name  string
	roles []string
}{
	{"norole", []string{"custom"}},
	{"reader", []string{"reader"}},
	{"demo", []string{"member", "reader"}},
	{"manager", []string{"manager", "member", "reader"}},
	{"svc", []string{"service"}},
	{"nova", []string{"admin", "member", "reader", "service"}},
	{"admin", []string{"admin", "member", "reader"}},
}

func persona(name string) *Identity {
	for _, p := range personas {
		if p.name == name {
			return &Identity{UserID: "u-" + name, ProjectID: "p", Roles: p.roles}
		}
	}
	panic("no persona " + name)
}

const (
	anyone  = "norole reader demo manager svc nova admin"
	readers = "reader demo manager nova admin"
	writers = "demo manager svc nova admin"
	leaders = "manager nova admin"
	admins  = "nova admin"
)

// access says who may, for each call, in the new and in the legacy set.
var access = []struct {
	rule        string
	new, legacy string
}{
	{"cyborg:arq:get_all", readers, anyone},
	{"cyborg:arq:get_one", readers, anyone},
	{"cyborg:arq:create", writers, anyone},
	{"cyborg:arq:update", writers, anyone},
	{"cyborg:arq:delete", writers, anyone},
	{"cyborg:device_profile:get_all", readers, anyone},
	{"cyborg:device_profile:get_one", readers, anyone},
	{"cyborg:device_profile:create", admins, admins},
	{"cyborg:device_profile:delete", admins, admins},
	{"cyborg:device:get_all", leaders, anyone},
	{"cyborg:device:get_one", leaders, anyone},
	{"cyborg:device:enable", admins, admins},
	{"cyborg:device:disable", admins, admins},
	{"cyborg:deployable:get_all", leaders, anyone},
	{"cyborg:deployable:get_one", leaders, anyone},
	{"cyborg:deployable:program", admins, admins},
	{"cyborg:attribute:get_all", leaders, anyone},
	{"cyborg:attribute:get_one", leaders, anyone},
	{"cyborg:attribute:create", admins, admins},
	{"cyborg:attribute:delete", admins, admins},
}

func defaultsOf(t *testing.T, set Set) *Policy {
	t.Helper()
	p, err := NewPolicy(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func own(id *Identity) *Target { return &Target{ProjectID: id.ProjectID, UserID: id.UserID} }

// allowed names the personas that the rule lets act on their own project.
func allowed(p *Policy, rule string) string {
	var names []string
	for _, who := range personas {
		if id := persona(who.name); p.Enforce(rule, own(id), id) {
			names = append(names, who.name)
		}
	}
	return strings.Join(names, " ")
}

func TestDefaultsByPersona(t *testing.T) {
	newSet, legacy := defaultsOf(t, SetNew), defaultsOf(t, SetLegacy)
	for _, c := range access {
		if got := allowed(newSet, c.rule); got != c.new {
			t.Errorf("new %s: %s, want %s", c.rule, got, c.new)
		}
		if got := allowed(legacy, c.rule); got != c.legacy {
			t.Errorf("legacy %s: %s, want %s", c.rule, got, c.legacy)
		}
	}
}

func TestEveryCallHasARuleAndATest(t *testing.T) {
	var calls, tested []string
	for _, d := range defaults {
		if strings.HasPrefix(d.name, "cyborg:") {
			calls = append(calls, d.name)
		}
	}
	for _, c := range access {
		tested = append(tested, c.rule)
	}
	if !slices.Equal(calls, tested) {
		t.Errorf("rules %v\ntested %v", calls, tested)
	}
}

func TestOtherProjectsTargetIsForAdminsOnly(t *testing.T) {
	elsewhere := &Target{ProjectID: "q", UserID: "somebody"}
	for _, set := range []Set{SetNew, SetLegacy} {
		p := defaultsOf(t, set)
		for _, who := range []string{"norole", "reader", "demo", "manager"} {
			if p.Enforce(RuleARQGetOne, elsewhere, persona(who)) {
				t.Errorf("%v: %s may look into another project", set, who)
			}
		}
		if !p.Enforce(RuleARQGetOne, elsewhere, persona("admin")) {
			t.Errorf("%v: admin may not look into another project", set)
		}
	}
}

func TestAbsentOwnerIsNobodys(t *testing.T) {
	nobody := &Identity{UserID: "u", Roles: []string{"member", "reader"}}
	for _, set := range []Set{SetNew, SetLegacy} {
		if defaultsOf(t, set).Enforce(RuleARQGetOne, &Target{}, nobody) {
			t.Errorf("%v: an empty project matches an empty project", set)
		}
	}
}

func TestHelperRulesMeanTheSameInBothSets(t *testing.T) {
	newSet, legacy := defaultsOf(t, SetNew), defaultsOf(t, SetLegacy)
	for _, d := range defaults {
		if strings.HasPrefix(d.name, "cyborg:") || d.name == defaultRule {
			continue
		}
		if a, b := allowed(newSet, d.name), allowed(legacy, d.name); a != b {
			t.Errorf("%s: new %q, legacy %q", d.name, a, b)
		}
	}
}

func TestUnknownRuleByDefaultSet(t *testing.T) {
	if got := allowed(defaultsOf(t, SetNew), "cyborg:nothing"); got != admins {
		t.Errorf("new: %s", got)
	}
	if got := allowed(defaultsOf(t, SetLegacy), "cyborg:nothing"); got != anyone {
		t.Errorf("legacy: %s", got)
	}
}

func TestCyclesAreRefused(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"itself", "a: rule:a", `policy.yaml:1: rule "a": refers to itself: a -> a`},
		{"two", "a: role:x or rule:b\nb: not rule:a", `policy.yaml:1: rule "a": refers to itself: a -> b -> a`},
		{
			"not the outer one", "a: rule:b\nb: rule:c\nc: rule:b",
			`policy.yaml:2: rule "b": refers to itself: b -> c -> b`,
		},
		{
			"by way of default", "default: rule:nowhere",
			`policy.yaml:1: rule "default": refers to itself: default -> nowhere (not defined, so default)`,
		},
		{
			"through a built-in rule", "\nadmin_api: rule:project_reader_or_admin",
			`policy.yaml:2: rule "admin_api": refers to itself: admin_api -> project_reader_or_admin -> admin_api`,
		},
	} {
		o, err := ParseFile("policy.yaml", []byte(c.yaml))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = NewPolicy(SetNew, o); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestRulesThatExplodeAreRefused(t *testing.T) {
	var doubling, long strings.Builder
	for i := range 40 { // each evaluates the next twice
		fmt.Fprintf(&doubling, "r%02d: rule:r%02d and rule:r%02d\n", i, i+1, i+1)
	}
	doubling.WriteString("r40: '@'\n")
	for i := range 2000 { // the last first, so that no single walk is long
		fmt.Fprintf(&long, "r%04d: rule:r%04d\n", i+1, i)
	}
	long.WriteString("r0000: '@'\n")
	for _, c := range []struct{ name, yaml, want string }{
		{"doubling", doubling.String(), "would take more than"},
		{"chain", long.String(), "nested deeper than"},
		{"chain the other way", strings.ReplaceAll(long.String(), "r0000: '@'", "r0000: rule:a\na: rule:r2000"), "refers to"},
	} {
		o, err := ParseFile("policy.yaml", []byte(c.yaml))
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewPolicy(SetNew, o)
		var bad *RuleError
		if !errors.As(err, &bad) || bad.Line == 0 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.200v", c.name, err)
		}
	}
}
