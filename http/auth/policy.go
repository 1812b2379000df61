package auth

import (
	"slices"
	"strings"
)

// Source says where a rule comes from.
type Source string

const (
	// SourceDefault is a rule as built in.
	SourceDefault Source = "default"
	// SourceFile is a rule of the operator's file.
	SourceFile Source = "file"
)

// RuleInfo describes one rule in force.
type RuleInfo struct {
	Name        string
	Check       string // in the policy language; "" allows everything, as "@"
	Source      Source
	Scopes      Scopes // of tokens that the rule is for
	Line        int    // in the operator's file; 0 for a default
	Default     string // what Check would be without the file; "" if no default
	Description string // the call it guards, or what a helper means
}

// Policy is a compiled set of rules. It never changes; any number of
// goroutines may use it.
type Policy struct {
	rules    map[string]*rule
	fallback *rule // of the name "default"; nil: what is not defined is denied
	anyScope bool
	warnings []string
}

// Option changes how a policy is enforced.
type Option func(*Policy)

// AnyScope makes rules hold for tokens of every scope ([oslo_policy]
// enforce_scope = false). Without it a rule that names scopes refuses others.
func AnyScope() Option { return func(p *Policy) { p.anyScope = true } }

// rule is one named rule; the node is linked to those of other rules.
type rule struct {
	info RuleInfo
	root *node
	cost int // checks that one evaluation makes at most
	deep int // nodes inside one another, references followed
}

// NewPolicy compiles a default set with the overrides of a file, nil for none.
// A rule that is part of a cycle, or that would be too much to evaluate, is a
// *RuleError.
func NewPolicy(set Set, o *Overrides, options ...Option) (*Policy, error) {
	return compile(defaults, set, o, options...)
}

func compile(defs []ruleDefault, set Set, o *Overrides, options ...Option) (*Policy, error) {
	p := &Policy{rules: make(map[string]*rule, len(defs))}
	for _, change := range options {
		change(p)
	}
	for i := range defs {
		if err := p.addDefault(&defs[i], set); err != nil {
			return nil, err
		}
	}
	if o != nil {
		for i := range o.rules {
			p.override(&o.rules[i])
		}
	}
	p.fallback = p.rules[defaultRule]
	if err := p.link(); err != nil {
		if o != nil {
			err.File = o.File
		}
		return nil, err
	}
	p.warnings = p.examine()
	return p, nil
}

func (p *Policy) addDefault(d *ruleDefault, set Set) error {
	text := d.in(set)
	root, err := parseRule(text)
	if err != nil {
		return &RuleError{Rule: d.name, Err: err}
	}
	p.rules[d.name] = &rule{root: root, info: RuleInfo{
		Name: d.name, Check: text, Default: text, Source: SourceDefault, Scopes: d.scopes(), Description: d.description,
	}}
	return nil
}

func (p *Policy) override(o *override) {
	info := RuleInfo{Name: o.name}
	if r := p.rules[o.name]; r != nil {
		info = r.info
	}
	info.Check, info.Source, info.Line = o.text, SourceFile, o.line
	p.rules[o.name] = &rule{info: info, root: o.root.clone()}
}

// Enforce tells whether the rule lets the identity act on the target. A rule
// that is not defined is answered by the rule "default", or denied when there
// is none. Only the scopes of the rule asked for count, not those of rules that
// it refers to or of "default". It does not block and, for the default rules,
// does not allocate.
func (p *Policy) Enforce(name string, t *Target, id *Identity) bool {
	r, ok := p.rules[name]
	switch {
	case !ok:
		r = p.fallback
	case !p.anyScope && !r.info.Scopes.Has(id.Scope()):
		return false
	}
	return r != nil && r.root.eval(t, id)
}

// Rules lists the rules in force, by name.
func (p *Policy) Rules() []RuleInfo {
	infos := make([]RuleInfo, 0, len(p.rules))
	for _, r := range p.rules {
		infos = append(infos, r.info)
	}
	slices.SortFunc(infos, func(a, b RuleInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// Uses lists the rules that a rule refers to, and those that these refer to, in
// the order in which they are first named.
func (p *Policy) Uses(name string) []RuleInfo {
	var used []RuleInfo
	seen := map[string]bool{name: true}
	var follow func(r *rule)
	follow = func(r *rule) {
		var next []*rule
		r.root.walk(func(n *node) {
			if other := p.rules[n.text]; n.op == opRule && other != nil && !seen[n.text] {
				seen[n.text] = true
				used = append(used, other.info)
				next = append(next, other)
			}
		})
		for _, other := range next {
			follow(other)
		}
	}
	if r := p.rules[name]; r != nil {
		follow(r)
	}
	return used
}

// Warnings says what is legal in the operator's file and yet looks like a
// mistake, one sentence each.
func (p *Policy) Warnings() []string { return slices.Clone(p.warnings) }
