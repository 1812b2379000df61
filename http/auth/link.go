package auth

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxCost  = 10_000 // checks of one evaluation, references followed
	maxDepth = 500    // nodes inside one another, references followed
)

// linker follows references between rules, each rule once.
type linker struct {
	policy *Policy
	state  map[*rule]linkState
	trail  []step // rules being linked, outermost first
}

// step is a rule and the name by which it was reached.
type step struct {
	rule *rule
	as   string
}

type linkState int

const (
	unlinked linkState = iota
	linking
	linked
)

// link resolves rule:NAME. It refuses cycles, and rules that double each other
// until one evaluation would take for ever.
func (p *Policy) link() *RuleError {
	l := &linker{policy: p, state: make(map[*rule]linkState, len(p.rules))}
	for _, name := range slices.Sorted(maps.Keys(p.rules)) {
		if err := l.rule(p.rules[name], name); err != nil {
			return err
		}
	}
	return nil
}

func (l *linker) rule(r *rule, as string) *RuleError {
	l.trail = append(l.trail, step{r, as})
	defer func() { l.trail = l.trail[:len(l.trail)-1] }()
	switch {
	case l.state[r] == linked:
		return nil
	case l.state[r] == linking:
		return l.refuse(r, "refers to itself: %s", l.circle(r))
	case len(l.trail) > maxDepth:
		return l.refuse(r, "refers to more than %d rules in a row", maxDepth)
	}
	l.state[r] = linking
	var err *RuleError
	if r.cost, r.deep, err = l.node(r.root); err != nil {
		return err
	}
	l.state[r] = linked
	switch {
	case r.cost > maxCost:
		return l.refuse(r, "would take more than %d checks", maxCost)
	case r.deep > maxDepth:
		return l.refuse(r, "is nested deeper than %d, references followed", maxDepth)
	}
	return nil
}

// circle shows the way from r back to r, which ends the trail.
func (l *linker) circle(r *rule) string {
	first := slices.IndexFunc(l.trail, func(s step) bool { return s.rule == r })
	names := []string{r.info.Name}
	for _, s := range l.trail[first+1:] {
		names = append(names, s.as)
	}
	return strings.Join(names, " -> ")
}

// node gives the cost and the depth below n, n included.
func (l *linker) node(n *node) (cost, deep int, err *RuleError) {
	if n.op == opRule {
		return l.reference(n)
	}
	for _, kid := range n.kids {
		c, d, err := l.node(kid)
		if err != nil {
			return 0, 0, err
		}
		cost, deep = cost+c, max(deep, d)
	}
	return cost + 1, deep + 1, nil
}

// reference resolves a rule:NAME; an undefined one means the rule "default".
func (l *linker) reference(n *node) (cost, deep int, err *RuleError) {
	as := n.text
	target, ok := l.policy.rules[n.text]
	if !ok {
		if target = l.policy.fallback; target == nil {
			return 1, 1, nil
		}
		as += " (not defined, so " + defaultRule + ")"
	}
	if err := l.rule(target, as); err != nil {
		return 0, 0, err
	}
	n.kids = []*node{target.root}
	return target.cost + 1, target.deep + 1, nil
}

// refuse blames the rule, or the nearest one on the way to it that is the
// operator's.
func (l *linker) refuse(r *rule, format string, args ...any) *RuleError {
	for i := len(l.trail) - 1; i >= 0 && r.info.Line == 0; i-- {
		if outer := l.trail[i].rule; outer.info.Line != 0 {
			r = outer
		}
	}
	return &RuleError{Rule: r.info.Name, Line: r.info.Line, Err: badRule(0, format, args...)}
}

// examine looks for what is legal and yet suspicious in the operator's rules.
func (p *Policy) examine() []string {
	used := map[string]bool{}
	for _, r := range p.rules {
		r.root.walk(func(n *node) {
			if n.op == opRule {
				used[n.text] = true
			}
		})
	}
	var found []string
	for _, info := range p.Rules() {
		if info.Source != SourceFile {
			continue
		}
		say := func(format string, args ...any) {
			found = append(found, fmt.Sprintf("line %d: rule %q: ", info.Line, info.Name)+fmt.Sprintf(format, args...))
		}
		if info.Default == "" && !used[info.Name] {
			say("is neither a known rule nor named by another: it has no effect")
		}
		p.rules[info.Name].root.walk(func(n *node) { p.suspect(n, say) })
	}
	return found
}

func (p *Policy) suspect(n *node, say func(string, ...any)) {
	switch n.op {
	case opRule:
		if _, ok := p.rules[n.text]; !ok {
			say("%q names no rule; the rule %q answers for it", n.raw, defaultRule)
		}
	case opCred:
		if n.cred.field == fieldAbsent {
			say("%q: there is no credential of this name; the check fails", n.raw)
		}
	case opTrue, opFalse, opNot, opAnd, opOr, opRole, opLiteral:
	}
	if _, match, found := strings.Cut(n.raw, ":"); found && quoted(match) {
		say("%q: the quotes are part of the value that is compared", n.raw)
	}
	if strings.IndexFunc(n.raw, isBlank) >= 0 {
		say("%q: an item of a list is a single check, blanks included; write the rule as text", n.raw)
	}
}
