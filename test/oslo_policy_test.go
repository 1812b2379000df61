package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/arqd/arqd/http/auth"
)

const policyCases = 3000

// startOslo starts the real oslo.policy with the built-in rules.
func startOslo(t *testing.T, set auth.Set) *companion {
	t.Helper()
	needs(t, "cloud") // brings oslo.policy
	builtIn, err := auth.NewPolicy(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, scopes := map[string]string{}, map[string][]string{}
	for _, r := range builtIn.Rules() {
		rules[r.Name] = r.Check
		if names := r.Scopes.String(); names != "" {
			scopes[r.Name] = strings.Split(names, ", ")
		}
	}
	s := startCompanion(t, "policy_answers.py")
	s.tell(map[string]any{"rules": rules, "scopes": scopes})
	return s
}

// strictness is why arqd refuses a file that oslo.policy reads: what
// docs/policy.md names, and what no policy has a use for.
var strictness = []string{
	"refers to itself", "nothing but blanks", `expected "and" or "or" before`, "the rule ends where a check is expected",
	"expected a check before", `"(" is never closed`, "is not a check: expected kind:value", "a quoted text alone is not a check",
	"checks that ask another server are not supported", "nothing before the colon", "only text, numbers, True, False and None can be compared",
	"no quotes or backslashes inside quoted text", "the quote is never closed", "is neither a plain number nor the name of a credential",
	"is not the name of a credential", "has no parts", "only %(name)s is substituted", "wants the name of a rule", "wants the name of a role", "nested deeper than",
}

// TestPolicyAgreesWithOslo: what arqd loads it decides as oslo.policy does. What
// it refuses to load it refuses for a known reason, and never a rule that is
// well formed.
func TestPolicyAgreesWithOslo(t *testing.T) {
	seed := seedOf(t)
	for _, set := range []auth.Set{auth.SetNew, auth.SetLegacy} {
		t.Run(set.String(), func(t *testing.T) {
			o := startOslo(t, set)
			r := ruleMaker{rand.New(rand.NewPCG(seed, uint64(set)))}
			counts := map[string]int{}
			for range policyCases / 2 {
				c := r.newCase()
				var answers []string
				o.tell(c)
				o.hear(&answers)
				compareWithOslo(t, set, c, answers, counts)
				if t.Failed() {
					return
				}
			}
			t.Logf("%v", counts)
			for _, kind := range []string{"allow", "deny", "refused"} {
				if counts[kind] < policyCases/20 {
					t.Errorf("only %d cases of %s", counts[kind], kind)
				}
			}
		})
	}
}

func compareWithOslo(t *testing.T, set auth.Set, c *policyCase, answers []string, counts map[string]int) {
	t.Helper()
	overrides, err := auth.ParseFile("policy.yaml", []byte(c.File))
	var p *auth.Policy
	if err == nil {
		var options []auth.Option
		if !c.EnforceScope {
			options = append(options, auth.AnyScope())
		}
		p, err = auth.NewPolicy(set, overrides, options...)
	}
	if err != nil {
		counts["refused"]++
		known := slices.ContainsFunc(strictness, func(why string) bool { return strings.Contains(err.Error(), why) })
		if !c.odd || !known {
			t.Errorf("refused: %v\n%s", err, c.File)
		}
		return
	}
	if len(answers) != len(c.Ask) {
		t.Fatalf("oslo.policy answers %q", answers)
	}
	for i, name := range c.Ask {
		got := "deny"
		if p.Enforce(name, c.target(), c.identity()) {
			got = "allow"
		}
		counts[got]++
		if got != answers[i] {
			t.Errorf("%s: %s, oslo.policy: %s\nfile     %s\nscope    enforced %v\nidentity %s\ntarget   %s", name, got, answers[i],
				c.File, c.EnforceScope, asJSON(c.Context), asJSON(c.Target))
		}
	}
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
