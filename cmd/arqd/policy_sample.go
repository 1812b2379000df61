package main

import (
	"fmt"
	"strconv"

	"github.com/arqd/arqd/http/auth"
)

const sampleHead = `# Rules of arqd, in the language of oslo.policy. What is commented out is the
# default, by [oslo_policy] enforce_new_defaults = %v: keep only what is to
# differ. A rule of this file replaces the default whole.
`

// sample prints the default rules as a policy file. As it is, it changes
// nothing; without the comment signs neither.
func (c *policyCall) sample() error {
	if err := c.none("sample"); err != nil {
		return err
	}
	fmt.Fprintf(c.out, sampleHead, c.cfg.OsloPolicy.EnforceNewDefaults)
	for _, r := range c.policy.Rules() {
		if r.Default != "" {
			c.sampleRule(r)
		}
	}
	return nil
}

func (c *policyCall) sampleRule(r auth.RuleInfo) {
	fmt.Fprintf(c.out, "\n# %s\n", r.Description)
	if scopes := r.Scopes.String(); scopes != "" {
		fmt.Fprintf(c.out, "# Scope of the token: %s\n", scopes)
	}
	fmt.Fprintf(c.out, "#%s: %s\n", strconv.Quote(r.Name), strconv.Quote(r.Default))
}
