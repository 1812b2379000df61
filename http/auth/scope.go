package auth

import "strings"

// Scope is what a token's roles are for.
type Scope int

// The scopes of oslo.policy.
const (
	ScopeProject Scope = iota
	ScopeDomain
	ScopeSystem
)

// String gives the name that oslo.policy has for the scope.
func (s Scope) String() string {
	switch s {
	case ScopeDomain:
		return "domain"
	case ScopeSystem:
		return "system"
	case ScopeProject:
	}
	return "project"
}

// Scopes is a set of scopes. The empty set stands for all of them: a rule
// without scope types.
type Scopes uint8

func scopesOf(scopes ...Scope) Scopes {
	var set Scopes
	for _, s := range scopes {
		set |= 1 << s
	}
	return set
}

// Has tells whether the set allows the scope.
func (set Scopes) Has(s Scope) bool { return set == 0 || set&(1<<s) != 0 }

// String lists the names, "" for the empty set.
func (set Scopes) String() string {
	var names []string
	for s := ScopeProject; s <= ScopeSystem && set != 0; s++ {
		if set.Has(s) {
			names = append(names, s.String())
		}
	}
	return strings.Join(names, ", ")
}
