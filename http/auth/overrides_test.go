package auth

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func override1(t *testing.T, set Set, yaml string) *Policy {
	t.Helper()
	o, err := ParseFile("policy.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPolicy(set, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOverride(t *testing.T) {
	for _, c := range []struct{ name, yaml, rule, want string }{
		{"empty file", "", RuleARQCreate, writers},
		{"only a comment", "# nothing\n", RuleARQCreate, writers},
		{"only a document mark", "---\n", RuleARQCreate, writers},
		{"empty mapping", "{}", RuleARQCreate, writers},
		{"text", `cyborg:arq:create: rule:admin_api`, RuleARQCreate, admins},
		{"others stay", `cyborg:arq:create: rule:admin_api`, RuleARQDelete, writers},
		{"quoted name", `"cyborg:arq:create": "role:manager"`, RuleARQCreate, "manager"},
		{"JSON", `{"cyborg:arq:create": "role:reader", "cyborg:arq:delete": "!"}`, RuleARQCreate, readers},
		{"everyone", `cyborg:device:enable: "@"`, RuleDeviceEnable, anyone},
		{"everyone by empty text", `cyborg:device:enable: ""`, RuleDeviceEnable, anyone},
		{"everyone by empty list", `cyborg:device:enable: []`, RuleDeviceEnable, anyone},
		{"no one", `cyborg:arq:create: "!"`, RuleARQCreate, ""},
		{"list", "cyborg:arq:create:\n- role:service\n- [role:manager, 'project_id:%(project_id)s']", RuleARQCreate, "manager svc nova"},
		{"several lines", "cyborg:arq:create: >-\n  role:service\n  or role:custom\n", RuleARQCreate, "norole svc nova"},
		{"helper", "project_member_api: role:custom", RuleARQCreate, "norole svc nova"},
		{"own helper", "operators: role:custom\ncyborg:device:enable: rule:operators or rule:admin_api", RuleDeviceEnable, "norole nova admin"},
		{"anchor", "a: &a role:custom\ncyborg:device:enable: *a", RuleDeviceEnable, "norole"},
		{"default", "default: role:reader", "cyborg:nothing", readers},
		{"no default", `default: "!"`, "cyborg:nothing", ""},
	} {
		if got := allowed(override1(t, SetNew, c.yaml), c.rule); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"no YAML", "a: [", `policy.yaml: yaml: line 1: did not find expected node content`},
		{"a list", "- a\n- b", `policy.yaml: expected rules, each as name: check`},
		{"text", "role:admin", `policy.yaml: expected rules, each as name: check`},
		{"two documents", "a: '@'\n---\nb: '@'", `policy.yaml: more than one document`},
		{"too large", "# " + strings.Repeat("x", maxPolicyFile), `policy.yaml: larger than 1048576 bytes`},
		{"name no text", "1: '@'", `policy.yaml:1: rule "1": the name of a rule must be text`},
		{"merge", "a: &a {}\n<<: *a", "policy.yaml:1: rule \"a\": must be text or a list\npolicy.yaml:2: rule \"<<\": the name of a rule must be text"},
		{"no value", "\na:", `policy.yaml:2: rule "a": has no value; write "@" to allow everyone or "!" to allow no one`},
		{"bare !", "a: !", `policy.yaml:1: rule "a": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"bare ! in a list", "a: [!, role:x]", `policy.yaml:1: rule "a": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"anchored !", "é: &x  ! role:x", `policy.yaml:1: rule "é": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"! after a comma", "{é: role:x, a: ! role:x}", `policy.yaml:1: rule "a": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"! before text", "a: ! role:x", `policy.yaml:1: rule "a": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"! before quotes", "a: ! ''", `policy.yaml:1: rule "a": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"tag", "a: !!str role:x", `policy.yaml:1: rule "a": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"own tag", "a: !x role:x", `policy.yaml:1: rule "a": carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`},
		{"boolean", "a: true", `policy.yaml:1: rule "a": must be text or a list`},
		{"number", "a: 1", `policy.yaml:1: rule "a": must be text or a list`},
		{"mapping", "a: {b: c}", `policy.yaml:1: rule "a": must be text or a list`},
		{"list too deep", "a: [[[role:x]]]", `policy.yaml:1: rule "a": must be text or a list`},
		{"number in a list", "a: [role:x, 7]", `policy.yaml:1: rule "a": must be text or a list`},
		{"bad check in a list", "a: [role:x, [nonsense]]", `policy.yaml:1: rule "a": list item "nonsense": "nonsense" is not a check: expected kind:value, @ or !`},
		{"empty check in a list", "a: [['']]", `policy.yaml:1: rule "a": list item "": "" is not a check: expected kind:value, @ or !`},
		{"list without end", "a: &a [*a]", `policy.yaml:1: rule "a": must be text or a list`},
		{"twice", "a: '@'\nb: '@'\na: '!'", `policy.yaml:3: rule "a": is already defined in line 1`},
		{
			"two bad rules", "a: role:x or\nb: '@'\nc: http://x",
			"policy.yaml:1: rule \"a\": position 10: the rule ends where a check is expected\n" +
				"policy.yaml:3: rule \"c\": position 1: http:: checks that ask another server are not supported",
		},
	} {
		o, err := ParseFile("policy.yaml", []byte(c.yaml))
		if err == nil || err.Error() != c.want || o != nil {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if _, err := LoadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := LoadFile(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
	write(t, path, "\n\ncyborg:arq:create: role:a b")
	_, err := LoadFile(path)
	want := path + `:3: rule "cyborg:arq:create": position 8: expected "and" or "or" before "b"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	var bad *RuleError
	if !errors.As(err, &bad) || bad.Line != 3 || bad.Rule != RuleARQCreate {
		t.Errorf("no RuleError: %#v", bad)
	}
	write(t, path, "cyborg:arq:create: role:custom")
	o, err := LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPolicy(SetLegacy, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := allowed(p, RuleARQCreate); got != "norole" {
		t.Errorf("create: %s", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOverridesServeSeveralPolicies(t *testing.T) {
	o, err := ParseFile("policy.yaml", []byte("cyborg:arq:get_all: rule:default"))
	if err != nil {
		t.Fatal(err)
	}
	newSet, err := NewPolicy(SetNew, o)
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := NewPolicy(SetLegacy, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := allowed(newSet, RuleARQGetAll); got != admins {
		t.Errorf("new: %s", got)
	}
	if got := allowed(legacy, RuleARQGetAll); got != anyone {
		t.Errorf("legacy: %s", got)
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		yaml string
		want []string
	}{
		{"cyborg:arq:create: rule:mine\nmine: role:x", nil},
		{"cyborg:arq:crate: role:x", []string{`line 1: rule "cyborg:arq:crate": is neither a known rule nor named by another: it has no effect`}},
		{"cyborg:arq:create: rule:amdin_api", []string{`line 1: rule "cyborg:arq:create": "rule:amdin_api" names no rule; the rule "default" answers for it`}},
		{"cyborg:arq:create: projekt_id:x", []string{`line 1: rule "cyborg:arq:create": "projekt_id:x": there is no credential of this name; the check fails`}},
		{"cyborg:arq:create: project_id:'x'", []string{`line 1: rule "cyborg:arq:create": "project_id:'x'": the quotes are part of the value that is compared`}},
		{"cyborg:arq:create: [role:a or role:b]", []string{`line 1: rule "cyborg:arq:create": "role:a or role:b": an item of a list is a single check, blanks included; write the rule as text`}},
	} {
		if got := override1(t, SetNew, c.yaml).Warnings(); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.yaml, got, c.want)
		}
	}
	for _, set := range []Set{SetNew, SetLegacy} {
		if got := defaultsOf(t, set).Warnings(); len(got) > 0 {
			t.Errorf("the built-in rules give warnings: %q", got)
		}
	}
}

func TestRulesListsWhatIsInForce(t *testing.T) {
	p := override1(t, SetNew, "mine: role:x\n\ncyborg:arq:create: [rule:mine, [role:y, role:z]]")
	byName := map[string]RuleInfo{}
	for _, r := range p.Rules() {
		byName[r.Name] = r
	}
	if len(byName) != len(defaults)+1 || !slices.IsSortedFunc(p.Rules(), func(a, b RuleInfo) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%d rules, %d are built in; or not sorted", len(byName), len(defaults))
	}
	for _, want := range []RuleInfo{
		{Name: "mine", Check: "role:x", Source: SourceFile, Line: 1},
		{
			Name: RuleARQCreate, Check: "rule:mine or (role:y and role:z)", Source: SourceFile, Line: 3, Scopes: scopesOf(ScopeProject),
			Default: "rule:project_member_or_service", Description: "POST /v2/accelerator_requests",
		},
		{
			Name: RuleARQGetAll, Check: "rule:project_reader_or_admin", Source: SourceDefault, Scopes: scopesOf(ScopeProject),
			Default: "rule:project_reader_or_admin", Description: "GET /v2/accelerator_requests",
		},
	} {
		if got := byName[want.Name]; got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestUsesNamesWhatARuleRestsOn(t *testing.T) {
	p := override1(t, SetNew, "cyborg:arq:create: rule:mine or rule:admin_api\nmine: not rule:service_api or rule:admin_api or rule:nowhere")
	for name, want := range map[string]string{
		RuleARQCreate: "mine admin_api service_api",
		RuleARQUpdate: "project_member_or_service project_member_api service_api",
		"admin_api":   "",
		"nowhere":     "",
	} {
		var got []string
		for _, r := range p.Uses(name) {
			got = append(got, r.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s rests on %q, want %q", name, got, want)
		}
	}
}
