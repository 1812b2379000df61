package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/arqd/arqd/http/auth"
)

// policyRun runs `arqd policy` with a configuration and a policy file.
func policyRun(t *testing.T, conf, policy string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"arqd.conf": conf, "policy.yaml": policy} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := append([]string{"policy", args[0], "--config-file", filepath.Join(dir, "arqd.conf")}, args[1:]...)
	var out, complaints bytes.Buffer
	code = run(t.Context(), all, nil, strings.NewReader(""), &out, &complaints)
	return code, strings.ReplaceAll(out.String(), dir+"/", ""), strings.ReplaceAll(complaints.String(), dir+"/", "")
}

// fields makes a table of one blank between columns.
func fields(s string) string { return regexp.MustCompile(` {2,}`).ReplaceAllString(s, " ") }

func TestPolicyList(t *testing.T) {
	_, out, _ := policyRun(t, "", "\n\"cyborg:arq:create\": \"\"\n\"mine\": \"role:x\"\n", "list")
	for _, want := range []string{
		"cyborg:arq:create policy.yaml:2 @\n", "mine policy.yaml:3 role:x\n", "admin_api default role:admin\n",
		"cyborg:arq:get_all default rule:project_reader_or_admin\n",
	} {
		if !strings.Contains("\n"+fields(out), "\n"+want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

func TestPolicyShow(t *testing.T) {
	_, out, complaints := policyRun(t, "[oslo_policy]\nenforce_new_defaults = no", `"cyborg:arq:update": "rule:mine or rule:typo"`+"\n"+`"mine": "role:manager"`,
		"show", "cyborg:arq:update")
	want := `rule cyborg:arq:update
about PATCH /v2/accelerator_requests (bind, unbind)
scope project
check rule:mine or rule:typo
from policy.yaml:1
default rule:project_member_or_service or rule:admin_or_owner
uses mine = role:manager
passes reader, member, manager, service, admin, no role
besides a service token
`
	if got := fields(out); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(complaints, `policy.yaml: line 1: rule "cyborg:arq:update": "rule:typo" names no rule`) {
		t.Errorf("no warning of the slip: %s", complaints)
	}
}

func TestPolicyCheck(t *testing.T) {
	const loose = "[oslo_policy]\nenforce_scope = no\n"
	for name, c := range map[string]struct {
		conf, file string
		args       []string
		code       int
		want       string // a line
	}{
		"a member may create":         {"", "", []string{"--role", "member", "cyborg:arq:create"}, 0, "allow cyborg:arq:create POST /v2/accelerator_requests\n"},
		"a reader may not":            {"", "", []string{"--role", "reader", "cyborg:arq:create"}, 1, "deny cyborg:arq:create POST /v2/accelerator_requests\n"},
		"one of two is denied":        {"", "", []string{"--role", "reader", "cyborg:arq:get_all", "cyborg:arq:create"}, 1, "allow cyborg:arq:get_all GET /v2/accelerator_requests\n"},
		"two roles":                   {"", "", []string{"--role", "reader", "--role", "admin", "cyborg:device:enable"}, 0, "allow cyborg:device:enable"},
		"every call":                  {"", "", []string{"--role", "reader"}, 0, "deny cyborg:attribute:delete DELETE /v2/attributes/{uuid}\n"},
		"system scope":                {"", "", []string{"--role", "admin", "--system", "cyborg:device:enable"}, 1, "deny cyborg:device:enable"},
		"system scope, not enforced":  {loose, "", []string{"--role", "admin", "--system", "cyborg:device:enable"}, 0, "allow cyborg:device:enable"},
		"domain scope":                {"", "", []string{"--role", "admin", "--domain", "d", "cyborg:device:enable"}, 1, "deny cyborg:device:enable"},
		"a user":                      {"", `"mine": "user_id:u1 and project_id:p1"`, []string{"--user", "u1", "--project", "p1", "mine"}, 0, "allow mine \n"},
		"another user":                {"", `"mine": "user_id:u1 and project_id:p1"`, []string{"--user", "u2", "--project", "p1", "mine"}, 1, "deny mine \n"},
		"a service's role":            {"", `"mine": "service_roles:glue"`, []string{"--service-role", "glue", "mine"}, 0, "allow mine \n"},
		"what no rule can lift":       {"", "", []string{"--role", "member", "cyborg:arq:update"}, 0, "(bind, unbind); needs besides a service token\n"},
		"legacy defaults for anybody": {"[oslo_policy]\nenforce_new_defaults = no", "", []string{"cyborg:device:get_all"}, 0, "allow cyborg:device:get_all"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, complaints := policyRun(t, c.conf, c.file, append([]string{"check"}, c.args...)...)
			if got := fields(out); code != c.code || !strings.Contains(got, c.want) {
				t.Errorf("exit code %d, want %d; %q, want %q; %s", code, c.code, got, c.want, complaints)
			}
		})
	}
}

func TestPolicyMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		args []string
		code int
		want string
	}{
		"no such rule":        {"", []string{"check", "cyborg:arq:crate"}, 1, `there is no rule "cyborg:arq:crate"`},
		"none to show":        {"", []string{"show"}, 1, "takes the name of one rule"},
		"none such to show":   {"", []string{"show", "x"}, 1, `there is no rule "x"`},
		"two scopes":          {"", []string{"check", "--system", "--project", "p"}, 1, "a token has one scope"},
		"a bad file":          {`"x": "role:a and"`, []string{"list"}, 1, `policy.yaml:1: rule "x": position 11`},
		"too much for list":   {"", []string{"list", "x"}, 1, "policy list takes no arguments"},
		"too much for sample": {"", []string{"sample", "x"}, 1, "policy sample takes no arguments"},
		"a role for list":     {"", []string{"list", "--role", "x"}, 2, "usage:"},
		"no such command":     {"", []string{"lift"}, 2, "usage:"},
	} {
		code, _, complaints := policyRun(t, "", c.file, c.args...)
		if code != c.code || !strings.Contains(complaints, c.want) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", name, code, complaints, c.code, c.want)
		}
	}
}

// TestPolicySample: the sample as it is changes nothing, and neither do its
// rules.
func TestPolicySample(t *testing.T) {
	for set, conf := range map[auth.Set]string{auth.SetNew: "", auth.SetLegacy: "[oslo_policy]\nenforce_new_defaults = no"} {
		_, sample, _ := policyRun(t, conf, "", "sample")
		if o, err := auth.ParseFile("sample", []byte(sample)); err != nil {
			t.Errorf("%v: %v", set, err)
		} else if p, err := auth.NewPolicy(set, o); err != nil || fromFile(p) != 0 {
			t.Errorf("%v: the sample as it is changes rules: %v", set, err)
		}
		o, err := auth.ParseFile("sample", []byte(strings.ReplaceAll(sample, "\n#\"", "\n\"")))
		if err != nil {
			t.Fatal(err)
		}
		p, err := auth.NewPolicy(set, o)
		if err != nil {
			t.Fatal(err)
		}
		if n := fromFile(p); n != len(p.Rules()) {
			t.Errorf("%v: the sample has %d rules of %d", set, n, len(p.Rules()))
		}
		for _, r := range p.Rules() {
			if r.Check != r.Default {
				t.Errorf("%v: %s is %q in the sample, %q by default", set, r.Name, r.Check, r.Default)
			}
		}
	}
}

func fromFile(p *auth.Policy) (n int) {
	for _, r := range p.Rules() {
		if r.Source == auth.SourceFile {
			n++
		}
	}
	return n
}
