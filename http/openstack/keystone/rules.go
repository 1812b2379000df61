package keystone

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/arqd/arqd/http/auth"
)

// accessRule is one of an application credential: the token is good for this
// method and path of this type of service.
type accessRule struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Path    string `json:"path"`
}

// accessRules restrict what a token may be used for.
type accessRules struct{ rules []compiledRule }

type compiledRule struct {
	service, method string
	path            *regexp.Regexp
}

var errRestricted = fmt.Errorf("%w: no access rule of the application credential allows the request", auth.ErrUnauthorized)

func newAccessRules(rules []accessRule) *accessRules {
	compiled := make([]compiledRule, len(rules))
	for i, r := range rules {
		compiled[i] = compiledRule{r.Service, r.Method, pathPattern(r.Path)}
	}
	return &accessRules{compiled}
}

var wildcard = regexp.MustCompile(`\{[^}]*\}|\*+`)

// pathPattern reads a path with wildcards: {name} and * stand for one segment
// or part of one, ** for anything.
func pathPattern(path string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	at := 0
	for _, hit := range wildcard.FindAllStringIndex(path, -1) {
		b.WriteString(regexp.QuoteMeta(path[at:hit[0]]))
		word := path[hit[0]:hit[1]]
		if word[0] == '{' {
			b.WriteString("[^/]+")
		} else {
			b.WriteString(strings.Repeat(".*", len(word)/2) + strings.Repeat("[^/]+", len(word)%2))
		}
		at = hit[1]
	}
	b.WriteString(regexp.QuoteMeta(path[at:]) + "$")
	return regexp.MustCompile(b.String()) // made of quoted text and these pieces only
}

// allow tells whether a request to a service of this type is covered.
func (a *accessRules) allow(serviceType, method, path string) bool {
	return slices.ContainsFunc(a.rules, func(r compiledRule) bool {
		return r.service == serviceType && r.method == method && r.path.MatchString(path)
	})
}
