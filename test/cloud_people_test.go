package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// people are the users of the cloud, each with roles in one project. Those of
// the recorded exchanges are among them, by their names there.
var people = []struct {
	name    string
	project string
	roles   []string
}{
	{"admin", "admin", []string{"admin", "member", "reader"}},
	{"nova", "service", []string{"admin", "member", "reader", "service"}},
	{"novasvc", "service", []string{"service"}},
	{"arqd", "service", []string{"service"}}, // checks tokens
	{"placement", "service", []string{"service"}},
	{"demo", "demo", []string{"member", "reader"}},
	{"demo2", "demo", []string{"member", "reader"}},
	{"reader", "demo", []string{"reader"}},
	{"manager", "demo", []string{"manager", "member", "reader"}},
	{"norole", "demo", []string{"custom"}},
	{"other", "other", []string{"member", "reader"}},
	{"everywhere", "demo", []string{"member"}},
	{"everywhere", "other", []string{"member"}},
	{"everywhere", "service", []string{"member"}},
	{"everywhere", "admin", []string{"member"}},
}

// populate makes projects, roles, users and the catalog, as an operator would.
func (c *cloud) populate() error {
	c.projects, c.roles, c.users, c.services = map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	operator, err := c.newOperator()
	if err != nil {
		return err
	}
	for _, p := range people {
		if err := operator.settle(p.name, p.project, p.roles); err != nil {
			return err
		}
	}
	// The administrator is one of the system and of the domain too.
	for _, scope := range []string{"system", "domains/" + c.domain} {
		path := fmt.Sprintf("/%s/users/%s/roles/%s", scope, c.users["admin"], c.roles["admin"])
		if err := operator.call(http.MethodPut, path, nil, nil); err != nil {
			return err
		}
	}
	for kind, url := range map[string]string{
		"placement": c.placement.url, "accelerator": nowhere, "compute": nowhere, "image": nowhere,
	} {
		if err := operator.publish(kind, url); err != nil {
			return err
		}
	}
	return nil
}

const nowhere = "http://127.0.0.1:1"

// operator speaks to Keystone as admin.
type operator struct {
	cloud *cloud
	token string
}

func (c *cloud) newOperator() (*operator, error) {
	token, _, err := c.authenticate("admin", scopeProject("admin"))
	return &operator{c, token}, err
}

// settle gives a user roles in a project, and makes what there is not yet.
func (o *operator) settle(user, project string, roles []string) error {
	projectID, err := o.ensure("project", project, o.cloud.projects, map[string]any{"domain_id": o.cloud.domain})
	if err != nil {
		return err
	}
	userID, err := o.ensure("user", user, o.cloud.users, map[string]any{"domain_id": o.cloud.domain, "password": cloudPassword})
	if err != nil {
		return err
	}
	for _, role := range roles {
		roleID, err := o.ensure("role", role, o.cloud.roles, nil)
		if err != nil {
			return err
		}
		path := fmt.Sprintf("/projects/%s/users/%s/roles/%s", projectID, userID, roleID)
		if err := o.call(http.MethodPut, path, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// ensure gives the id of something by its name, from what is known, from
// Keystone, or as it is made.
func (o *operator) ensure(kind, name string, known map[string]string, members map[string]any) (string, error) {
	if id := known[name]; id != "" {
		return id, nil
	}
	var list map[string]json.RawMessage
	if err := o.call(http.MethodGet, "/"+kind+"s?name="+name, nil, &list); err != nil {
		return "", err
	}
	var found []struct{ ID string }
	if err := json.Unmarshal(list[kind+"s"], &found); err != nil {
		return "", err
	}
	if len(found) == 0 {
		body := map[string]any{"name": name}
		maps.Copy(body, members)
		var made map[string]struct{ ID string }
		if err := o.call(http.MethodPost, "/"+kind+"s", map[string]any{kind: body}, &made); err != nil {
			return "", err
		}
		found = append(found, made[kind])
	}
	known[name] = found[0].ID
	return known[name], nil
}

// publish makes a service and its endpoints, or gives it another URL.
func (o *operator) publish(kind, url string) error {
	if o.cloud.services[kind] == "" {
		var made struct{ Service struct{ ID string } }
		body := map[string]any{"service": map[string]any{"type": kind, "name": kind}}
		if err := o.call(http.MethodPost, "/services", body, &made); err != nil {
			return err
		}
		o.cloud.services[kind] = made.Service.ID
	}
	var there struct {
		Endpoints []struct{ ID, Interface string }
	}
	if err := o.call(http.MethodGet, "/endpoints?service_id="+o.cloud.services[kind], nil, &there); err != nil {
		return err
	}
	ids := map[string]string{}
	for _, e := range there.Endpoints {
		ids[e.Interface] = e.ID
	}
	for _, face := range []string{"public", "internal", "admin"} {
		endpoint := map[string]any{
			"service_id": o.cloud.services[kind], "interface": face, "url": url, "region_id": cloudRegion,
		}
		method, path := http.MethodPost, "/endpoints"
		if ids[face] != "" {
			method, path = http.MethodPatch, "/endpoints/"+ids[face]
		}
		if err := o.call(method, path, map[string]any{"endpoint": endpoint}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (o *operator) call(method, path string, body, into any) error {
	_, err := o.cloud.ask(method, path, http.Header{"X-Auth-Token": {o.token}}, body, into)
	return err
}

var toKeystone = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}

// ask sends a request to Keystone's API. Any status from 400 is an error.
func (c *cloud) ask(method, path string, header http.Header, body, into any) (http.Header, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(encode(body))
	}
	request, err := http.NewRequest(method, c.keystoneURL()+path, content)
	if err != nil {
		return nil, err
	}
	request.Header = header.Clone()
	request.Header.Set("Content-Type", jsonType)
	answer, err := toKeystone.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode >= 400:
		return nil, fmt.Errorf("%s %s: status %d: %.300s", method, path, answer.StatusCode, text)
	case into != nil:
		err = json.Unmarshal(text, into)
	}
	return answer.Header, err
}

// scopeProject is the scope of a token by the name of its project.
func scopeProject(name string) any {
	return map[string]any{"project": map[string]any{"name": name, "domain": map[string]any{"id": "default"}}}
}

// standing is what a token says of its user.
type standing struct {
	User, Project struct{ ID string }
	Roles         []struct{ Name string }
	ExpiresAt     time.Time `json:"expires_at"`
}

// authenticate gets a token of the scope, which may be nil.
func (c *cloud) authenticate(user string, scope any) (token string, who standing, err error) {
	auth := map[string]any{"identity": map[string]any{
		"methods": []string{"password"},
		"password": map[string]any{"user": map[string]any{
			"name": user, "domain": map[string]any{"id": c.domain}, "password": cloudPassword,
		}},
	}}
	if scope != nil {
		auth["scope"] = scope
	}
	return c.newToken(auth)
}

func (c *cloud) newToken(auth map[string]any) (token string, who standing, err error) {
	var answer struct{ Token standing }
	header, err := c.ask(http.MethodPost, "/auth/tokens", http.Header{}, map[string]any{"auth": auth}, &answer)
	if err != nil {
		return "", who, fmt.Errorf("no token: %w", err)
	}
	return header.Get("X-Subject-Token"), answer.Token, nil
}
