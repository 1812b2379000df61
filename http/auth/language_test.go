package auth

import (
	"errors"
	"strings"
	"testing"
)

// only compiles rules without the defaults, so that a test sees what it wrote.
func only(t *testing.T, yaml string) *Policy {
	t.Helper()
	o, err := ParseFile("policy.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	p, err := compile(nil, SetNew, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// onlyText compiles one rule "x" in text form.
func onlyText(text string) (*Policy, error) {
	root, err := parseRule(text)
	if err != nil {
		return nil, err
	}
	return compile(nil, SetNew, &Overrides{File: "f", rules: []override{{name: "x", text: text, line: 1, root: root}}})
}

// asker and its target: roles member and Auditor in project p1.
func asker() *Identity {
	return &Identity{
		UserID: "u1", UserDomainID: "default", ProjectID: "p1", Roles: []string{"member", "Auditor"},
		Service: true, ServiceUserID: "su", ServiceProjectID: "sp", ServiceRoles: []string{"service"},
	}
}

func aim() *Target {
	return &Target{ProjectID: "p1", UserID: "u2", More: map[string]string{"role.name": "Member", "half": "p", "a.b": "admin"}}
}

func TestTextRules(t *testing.T) {
	for _, c := range []struct {
		rule string
		want bool
	}{
		{"", true},
		{"@", true},
		{"!", false},
		{"not !", true},
		{"not @", false},
		{"not not @", true},

		{"role:member", true},
		{"role:MEMBER", true},
		{"role:auditor", true},
		{"role:admin", false},
		{"role:mem", false},
		{"role:%(role.name)s", true},
		{"role:%(missing)s", false},
		{"not role:%(missing)s", true},

		// or is weaker than and, and is weaker than not
		{"@ or ! and !", true},
		{"(@ or !) and !", false},
		{"! and ! or @", true},
		{"! and (! or @)", false},
		{"not ! and !", false},
		{"not (! and !)", true},
		{"@ and not ! or !", true},
		{"! or not ! and @", true},
		{"! or @ and ! or @", true},
		{"! or (@ and @) and !", false},
		{"@ AND @ Or !", true},
		{"NOT !", true},
		{"((@))", true},

		{"user_id:u1", true},
		{"user:u1", true},
		{"user_id:u2", false},
		{"user_id:%(user_id)s", false},
		{"project_id:%(project_id)s", true},
		{"tenant:%(project_id)s", true},
		{"project_id:%(half)s1", true},
		{"project_id:%(half)s%(half)s", false},
		{"project_id:%(nowhere)s", false},
		{"not project_id:%(nowhere)s", true},
		{"user_domain_id:default", true},
		{"project_domain_id:None", true}, // absent credentials are Python's None
		{"system_scope:all", false},
		{"is_admin:True", false},
		{"is_admin:False", true},
		{"is_admin:false", false},
		{"is_admin_project:True", true},
		{"roles:member", true},
		{"roles:Member", false}, // only role: ignores case
		{"service_roles:service", true},
		{"service_user_id:su", true},
		{"service_project_id:sp", true},

		{"'admin':%(a.b)s", true},
		{`"admin":%(a.b)s`, true},
		{"'Admin':%(a.b)s", false},
		{"True:True", true},
		{"True:%(role.name)s", false},
		{"None:None", true},
		{"20:20", true},
		{"+20:20", true},
		{"-5:-5", true},
		{"1.50:1.5", true},
		{"2.:2.0", true},
		{"'100%':100%%", true},
		{"user_id:'u1'", false},
		{"'':", true},

		{"unknown:None", false}, // not even None
		{"unknown.path:x", false},
		{"user-id:u1", false},
		{"_x1.y_2-z:x", false},
	} {
		p, err := onlyText(c.rule)
		if err != nil {
			t.Errorf("%q: %v", c.rule, err)
			continue
		}
		if got := p.Enforce("x", aim(), asker()); got != c.want {
			t.Errorf("%q allows: %v, want %v", c.rule, got, c.want)
		}
	}
}

func TestMalformedRules(t *testing.T) {
	for _, c := range []struct {
		rule string
		pos  int
		text string
	}{
		{"   ", 1, "blanks"},
		{"admin", 1, "not a check"},
		{"role:a admin", 8, "expected \"and\" or \"or\""},
		{"role:a and", 11, "ends where a check is expected"},
		{"role:a or or role:b", 11, "expected a check before \"or\""},
		{"and role:a", 1, "expected a check"},
		{"(role:a", 1, "never closed"},
		{"((role:a)", 1, "never closed"},
		{"role:a)", 7, "expected \"and\" or \"or\" before \")\""},
		{"()", 2, "expected a check before \")\""},
		{"role:a and ()", 13, "expected a check before \")\""},
		{"role:a not role:b", 8, "expected \"and\" or \"or\""},
		{"role:a and(role:b)", 8, `expected "and" or "or" before "and(role:b"`},
		{"@ and or(@)", 7, "not a check"},
		{"not", 4, "ends where"},
		{"role:", 1, "name of a role"},
		{"@ and rule:", 7, "name of a rule"},
		{"'quoted'", 1, "quoted text alone"},
		{"'a':'b'", 1, "quoted text alone"},
		{"'a:b':x", 1, "quote is never closed"},
		{"'a'b':x", 1, "no quotes or backslashes"},
		{`'a\n':x`, 1, "no quotes or backslashes"},
		{":x", 1, "nothing before the colon"},
		{"[1]:x", 1, "only text, numbers"},
		{"12ab:x", 1, "neither a plain number"},
		{"007:x", 1, "neither a plain number"},
		{"1e5:x", 1, "neither a plain number"},
		{"0.00001:x", 1, "neither a plain number"},
		{"a..b:x", 1, "not the name of a credential"},
		{"a/b:x", 1, "not the name of a credential"},
		{"a.1:x", 1, "not the name of a credential"},
		{"a-1b:x", 1, "not the name of a credential"},
		{"a-:x", 1, "not the name of a credential"},
		{"x²:x", 1, "not the name of a credential"},
		{"naïve:x", 1, "not the name of a credential"},
		{"not class:x", 5, "not the name of a credential"},
		{"not a.in:x", 5, "not the name of a credential"},
		{"not a.None:x", 5, "not the name of a credential"},
		{"roles.name:member", 1, "roles has no parts"},
		{"not user_id.x:y", 5, "user_id has no parts"},
		{"@ or project_id:%(x)d", 17, "only %(name)s"},
		{"project_id:50%", 14, "only %(name)s"},
		{"project_id:%(a", 12, "only %(name)s"},
		{"role:%s", 6, "only %(name)s"},
		{"http://example.org/%(x)s", 1, "not supported"},
		{"@ or https://example.org", 6, "not supported"},
		{strings.Repeat("(", 200) + "@" + strings.Repeat(")", 200), 101, "nested deeper than 100"},
		{strings.Repeat("not ", 200) + "@", 401, "nested deeper than 100"},
		{strings.Repeat(" ", maxRuleText) + "@", 0, "longer than"},
	} {
		_, err := parseRule(c.rule)
		var bad *syntaxError
		if !errors.As(err, &bad) {
			t.Errorf("%.40q: got %v, want a syntax error", c.rule, err)
			continue
		}
		if bad.pos != c.pos || !strings.Contains(bad.msg, c.text) {
			t.Errorf("%.40q: got position %d: %s; want %d: ...%s...", c.rule, bad.pos, bad.msg, c.pos, c.text)
		}
	}
}

func TestListRules(t *testing.T) {
	for _, c := range []struct {
		rule string // YAML
		text string // in text form
		want bool
	}{
		{`[]`, "@", true},
		{`[[]]`, "!", false},
		{`[""]`, "!", false},
		{`["role:member"]`, "role:member", true},
		{`[["role:member"]]`, "role:member", true},
		{`[["role:member", "project_id:p2"]]`, "role:member and project_id:p2", false},
		{`[["role:member", "project_id:p2"], ["user_id:u1"]]`, "(role:member and project_id:p2) or user_id:u1", true},
		{`["!", ["@", "!"], []]`, "! or (@ and !)", false},
		{`["rule:other"]`, "rule:other", true},
	} {
		p := only(t, "x: "+c.rule+"\nother: role:member")
		if got := p.Enforce("x", aim(), asker()); got != c.want {
			t.Errorf("%s allows: %v, want %v", c.rule, got, c.want)
		}
		if got := p.rules["x"].info.Check; got != c.text {
			t.Errorf("%s as text: %s, want %s", c.rule, got, c.text)
		}
	}
}

func TestUndefinedRuleIsDefaultOrDenied(t *testing.T) {
	without := only(t, "x: rule:nowhere\ny: not rule:nowhere")
	with := only(t, "x: rule:nowhere\ndefault: role:member")
	for _, c := range []struct {
		name string
		p    *Policy
		rule string
		want bool
	}{
		{"asked for, no default", without, "nowhere", false},
		{"referred to, no default", without, "x", false},
		{"referred to and negated, no default", without, "y", true},
		{"asked for, default", with, "nowhere", true},
		{"referred to, default", with, "x", true},
	} {
		if got := c.p.Enforce(c.rule, aim(), asker()); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRoleComparison(t *testing.T) {
	for _, c := range []struct {
		role, want string
		equal      bool
	}{
		{"admin", "admin", true},
		{"Admin", "aDMIN", true},
		{"ÄRZTE", "ärzte", true},
		{"ſervice", "service", false}, // a long s is no s
		{"İ", "i", false},             // Python makes two characters of it
		{"İ", "İ", true},
		{"ΑΣ", "ασ", false}, // at the end Python makes another sigma of it
		{"ΑΣ", "ΑΣ", true},
		{"admin", "admin ", false},
		{"admin", "admi", false},
		{"x\xff", "X\xff", true},
		{"x\xff", "X\xfe", false},
	} {
		if got := hasRole([]string{"x", c.role}, c.want); got != c.equal {
			t.Errorf("role %q for %q: %v, want %v", c.role, c.want, got, c.equal)
		}
	}
}
