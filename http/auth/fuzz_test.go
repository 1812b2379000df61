package auth

import (
	"slices"
	"testing"
	"unsafe"
)

// unsafeRequest gives the user as a string over memory that will change, as a
// server that reuses its buffers does.
type unsafeRequest struct {
	*request
	user []byte
}

func (r *unsafeRequest) Header(name string) string {
	if name == headerNames[hUser] {
		return unsafe.String(&r.user[0], len(r.user))
	}
	return r.request.Header(name)
}

// FuzzPolicyRule compiles and evaluates any text: without a panic, with the
// answer that a second evaluator gives, the same after printing and parsing
// again, and the opposite when negated.
func FuzzPolicyRule(f *testing.F) {
	for _, d := range defaults {
		f.Add(d.text)
		f.Add(d.in(SetLegacy))
	}
	for _, s := range []string{
		"", "@", "!", "not not (@ or ! and !)", "'admin':%(a.b)s or True:%(user_id)s", "token.roles.name:r2 and -5:-5",
		"role:%(role.name)s", "project_id:%(half)s1%%", "((", "))", "rule:x", "rule:nowhere or not rule:nowhere", "http://x", "a:%(", "'a':'b'", "and", "é:ü or role:É",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := onlyText(text)
		if err != nil {
			return
		}
		got := p.Enforce("x", aim(), asker())
		if want := secondOpinion(p.rules["x"].root, text); got != want {
			t.Fatalf("%q: %v, the second evaluator says %v", text, got, want)
		}
		for form, want := range map[string]bool{p.rules["x"].root.String(): got, "not (" + orTrue(text) + ")": !got} {
			q, err := onlyText(form)
			if err != nil {
				if len(form) > maxRuleText || len(text) > 2*maxNesting { // over a limit by what was added
					continue
				}
				t.Fatalf("%q: written as %q: %v", text, form, err)
			}
			if again := q.Enforce("x", aim(), asker()); again != want {
				t.Fatalf("%q: %v; %q: %v", text, got, form, again)
			}
		}
		for _, who := range personas {
			p.Enforce("x", &Target{}, persona(who.name))
		}
	})
}

func orTrue(text string) string {
	if text == "" {
		return "@"
	}
	return text
}

// secondOpinion evaluates the tokens with two stacks instead of a tree. The
// checks themselves it takes from the tree, where they stand in the order of
// the text.
func secondOpinion(root *node, text string) bool {
	if text == "" {
		return true
	}
	var checks []bool
	root.walk(func(n *node) {
		if n.op != opAnd && n.op != opOr && n.op != opNot {
			checks = append(checks, n.eval(aim(), asker()))
		}
	})
	var s stacks
	for _, tok := range tokenize(text) {
		switch tok.kind {
		case tokenCheck:
			s.values, checks = append(s.values, checks[0]), checks[1:]
		case tokenOpen, tokenNot:
			s.pending = append(s.pending, tok.kind)
		case tokenClose:
			s.reduce(tokenOpen)
			s.pending = s.pending[:len(s.pending)-1]
		case tokenAnd:
			s.reduce(tokenOpen, tokenOr)
			s.pending = append(s.pending, tokenAnd)
		case tokenOr:
			s.reduce(tokenOpen)
			s.pending = append(s.pending, tokenOr)
		}
	}
	s.reduce()
	return s.values[0]
}

type stacks struct {
	values  []bool
	pending []tokenKind
}

// reduce applies operators from the top of the stack until it meets one of until.
func (s *stacks) reduce(until ...tokenKind) {
	for len(s.pending) > 0 {
		top := s.pending[len(s.pending)-1]
		if slices.Contains(until, top) {
			return
		}
		s.pending = s.pending[:len(s.pending)-1]
		last := len(s.values) - 1
		switch top {
		case tokenNot:
			s.values[last] = !s.values[last]
			continue
		case tokenAnd:
			s.values[last-1] = s.values[last-1] && s.values[last]
		case tokenOr:
			s.values[last-1] = s.values[last-1] || s.values[last]
		case tokenCheck, tokenOpen, tokenClose:
		}
		s.values = s.values[:last]
	}
}

// FuzzPolicyFile reads any bytes as a file, and compiles what it accepts.
func FuzzPolicyFile(f *testing.F) {
	for _, s := range []string{
		"", "a: '@'", "a: !", "a: &a [*a]", "{\"cyborg:arq:create\": [[\"role:a\", \"rule:b\"], []]}", "<<: {a: b}", "a: >-\n  role:x\n  or role:y\n", "? [a]\n: b",
		"default: rule:nowhere", "admin_api: rule:is_admin", "%YAML 1.1\n---\na: b:c", "- a", "a: b:c\na: d:e",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseFile("f", data)
		if (o == nil) != (err != nil) {
			t.Fatalf("%v, %v", o, err)
		}
		if err != nil {
			return
		}
		p, err := NewPolicy(SetNew, o)
		if err != nil {
			return
		}
		for _, r := range p.Rules() {
			p.Enforce(r.Name, aim(), asker())
		}
		p.Warnings()
	})
}
