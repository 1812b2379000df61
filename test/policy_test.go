package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// accessTable says what every persona gets for every call of the recorded
// group "access", under the new policy defaults. A letter stands for each
// persona, in the order of personas: none, badtoken, norole, reader, member,
// manager, other (a member of another project), service, nova, admin.
//
//   - done, with the status of the row   U 401   F 403   N 404
var accessTable = []struct {
	call   string
	status int
	who    string
}{
	{"profile list", 200, "UU F+++ +F ++"},
	{"profile show", 200, "UU F+++ +F ++"},
	{"profile create", 201, "UU FFFF FF ++"},
	{"profile delete", 204, "UU FFFF FF ++"},
	{"arq list", 200, "UU F+++ +F ++"},
	{"arq show", 200, "UU F+++ NF ++"}, // one of the project of member
	{"arq create", 201, "UU FF++ ++ ++"},
	{"arq bind", 202, "UU FFFF FF FF"}, // not even nova without a service token
	{"arq bind, service token", 202, "UU FF++ ++ ++"},
	{"arq delete by instance", 204, "UU FFFF FF FF"},
	{"arq delete by instance, service token", 204, "UU FF++ ++ ++"},
	{"arq delete", 204, "UU FF++ ++ ++"},
	{"device list", 200, "UU FFF+ FF ++"},
	{"device show", 200, "UU FFF+ FF ++"},
	{"device disable", 204, "UU FFFF FF ++"},
	{"device enable", 204, "UU FFFF FF ++"},
	{"deployable list", 200, "UU FFF+ FF ++"},
	{"deployable show", 200, "UU FFF+ FF ++"},
	{"deployable program", 200, "UU FFFF FF ++"},
	{"attribute list", 200, "UU FFF+ FF ++"},
	{"attribute show", 200, "UU FFF+ FF ++"},
	{"attribute create", 201, "UU FFFF FF ++"},
	{"attribute delete", 204, "UU FFFF FF ++"},
}

func TestAccessUnderNewDefaults(t *testing.T) {
	p := start(t, options{"api.auth_strategy": "headers", "fake.handles_per_device": "64"})
	newAccessWorld(p, proxied).checkTable(t)
}

func (w *accessWorld) checkTable(t *testing.T) {
	t.Helper()
	for _, row := range accessTable {
		letters := strings.ReplaceAll(row.who, " ", "")
		if len(letters) != len(personas) {
			t.Fatalf("%s: %d letters for %d personas", row.call, len(letters), len(personas))
		}
		for i, who := range personas {
			want := map[byte]int{'+': row.status, 'U': 401, 'F': 403, 'N': 404}[letters[i]]
			got := w.call(row.call, who)
			if got.status != want {
				t.Errorf("%s as %s: status %d, want %d: %.200s", row.call, who.name, got.status, want, got.body)
			}
			if got.status >= 400 {
				checkEnvelope(t, row.call+" as "+who.name, got)
			}
		}
	}
}

func checkEnvelope(t *testing.T, what string, a *answer) {
	t.Helper()
	if text, err := a.fault(); err != nil || text == "" {
		t.Errorf("%s: status %d without an error envelope: %v: %.200s", what, a.status, err, a.body)
	}
	if a.status == http.StatusUnauthorized && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Keystone uri=") {
		t.Errorf("%s: 401 without WWW-Authenticate: %v", what, a.header)
	}
}

// accessWorld is what the calls are about: things that each call finds anew,
// so that no cell of the table depends on another.
type accessWorld struct {
	passes     passes
	open       *client // no identity
	admin      *client // with a service token
	deployable deployable
	device     string
	counter    int
}

func newAccessWorld(p *process, who passes) *accessWorld {
	open := p.client()
	admin := open.with(who.as("admin")).with(who.service)
	admin.createProfile("one", 1)
	return &accessWorld{
		passes: who, open: open, admin: admin, deployable: admin.deployable(), device: admin.devices()[0].UUID,
	}
}

// arqOf makes an ARQ in the persona's project; without a project, in demo.
func (w *accessWorld) arqOf(who persona) string {
	project := who.project
	if project == "" {
		project = "demo"
	}
	return w.open.with(w.passes.memberOf(project)).create("one")[0]
}

func (w *accessWorld) call(call string, who persona) *answer {
	c := w.open.with(w.passes.as(who.name))
	call, withService := strings.CutSuffix(call, ", service token")
	if withService {
		c = c.with(w.passes.service)
	}
	w.counter++
	name := fmt.Sprintf("%s-%d", who.name, w.counter)
	const (
		get, post, patch, remove = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
		arqs                     = "/accelerator_requests"
	)
	switch call {
	case "profile list":
		return c.send(get, "/device_profiles?name=one", nil)
	case "profile show":
		return c.version("2.2").send(get, "/device_profiles/one", nil)
	case "profile create":
		return c.send(post, "/device_profiles", profileBody(name, 1))
	case "profile delete":
		w.admin.createProfile(name, 1)
		return c.send(remove, "/device_profiles/"+name, nil)
	case "arq list":
		return c.send(get, arqs, nil)
	case "arq show":
		return c.send(get, arqs+"/"+w.arqOf(persona{project: "demo"}), nil)
	case "arq create":
		return c.send(post, arqs, createBody("one"))
	case "arq bind":
		id := w.arqOf(who)
		defer w.admin.delete(id)
		return c.send(patch, arqs, bindBody(w.deployable, newUUID(), id))
	case "arq delete by instance":
		id, instance := w.arqOf(who), newUUID()
		w.admin.bind(w.deployable, instance, id)
		defer w.admin.send(remove, deletePath(id), nil)
		return c.send(remove, arqs+"?instance="+instance, nil)
	case "arq delete":
		return c.send(remove, deletePath(w.arqOf(who)), nil)
	case "device list":
		return c.send(get, "/devices", nil)
	case "device show":
		return c.send(get, "/devices/"+w.device, nil)
	case "device disable":
		return c.send(post, "/devices/"+w.device+"/disable", nil)
	case "device enable":
		return c.send(post, "/devices/"+w.device+"/enable", nil)
	case "deployable list":
		return c.send(get, "/deployables", nil)
	case "deployable show":
		return c.send(get, "/deployables/"+w.deployable.UUID, nil)
	case "deployable program":
		return c.send(patch, "/deployables/"+w.deployable.UUID+"/program", programBody(newUUID()))
	case "attribute list":
		return c.send(get, "/attributes?key=rc", nil)
	case "attribute show":
		return c.send(get, "/attributes/"+w.admin.attributes()[0].UUID, nil)
	case "attribute create":
		return c.send(post, "/attributes", attributeBody(name))
	case "attribute delete":
		var made attribute
		w.admin.want(http.StatusCreated, post, "/attributes", attributeBody(name)).read(w.admin.t, &made)
		return c.send(remove, "/attributes/"+made.UUID, nil)
	}
	panic("no call " + call)
}

func attributeBody(key string) string {
	return fmt.Sprintf(`{"deployable_id": 1, "key": %q, "value": "x"}`, key)
}

func programBody(image string) string {
	return fmt.Sprintf(`[{"path": "/program", "op": "replace", "value": [{"image_uuid": %q}]}]`, image)
}

// TestProjectsAreApart: who is not an administrator sees and touches ARQs of
// the own project only, and cannot tell others from absent ones.
func TestProjectsAreApart(t *testing.T) {
	p := start(t, options{"api.auth_strategy": "headers"})
	w := newAccessWorld(p, proxied)
	id, instance := w.arqOf(persona{project: "demo"}), newUUID()
	w.admin.bind(w.deployable, instance, id)
	stranger := w.open.with(as("other")).with(w.passes.service)
	const arqs = "/accelerator_requests"
	for _, list := range []string{"", "?instance=" + instance, "?instance=" + instance + "&bind_state=resolved"} {
		if seen := stranger.arqs(list); len(seen) != 0 {
			t.Errorf("another project lists %v", seen)
		}
	}
	stranger.want(404, http.MethodGet, arqs+"/"+id, nil)
	stranger.want(404, http.MethodPatch, arqs, unbindBody(id))
	stranger.want(404, http.MethodPatch, arqs, bindBody(w.deployable, newUUID(), id))
	stranger.want(404, http.MethodDelete, deletePath(id), nil)
	stranger.want(204, http.MethodDelete, arqs+"?instance="+instance, nil) // idempotent: it finds none
	if got := w.admin.arq(id); got.State != "Bound" || got.Instance != instance {
		t.Errorf("another project's requests left the ARQ %+v", got)
	}
	p.checkHandles(w.admin, 16)
}
