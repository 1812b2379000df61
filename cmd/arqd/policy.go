package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/http/auth"
)

const policyUsage = `usage:
  arqd policy list   [--config-file FILE]...               every rule in force, and where it comes from
  arqd policy show   [--config-file FILE]... RULE          one rule, what it rests on, and who passes it
  arqd policy check  [--config-file FILE]... WHO [RULE]... what a token may do
  arqd policy sample [--config-file FILE]...               a policy.yaml of all default rules, each commented out

The rules are those of the configuration, whether the service runs or not.
WHO is what a token says:
  --role NAME     a role, repeatable; name those too that Keystone implies (admin: member, reader)
  --user ID       the user (default: somebody)
  --project ID    scope of a project (the default scope, of a project called own), or
  --domain ID     of a domain, or
  --system        of the whole system
  --service-role  a role of the service token that comes along, repeatable
Without RULE check tells of every call; with RULE its exit code is 1 if one is
denied.
`

// policyCall is one run of a command on the policy.
type policyCall struct {
	cfg      *config.Config
	policy   *auth.Policy
	who      auth.Identity
	rules    []string
	out      *tabwriter.Writer
	complain io.Writer
}

var policyCommands = map[string]func(*policyCall) error{
	"list":   (*policyCall).list,
	"show":   (*policyCall).show,
	"check":  (*policyCall).check,
	"sample": (*policyCall).sample,
}

func policyCommand(args, environ []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || policyCommands[args[0]] == nil {
		fmt.Fprint(stderr, policyUsage)
		return errUsage
	}
	c := &policyCall{out: tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0), complain: stderr}
	flags := flag.NewFlagSet("arqd policy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, policyUsage) }
	var files fileList
	flags.Var(&files, "config-file", "")
	if args[0] == "check" {
		c.takeWho(flags)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return errors.Join(errUsage, err)
	}
	c.rules = flags.Args()
	if err := c.load(files, environ); err != nil {
		return err
	}
	return errors.Join(policyCommands[args[0]](c), c.out.Flush())
}

// takeWho defines the flags that say who asks.
func (c *policyCall) takeWho(flags *flag.FlagSet) {
	flags.Var((*fileList)(&c.who.Roles), "role", "")
	flags.StringVar(&c.who.UserID, "user", "somebody", "")
	flags.StringVar(&c.who.ProjectID, "project", "", "")
	flags.StringVar(&c.who.DomainID, "domain", "", "")
	flags.BoolFunc("system", "", func(string) error { c.who.SystemScope = auth.SystemScopeAll; return nil })
	flags.Var((*fileList)(&c.who.ServiceRoles), "service-role", "")
}

func (c *policyCall) load(files, environ []string) error {
	var err error
	if c.cfg, _, err = config.Load(files, environ); err != nil {
		return err
	}
	enforcer, err := newEnforcer(c.cfg)
	if err != nil {
		return err
	}
	c.policy = enforcer.Policy()
	for _, w := range c.policy.Warnings() {
		fmt.Fprintf(c.complain, "%s: %s\n", c.cfg.OsloPolicy.PolicyFile, w)
	}
	return nil
}

func (c *policyCall) none(command string) error {
	if len(c.rules) > 0 {
		return fmt.Errorf("policy %s takes no arguments besides its flags: %q", command, c.rules)
	}
	return nil
}

// list prints the rules in force.
func (c *policyCall) list() error {
	if err := c.none("list"); err != nil {
		return err
	}
	for _, r := range c.policy.Rules() {
		fmt.Fprintf(c.out, "%s\t%s\t%s\n", r.Name, c.origin(r), orEveryone(r.Check))
	}
	return nil
}

// origin says where a rule was set.
func (c *policyCall) origin(r auth.RuleInfo) string {
	if r.Source == auth.SourceFile {
		return fmt.Sprintf("%s:%d", c.cfg.OsloPolicy.PolicyFile, r.Line)
	}
	return string(r.Source)
}

// orEveryone writes the empty rule so that it can be seen.
func orEveryone(check string) string { return cmp.Or(check, "@") }

// find gives the rule of that name.
func (c *policyCall) find(name string) (auth.RuleInfo, error) {
	for _, r := range c.policy.Rules() {
		if r.Name == name {
			return r, nil
		}
	}
	return auth.RuleInfo{}, fmt.Errorf("there is no rule %q", name)
}

// usual are the tokens that clouds have, by the roles in them.
var usual = []struct {
	name  string
	roles []string
}{
	{"reader", []string{"reader"}},
	{"member", []string{"member", "reader"}},
	{"manager", []string{"manager", "member", "reader"}},
	{"service", []string{"service"}},
	{"admin", []string{"admin", "member", "reader"}},
	{"no role", nil},
}

// show prints all that there is to say of a rule.
func (c *policyCall) show() error {
	if len(c.rules) != 1 {
		return fmt.Errorf("policy show takes the name of one rule: %q", c.rules)
	}
	r, err := c.find(c.rules[0])
	if err != nil {
		return err
	}
	c.line("rule", r.Name)
	c.line("about", r.Description)
	c.line("scope", r.Scopes.String())
	c.line("check", orEveryone(r.Check))
	c.line("from", c.origin(r))
	if r.Source == auth.SourceFile {
		c.line("default", r.Default)
	}
	for _, used := range c.policy.Uses(r.Name) {
		c.line("uses", used.Name+" = "+orEveryone(used.Check))
	}
	var pass []string
	for _, u := range usual {
		if c.allows(r.Name, auth.Identity{UserID: "somebody", ProjectID: ownProject, Roles: u.roles}) {
			pass = append(pass, u.name)
		}
	}
	c.line("passes", cmp.Or(strings.Join(pass, ", "), "none of the usual roles"))
	c.line("besides", besides[r.Name])
	return nil
}

func (c *policyCall) line(what, text string) {
	if text != "" {
		fmt.Fprintf(c.out, "%s\t%s\n", what, text)
	}
}

// ownProject is the project of who names none.
const ownProject = "own"

// besides is what a call needs that no rule can lift.
var besides = map[string]string{
	auth.RuleARQUpdate: "a service token",
	auth.RuleARQDelete: "a service token, where the request belongs to an instance",
}

// allows asks the policy as the API does: the target is the caller's own.
func (c *policyCall) allows(rule string, who auth.Identity) bool {
	return c.policy.Enforce(rule, &auth.Target{ProjectID: who.ProjectID, UserID: who.UserID}, &who)
}

// check prints what the token may do.
func (c *policyCall) check() error {
	scopes := slices.DeleteFunc([]string{c.who.ProjectID, c.who.DomainID, c.who.SystemScope}, func(s string) bool { return s == "" })
	switch {
	case len(scopes) > 1:
		return errors.New("a token has one scope: of --project, --domain and --system give one")
	case len(scopes) == 0:
		c.who.ProjectID = ownProject
	}
	asked := c.rules
	if len(asked) == 0 {
		for _, r := range c.policy.Rules() {
			if r.Scopes != 0 { // a rule of a call
				asked = append(asked, r.Name)
			}
		}
	}
	var denied []string
	for _, name := range asked {
		r, err := c.find(name)
		if err != nil {
			return err
		}
		answer := "allow"
		if !c.allows(name, c.who) {
			answer = "deny"
			denied = append(denied, name)
		}
		about := r.Description
		if more := besides[name]; more != "" {
			about += "; needs besides " + more
		}
		fmt.Fprintf(c.out, "%s\t%s\t%s\n", answer, name, about)
	}
	if len(c.rules) > 0 && len(denied) > 0 {
		return fmt.Errorf("denied: %s", strings.Join(denied, ", "))
	}
	return nil
}
