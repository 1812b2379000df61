package test

import (
	"bytes"
	"cmp"
	"maps"
	"net/http"
	"os"
	"testing"
)

// token gets a token of a user in a project.
func (c *cloud) token(t *testing.T, user, project string) string {
	t.Helper()
	return c.scopedToken(t, user, scopeProject(project))
}

// scopedToken gets a token of a user with the scope; nil is none.
func (c *cloud) scopedToken(t *testing.T, user string, scope any) string {
	t.Helper()
	token, _, err := c.authenticate(user, scope)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// revoke makes a token invalid, as its user would.
func (c *cloud) revoke(t *testing.T, token string) {
	t.Helper()
	header := http.Header{"X-Auth-Token": {token}, "X-Subject-Token": {token}}
	if _, err := c.ask(http.MethodDelete, "/auth/tokens", header, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// login gives the options by which the command line client becomes a user.
func (c *cloud) login(user string) []string {
	return []string{
		"--os-auth-url", c.keystoneURL(), "--os-username", user, "--os-password", cloudPassword,
		"--os-user-domain-id", "default", "--os-project-name", homeOf(user), "--os-project-domain-id", "default",
		"--os-region-name", cloudRegion,
	}
}

// restartKeystone kills it and starts it with an option changed.
func (c *cloud) restartKeystone(t *testing.T, old, option string) {
	t.Helper()
	name := c.path("keystone", "keystone.conf")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("\n"+old+"\n")) {
		t.Fatalf("Keystone is not configured with %s", old)
	}
	writeFile(t, name, bytes.Replace(text, []byte("\n"+old+"\n"), []byte("\n"+option+"\n"), 1))
	c.keystone.kill()
	if err := c.keystone.start(); err != nil {
		t.Fatal(err)
	}
}

// announce puts the URL of a service into the catalog.
func (c *cloud) announce(t *testing.T, kind, url string) {
	t.Helper()
	operator, err := c.newOperator()
	if err == nil {
		err = operator.publish(kind, url)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// passes are what users of the cloud show: the personas under their names here.
func (c *cloud) passes(t *testing.T) passes {
	t.Helper()
	users := map[string]string{"member": "demo", "service": "novasvc"} // others are called the same
	got := map[string]http.Header{
		"none": {}, "badtoken": withToken("not-a-token"),
	}
	as := func(user, project string) http.Header {
		if got[user+"@"+project] == nil {
			got[user+"@"+project] = withToken(c.token(t, user, project))
		}
		return got[user+"@"+project]
	}
	return passes{
		as: func(persona string) http.Header {
			if header := got[persona]; header != nil {
				return header
			}
			user := cmp.Or(users[persona], persona)
			return as(user, homeOf(user))
		},
		memberOf: func(project string) http.Header { return as("everywhere", project) },
		service:  http.Header{"X-Service-Token": {c.token(t, "novasvc", "service")}},
	}
}

// homeOf is the project of a person who has one.
func homeOf(user string) string {
	for _, p := range people {
		if p.name == user {
			return p.project
		}
	}
	panic("nobody is called " + user)
}

// withToken gives the header of a user's token.
func withToken(token string) http.Header { return http.Header{"X-Auth-Token": {token}} }

// with gives the options of an arqd that checks tokens here, and opts over them.
func (c *cloud) with(opts options) options {
	all := options{
		"api.auth_strategy":                      "keystone",
		"keystone_authtoken.auth_url":            c.keystone.url, // without /v3, as installation guides have it
		"keystone_authtoken.username":            "arqd",
		"keystone_authtoken.password":            cloudPassword,
		"keystone_authtoken.user_domain_name":    "Default",
		"keystone_authtoken.project_name":        "service",
		"keystone_authtoken.project_domain_name": "Default",
		"keystone_authtoken.region_name":         cloudRegion,
	}
	maps.Copy(all, opts)
	return all
}
