package test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAccessWithKeystone holds the table of who may do what against real users
// of a real Keystone.
func TestAccessWithKeystone(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(options{"fake.handles_per_device": "64", "DEFAULT.debug": "true"}))
	newAccessWorld(p, c.passes(t)).checkTable(t)
}

func TestRefusedTokensPointToKeystone(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(nil))
	got := p.client().want(401, http.MethodGet, "/devices", nil)
	if challenge := got.header.Get("WWW-Authenticate"); challenge != `Keystone uri="`+c.keystone.url+`"` {
		t.Errorf("WWW-Authenticate: %s", challenge)
	}
	// Odd tokens are a client's mistake and nothing else.
	for _, odd := range []string{"x", strings.Repeat("x", 12000), "a b", "%00", `"`, "gAAAAA", "gAAAAABn" + strings.Repeat("A", 200), "\xc3\xa9"} {
		p.client().with(withToken(odd)).want(401, http.MethodGet, "/devices", nil)
	}
}

var (
	scopeSystem = map[string]any{"system": map[string]any{"all": true}}
	scopeDomain = map[string]any{"domain": map[string]any{"id": "default"}}
)

// TestScopes: the API is for tokens with a project, whatever the roles. Where
// that is not enforced the administrators of domain and system pass, and own
// nothing.
func TestScopes(t *testing.T) {
	c := theCloud(t)
	scopes := map[string]any{"system": scopeSystem, "domain": scopeDomain}
	for enforced, want := range map[string]struct{ read, make, own int }{
		"true": {403, 403, 403}, "false": {200, 201, 403},
	} {
		open := start(t, c.with(options{"oslo_policy.enforce_scope": enforced})).client()
		open.with(c.passes(t).as("admin")).createProfile("one", 1)
		for name, scope := range scopes {
			admin := open.with(withToken(c.scopedToken(t, "admin", scope)))
			for _, call := range []struct {
				status       int
				method, path string
				body         any
			}{
				{want.read, http.MethodGet, "/devices", nil},
				{want.read, http.MethodGet, "/accelerator_requests", nil},
				{want.make, http.MethodPost, "/device_profiles", profileBody("made-with-"+name, 1)},
				{want.own, http.MethodPost, "/accelerator_requests", createBody("one")},
			} {
				if got := admin.send(call.method, call.path, call.body); got.status != call.status {
					t.Errorf("%s scope, enforced %s: %s %s: %d, want %d: %s",
						name, enforced, call.method, call.path, got.status, call.status, got.body)
				}
			}
		}
		open.with(withToken(c.scopedToken(t, "admin", "unscoped"))).want(401, http.MethodGet, "/devices", nil)
	}
}

// TestAdminProject: this Keystone names a project of the administrators, and
// its tokens say whether they are of it.
func TestAdminProject(t *testing.T) {
	c := theCloud(t)
	n := newNode(t, nil)
	file := filepath.Join(n.dir, "policy.yaml")
	writeFile(t, file, []byte(`"cyborg:device:get_all": "is_admin_project:True"`+"\n"))
	n.configure(c.with(options{"oslo_policy.policy_file": file}))
	open, who := n.start().client(), c.passes(t)
	open.with(who.as("admin")).want(200, http.MethodGet, "/devices", nil)
	open.with(who.as("nova")).want(403, http.MethodGet, "/devices", nil)
	open.with(who.as("member")).want(403, http.MethodGet, "/devices", nil)
}

// TestRevokedToken: when the cache time is over, a revoked token is refused.
func TestRevokedToken(t *testing.T) {
	const cacheTime = 2 * time.Second
	c := theCloud(t)
	p := start(t, c.with(options{"keystone_authtoken.token_cache_time": "2"}))
	token := c.token(t, "manager", "demo")
	user := p.client().with(withToken(token))
	user.want(200, http.MethodGet, "/devices", nil)
	checked := time.Now() // or before
	c.revoke(t, token)
	user.send(http.MethodGet, "/devices", nil) // may pass yet
	<-time.After(time.Until(checked.Add(cacheTime)))
	for range 3 {
		user.want(401, http.MethodGet, "/devices", nil)
	}
}

// applicationCredential makes one of a user's in a project and gives its id;
// its secret is the password of the user.
func (c *cloud) applicationCredential(t *testing.T, user, project, name string, rules any) string {
	t.Helper()
	credential := map[string]any{"name": name, "secret": cloudPassword}
	if rules != nil {
		credential["access_rules"] = rules
	}
	var made struct {
		Credential struct{ ID string } `json:"application_credential"`
	}
	_, err := c.ask(http.MethodPost, "/users/"+c.users[user]+"/application_credentials", withToken(c.token(t, user, project)),
		map[string]any{"application_credential": credential}, &made)
	if err != nil {
		t.Fatal(err)
	}
	return made.Credential.ID
}

// TestApplicationCredentials: arqd itself may come with one; of users' with
// access rules only what the rules name is accepted.
func TestApplicationCredentials(t *testing.T) {
	c := theCloud(t)
	opts := c.with(options{
		"keystone_authtoken.auth_type":                     "v3applicationcredential",
		"keystone_authtoken.application_credential_id":     c.applicationCredential(t, "arqd", "service", "for-arqd", nil),
		"keystone_authtoken.application_credential_secret": cloudPassword,
	})
	delete(opts, "keystone_authtoken.password")
	open := start(t, opts).client()
	open.with(c.passes(t).as("manager")).want(200, http.MethodGet, "/devices", nil)

	id := c.applicationCredential(t, "manager", "demo", "restricted", []any{
		map[string]any{"service": "accelerator", "method": "GET", "path": "/v2/devices"},
		map[string]any{"service": "accelerator", "method": "GET", "path": "/v2/device_profiles/*"},
	})
	token, _, err := c.newToken(map[string]any{"identity": map[string]any{
		"methods":                []string{"application_credential"},
		"application_credential": map[string]any{"id": id, "secret": cloudPassword},
	}})
	if err != nil {
		t.Fatal(err)
	}
	restricted := open.with(withToken(token))
	restricted.want(200, http.MethodGet, "/devices", nil)
	restricted.want(404, http.MethodGet, "/device_profiles/"+newUUID(), nil)
	restricted.want(401, http.MethodGet, "/device_profiles", nil)
	restricted.want(401, http.MethodGet, "/deployables", nil)
	restricted.want(401, http.MethodPost, "/device_profiles", profileBody("x", 1))
	restricted.with(c.passes(t).service).want(200, http.MethodGet, "/deployables", nil)
}

// TestPrintConfigHidesThePassword: what an operator prints may be shown around.
func TestPrintConfigHidesThePassword(t *testing.T) {
	n := newNode(t, nil)
	n.configure(options{
		"api.auth_strategy": "keystone", "keystone_authtoken.auth_url": "http://127.0.0.1:5000",
		"keystone_authtoken.user_id": "u", "keystone_authtoken.password": cloudPassword, "keystone_authtoken.project_id": "p",
	})
	out, err := exec.Command(binary(t), "serve", "--config-file", n.conf, "--print-config").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "#password = <hidden>") {
		t.Errorf("%v: %s", err, out)
	}
	if strings.Contains(string(out), cloudPassword) {
		t.Errorf("the password is in it: %s", out)
	}
}

// TestWrongServiceUser: with credentials that Keystone refuses nobody passes,
// and the log says why, once.
func TestWrongServiceUser(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(options{"keystone_authtoken.password": "not-the-password"}))
	p.mayFail = true
	user := p.client().with(c.passes(t).as("admin"))
	for range 5 {
		if got := user.want(503, http.MethodGet, "/devices", nil); got.header.Get("Retry-After") == "" {
			t.Errorf("503 without Retry-After: %v", got.header)
		}
	}
	_, errs, _ := p.log.faults()
	if len(errs) != 1 || !strings.Contains(errs[0], "our own credentials") {
		t.Errorf("logged: %q", errs)
	}
}
