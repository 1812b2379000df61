package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/arqd/arqd/http/auth"
)

// ruleMaker makes policy files, identities and targets by chance.
type ruleMaker struct{ *rand.Rand }

func pick[T any](r ruleMaker, from ...T) T { return from[r.IntN(len(from))] }

// policyCase is one file, one who asks, and what for.
type policyCase struct {
	File         string            `json:"file"`
	EnforceScope bool              `json:"enforce_scope"`
	Context      map[string]any    `json:"context"`
	Target       map[string]string `json:"target"`
	Ask          []string          `json:"ask"`

	rules map[string]any
	odd   bool // a rule was damaged
}

var (
	roleNames   = []string{"admin", "Admin", "member", "reader", "service", "Ärztin", "äRZTIN", "K", "k", "x-y", "a.b"}
	plainValues = []string{"u1", "p1", "d1", "all", "None", "True", "False", "admin", "1", "1.5", "-3", "p 1", "100%", "x:y"}
	targetKeys  = []string{"project_id", "user_id", "a", "a.b", "role.name", "with space"}
	credentials = []string{
		"user_id", "user", "user_domain_id", "user_domain", "project_id", "tenant", "project_domain_id", "project_domain",
		"roles", "is_admin", "is_admin_project", "system_scope", "system", "domain_id", "domain", "service_user_id",
		"service_user_domain_id", "service_project_id", "service_project_domain_id", "service_roles",
		"absent", "token.roles.name", "target.x-y", "_a1",
	}
	literals = []string{"'u1'", `"p1"`, "'p1'", "True", "False", "None", "1", "-3", "1.5", "0", "'None'", "''", "+1", "007", "1e3", "0.25"}
)

// newCase makes a case of up to six rules, one of which may be damaged.
func (r ruleMaker) newCase() *policyCase {
	c := &policyCase{EnforceScope: r.IntN(2) == 0, rules: map[string]any{}, Target: map[string]string{}}
	names := []string{"mine", "yours", "with:colon", auth.RuleARQCreate, auth.RuleDeviceGetAll, "default", "admin_api"}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:1+r.IntN(6)]
	for i, name := range names {
		others := slices.Clone(names[i+1:]) // later ones only: no circle
		if !slices.Contains(names, "default") && !slices.Contains(names, "admin_api") {
			others = append(others, "never:defined") // which "default" answers, and that asks "admin_api"
		}
		c.rules[name] = r.rule(others)
	}
	if r.IntN(4) == 0 {
		c.odd = true
		c.rules[names[r.IntN(len(names))]] = r.damaged(names)
	}
	file, _ := json.Marshal(c.rules)
	c.File = string(file)
	c.Ask = append(names, pick(r, auth.RuleARQGetAll, auth.RuleDeviceEnable, "project_reader_api", "nobody:defined:this"))
	for range r.IntN(5) {
		c.Target[pick(r, targetKeys...)] = pick(r, plainValues...)
	}
	r.identify(c)
	return c
}

// identify makes who asks.
func (r ruleMaker) identify(c *policyCase) {
	some := func() any {
		if r.IntN(3) == 0 {
			return nil
		}
		return pick(r, plainValues...)
	}
	roles := make([]string, r.IntN(4))
	for i := range roles {
		roles[i] = pick(r, roleNames...)
	}
	c.Context = map[string]any{
		"user_id": pick(r, plainValues...), "user_domain_id": some(), "roles": roles, "is_admin_project": r.IntN(2) == 0,
		"service_user_id": some(), "service_user_domain_id": some(), "service_project_id": some(),
		"service_project_domain_id": some(), "service_roles": roles[:r.IntN(len(roles)+1)],
	}
	switch r.IntN(4) {
	case 0:
		c.Context["system_scope"] = "all"
	case 1:
		c.Context["domain_id"] = pick(r, plainValues...)
	default:
		c.Context["project_id"], c.Context["project_domain_id"] = pick(r, plainValues...), some()
	}
}

// identity is who asks, as arqd knows them.
func (c *policyCase) identity() *auth.Identity {
	text := func(name string) string {
		s, _ := c.Context[name].(string)
		return s
	}
	roles, _ := c.Context["roles"].([]string)
	serviceRoles, _ := c.Context["service_roles"].([]string)
	return &auth.Identity{
		UserID: text("user_id"), UserDomainID: text("user_domain_id"), Roles: roles,
		ProjectID: text("project_id"), ProjectDomainID: text("project_domain_id"),
		DomainID: text("domain_id"), SystemScope: text("system_scope"),
		NotAdminProject: c.Context["is_admin_project"] == false,
		ServiceUserID:   text("service_user_id"), ServiceUserDomainID: text("service_user_domain_id"),
		ServiceProjectID: text("service_project_id"), ServiceProjectDomainID: text("service_project_domain_id"),
		ServiceRoles: serviceRoles,
	}
}

func (c *policyCase) target() *auth.Target {
	t := &auth.Target{ProjectID: c.Target["project_id"], UserID: c.Target["user_id"], More: map[string]string{}}
	for key, value := range c.Target {
		if key != "project_id" && key != "user_id" {
			t.More[key] = value
		}
	}
	return t
}

// rule makes a rule in text or list form.
func (r ruleMaker) rule(others []string) any {
	if r.IntN(8) > 0 {
		return r.text(3, others)
	}
	items := []any{}
	for range r.IntN(4) {
		if r.IntN(2) == 0 {
			items = append(items, r.check(others))
			continue
		}
		inner := []string{}
		for range r.IntN(3) {
			inner = append(inner, r.check(others))
		}
		items = append(items, inner)
	}
	return items
}

func (r ruleMaker) blank() string {
	return pick(r, " ", " ", " ", "  ", "\t", "\n", "\u00a0", " \r\n ")
}

// text makes an expression of checks, spaced and written in many ways.
func (r ruleMaker) text(depth int, others []string) string {
	if depth == 0 || r.IntN(4) == 0 {
		return r.check(others)
	}
	sub := func() string { return r.text(depth-1, others) }
	switch r.IntN(5) {
	case 0:
		return pick(r, "not", "Not", "NOT") + r.blank() + r.parenthesised(sub())
	case 1:
		return r.parenthesised(sub())
	}
	parts := []string{sub()}
	for range 1 + r.IntN(3) {
		parts = append(parts, pick(r, "and", "or", "and", "or", "AND", "Or"), sub())
	}
	return strings.Join(parts, r.blank())
}

func (r ruleMaker) parenthesised(s string) string {
	switch r.IntN(4) {
	case 0:
		return "(" + s + ")"
	case 1:
		return "( " + s + " )"
	case 2:
		return "((" + s + "))"
	}
	return s
}

func (r ruleMaker) check(others []string) string {
	switch r.IntN(9) {
	case 0:
		return pick(r, "@", "!")
	case 1, 2:
		return "role:" + pick(r, append(slices.Clone(roleNames), "%(role.name)s", "ad%(a)s")...)
	case 3:
		return "rule:" + pick(r, append(slices.Clone(others), "admin_or_owner", "project_reader_api")...)
	case 4:
		return pick(r, literals[:13]...) + ":" + r.right()
	}
	return pick(r, credentials...) + ":" + r.right()
}

// right is the right side of a comparison.
func (r ruleMaker) right() string {
	word := strings.NewReplacer(" ", "_", "%", "%%").Replace(pick(r, plainValues...))
	key := "%(" + pick(r, slices.DeleteFunc(slices.Clone(targetKeys), func(k string) bool { return strings.Contains(k, " ") })...) + ")s"
	return pick(r, word, word, key, key, key, word+key, key+key, "")
}

// damaged makes a rule that is wrong, or odd, in one of many ways.
func (r ruleMaker) damaged(names []string) any {
	good := r.text(2, nil)
	if r.IntN(3) == 0 { // a few characters gone, doubled or changed
		b := []rune(good)
		for range 1 + r.IntN(3) {
			at := r.IntN(len(b))
			switch r.IntN(3) {
			case 0:
				b = slices.Delete(b, at, min(at+1, len(b)))
			case 1:
				b = slices.Insert(b, at, pick(r, []rune(`()'":%!@ notadr.-_1[`)...))
			default:
				b[at] = pick(r, []rune(`()'":%!@ notadr.-_1[`)...)
			}
			if len(b) == 0 {
				break
			}
		}
		return string(b)
	}
	name := pick(r, names...)
	return pick[any](
		r,
		"rule:"+name, "not rule:"+name, "role:x or rule:"+name, // circles, mostly
		good+" and", "or "+good, good+" "+good, "("+good, good+")", "not", "and", "()", good+" and ()", "not ()", "   ",
		"word", "not word", "word or "+good, "'quoted'", `"quoted" or @`, "not 'quoted'",
		"user_id:%(a)d", "user_id:%(a", "user_id:%s", "not user_id:50%", "user_id:%()s", "user_id:%(a(b)c)s",
		"http://127.0.0.1:1/%(a)s", "not https://127.0.0.1:1/",
		"class:x", "not class:x", "not in:x", "not a..b:x", "not a.:x", "not .a:x", "not a.1:x", "not a-1b:x", "not a-:x", "not -a:x",
		"not 1a:x", "not [1]:[1]", "not (1,2):x", "not {}:{}", "not 'a'b':x", "not 'a:b':x", "not b'x':x", "not 0x10:16", "16:0x10",
		"not 007:7", "1e3:1000.0", "not :x", "not a/b:x", "not a+b:x", "not a@b:x", "not naïve:x", "not x²:x", "not ²:x",
		"not None.a:x", "not True.a:x", "not a.None:x", "not user_id.x:y", "not roles.x:y", "not is_admin.x:y", "rule:", "not rule:", "role:", "not role:",
		[]string{"role:a or role:b"}, []any{[]string{"not @"}}, []any{""}, []any{[]string{""}}, []any{[]string{"@", ""}},
		fmt.Sprintf("%s and %s", strings.Repeat("(", r.IntN(120)), good),
	)
}
