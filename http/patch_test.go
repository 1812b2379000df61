package http

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/arqd/arqd/actors"
)

const (
	addHost     = `{"path": "/hostname", "op": "add", "value": "h"}`
	addProvider = `{"path": "/device_rp_uuid", "op": "add", "value": "11111111-1111-4111-8111-111111111111"}`
	addInstance = `{"path": "/instance_uuid", "op": "add", "value": "10000000-0000-4000-8000-000000000001"}`
	addProject  = `{"path": "/project_id", "op": "add", "value": "p-new"}`
)

func patchOne(operations ...string) string {
	return `{"` + arq1.String() + `": [` + strings.Join(operations, ", ") + `]}`
}

func parsePatchText(t *testing.T, body string, rights patchRights) ([]actors.PatchItem, error) {
	t.Helper()
	return parsePatch(parsed(t, body), uuid.Nil, rights)
}

func parsed(t *testing.T, body string) *fastjson.Value {
	t.Helper()
	value, err := parseBody(new(fastjson.Parser), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// A path that names an ARQ takes its operations, and the whole of a body that
// names no other.
func TestPatchOfTheARQInThePath(t *testing.T) {
	unbind := `[{"path": "/hostname", "op": "remove"}]`
	both := `{"` + arq1.String() + `": ` + unbind + `, "` + arq2.String() + `": ` + unbind + `}`
	for body, allowed := range map[string]bool{
		unbind: true,
		`{"` + arq1.String() + `": ` + unbind + `}`: true,
		`{"` + arq2.String() + `": ` + unbind + `}`: false,
		both: false,
	} {
		items, err := parsePatch(parsed(t, body), arq1, patchRights{})
		if allowed {
			if err != nil || !reflect.DeepEqual(items, []actors.PatchItem{{ARQ: arq1}}) {
				t.Errorf("%s: %+v, %v", body, items, err)
			}
			continue
		}
		if refusal, ok := errors.AsType[*fault](err); !ok || refusal.status != 400 || !strings.Contains(refusal.message, arq2.String()) {
			t.Errorf("%s: %+v, %v; want 400 and the other's name", body, items, err)
		}
	}
}

func TestPatchLanguage(t *testing.T) {
	bind := func(host string) *actors.BindTo {
		return &actors.BindTo{Hostname: host, ProviderUUID: provider, InstanceUUID: instance}
	}
	moved := bind("h")
	moved.ProjectID = "p-new"
	admin21 := patchRights{minor: 1, admin: true}
	second := arq2.String()
	for _, tc := range []struct {
		name, body string
		rights     patchRights
		want       []actors.PatchItem
	}{
		{"bind", patchOne(addHost, addProvider, addInstance), patchRights{}, []actors.PatchItem{{ARQ: arq1, Bind: bind("h")}}},
		{
			"unbind", patchOne(`{"path": "/hostname", "op": "remove"}, {"path": "/device_rp_uuid", "op": "remove"}`),
			patchRights{},
			[]actors.PatchItem{{ARQ: arq1}},
		},
		{
			"one remove is enough", patchOne(`{"path": "/instance_uuid", "op": "remove", "value": [1]}`),
			patchRights{},
			[]actors.PatchItem{{ARQ: arq1}},
		},
		{
			"paths with any number of slashes", patchOne(
				strings.ReplaceAll(addHost, "/hostname", "hostname"),
				strings.ReplaceAll(addProvider, "/device", "//device"),
				strings.ReplaceAll(addInstance, "/instance", "///instance")),
			patchRights{},
			[]actors.PatchItem{{ARQ: arq1, Bind: bind("h")}},
		},
		{"the last of a repeated path", patchOne(addHost, addProvider, addInstance,
			strings.ReplaceAll(addHost, `"h"`, `"second"`)), patchRights{}, []actors.PatchItem{{ARQ: arq1, Bind: bind("second")}}},
		{
			"a number for a host name", patchOne(strings.ReplaceAll(addHost, `"h"`, `5.50`), addProvider, addInstance),
			patchRights{},
			[]actors.PatchItem{{ARQ: arq1, Bind: bind("5.50")}},
		},
		{"project", patchOne(addHost, addProvider, addInstance, addProject), admin21, []actors.PatchItem{{ARQ: arq1, Bind: moved}}},
		{"project by its other name", patchOne(addHost, addProvider, addInstance,
			strings.ReplaceAll(addProject, "project", "instance_project")), admin21, []actors.PatchItem{{ARQ: arq1, Bind: moved}}},
		{"remove of project", patchOne(`{"path": "/project_id", "op": "remove"}`), admin21, []actors.PatchItem{{ARQ: arq1}}},
		{
			"order of the body", `{"` + second + `": [{"path": "/hostname", "op": "remove"}], "` + arq1.String() +
				`": [` + addHost + `, ` + addProvider + `, ` + addInstance + `]}`,
			patchRights{},
			[]actors.PatchItem{{ARQ: arq2}, {ARQ: arq1, Bind: bind("h")}},
		},
		{
			"the last of a repeated ARQ, at the place of the first",
			`{"` + arq1.String() + `": [` + addHost + `, ` + addProvider + `, ` + addInstance + `], "` +
				second + `": [{"path": "/hostname", "op": "remove"}], "` +
				strings.ToUpper(arq1.String()) + `": [{"path": "/hostname", "op": "remove"}]}`,
			patchRights{},
			[]actors.PatchItem{{ARQ: arq1}, {ARQ: arq2}},
		},
		{
			"unknown members", patchOne(strings.ReplaceAll(addHost, `"op"`, `"from": 1, "op"`), addProvider, addInstance),
			patchRights{},
			[]actors.PatchItem{{ARQ: arq1, Bind: bind("h")}},
		},
		{"a host name of 255 characters", patchOne(strings.ReplaceAll(addHost, `"h"`, `"`+strings.Repeat("ü", 255)+`"`),
			addProvider, addInstance), patchRights{}, []actors.PatchItem{{ARQ: arq1, Bind: bind(strings.Repeat("ü", 255))}}},
	} {
		got, err := parsePatchText(t, tc.body, tc.rights)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v; want %+v", tc.name, got, err, tc.want)
		}
	}
}

func TestPatchesThatAreRefused(t *testing.T) {
	user, admin := patchRights{minor: 1}, patchRights{minor: 1, admin: true}
	value := func(path, json string) string {
		return fmt.Sprintf(`{"path": %q, "op": "add", "value": %s}`, path, json)
	}
	for _, tc := range []struct {
		name, body string
		rights     patchRights
		status     int
		words      string
	}{
		{"no host name", patchOne(addProvider, addInstance), user, 400, "hostname"},
		{"no provider", patchOne(addHost, addInstance), user, 400, "device_rp_uuid"},
		{"no instance", patchOne(addHost, addProvider), user, 400, "instance_uuid"},
		{"instance null", patchOne(addHost, addProvider, value("/instance_uuid", "null")), user, 400, "instance_uuid"},
		{"instance malformed", patchOne(addHost, addProvider, value("/instance_uuid", `"nope"`)), user, 400, "instance_uuid"},
		{"instance zero", patchOne(addHost, addProvider, value("/instance_uuid", `"`+uuid.Nil.String()+`"`)), user, 400, "instance_uuid"},
		{"provider malformed", patchOne(addHost, value("/device_rp_uuid", `"nope"`), addInstance), user, 400, "device_rp_uuid"},
		{"provider number", patchOne(addHost, value("/device_rp_uuid", `5`), addInstance), user, 400, "device_rp_uuid"},
		{"host name absent", patchOne(`{"path": "/hostname", "op": "add"}`, addProvider, addInstance), user, 400, "hostname"},
		{"host name null", patchOne(value("/hostname", "null"), addProvider, addInstance), user, 400, "hostname"},
		{"host name empty", patchOne(value("/hostname", `""`), addProvider, addInstance), user, 400, "hostname"},
		{"host name true", patchOne(value("/hostname", `true`), addProvider, addInstance), user, 400, "hostname"},
		{"host name object", patchOne(value("/hostname", `{}`), addProvider, addInstance), user, 400, "hostname"},
		{"host name with NUL", patchOne(value("/hostname", `"a\u0000b"`), addProvider, addInstance), user, 400, "hostname"},
		{"host name of 256", patchOne(value("/hostname", `"`+strings.Repeat("a", 256)+`"`), addProvider, addInstance), user, 400, "hostname"},
		{"null after a good one", patchOne(addHost, addProvider, addInstance, value("/hostname", "null")), user, 400, "hostname"},
		{"path absent", patchOne(`{"op": "add", "value": "x"}`), user, 400, "path"},
		{"path list", patchOne(`{"path": [], "op": "add", "value": "x"}`), user, 400, "path"},
		{"path unknown", patchOne(addHost, addProvider, addInstance, value("/foo", `"x"`)), user, 400, "/foo"},
		{"path unknown on remove", patchOne(`{"path": "/foo", "op": "remove"}`), user, 400, "/foo"},
		{"path state", patchOne(addHost, addProvider, addInstance, value("/state", `"Bound"`)), user, 400, "/state"},
		{"path with a slash behind", patchOne(`{"path": "/hostname/", "op": "remove"}`), user, 400, "/hostname/"},
		{"op absent", patchOne(`{"path": "/hostname", "value": "x"}`), user, 400, "op"},
		{"op replace", patchOne(`{"path": "/hostname", "op": "replace"}`), user, 400, "op"},
		{"op in capitals", patchOne(`{"path": "/hostname", "op": "ADD"}`), user, 400, "op"},
		{"mixed ops", patchOne(addHost, addProvider, addInstance, `{"path": "/hostname", "op": "remove"}`), user, 400, "op"},
		{"empty list", patchOne(), user, 400, arq1.String()},
		{"object instead of a list", `{"` + arq1.String() + `": {"path": "/hostname"}}`, user, 400, arq1.String()},
		{"null instead of a list", `{"` + arq1.String() + `": null}`, user, 400, arq1.String()},
		{"list of text", patchOne(`"x"`), user, 400, "operation"},
		{"no ARQ", `{}`, user, 400, "body"},
		{"list", `[]`, user, 400, "body"},
		{"text", `"x"`, user, 400, "body"},
		{"malformed ARQ", `{"nope": [` + addHost + `]}`, user, 404, "nope"},
		{"a bad one behind a good one", `{"` + arq1.String() + `": [{"path": "/hostname", "op": "remove"}], "` +
			arq2.String() + `": []}`, user, 400, arq2.String()},
		{"project at 2.0", patchOne(addHost, addProvider, addInstance, addProject), patchRights{admin: true}, 406, "2.1"},
		{"project at 2.0 as a user", patchOne(addHost, addProvider, addInstance, addProject), patchRights{}, 406, "2.1"},
		{"project as a user", patchOne(addHost, addProvider, addInstance, addProject), user, 403, "administrator"},
		{"remove of project as a user", patchOne(`{"path": "/project_id", "op": "remove"}`), user, 403, "administrator"},
		{"project null", patchOne(addHost, addProvider, addInstance, value("/project_id", "null")), admin, 400, "project_id"},
		{"project empty", patchOne(addHost, addProvider, addInstance, value("/project_id", `""`)), admin, 400, "project_id"},
	} {
		_, err := parsePatchText(t, tc.body, tc.rights)
		refusal, ok := errors.AsType[*fault](err)
		if !ok || refusal.status != tc.status || !strings.Contains(refusal.message, tc.words) {
			t.Errorf("%s: %v, want %d and the words %q", tc.name, err, tc.status, tc.words)
		}
	}
}

// Of an ARQ named twice the last one counts, at the place of the first, be there
// few or many.
func TestPatchOfManyARQsKeepsTheirOrder(t *testing.T) {
	for _, n := range []int{2, fewItems, fewItems + 1, 40} {
		ids := make([]uuid.UUID, n)
		entries := make([]string, n, n+1)
		for i := range ids {
			ids[i] = uuid.New()
			entries[i] = fmt.Sprintf(`%q: [{"path": "/hostname", "op": "remove"}]`, ids[i])
		}
		entries = append(entries, fmt.Sprintf(`%q: [%s, %s, %s]`, ids[1], addHost, addProvider, addInstance))
		items, err := parsePatchText(t, "{"+strings.Join(entries, ", ")+"}", patchRights{})
		if err != nil || len(items) != n {
			t.Fatalf("of %d ARQs: %d items, %v", n, len(items), err)
		}
		for i, item := range items {
			if item.ARQ != ids[i] || (item.Bind != nil) != (i == 1) {
				t.Errorf("of %d ARQs: item %d is %v", n, i, item)
			}
		}
	}
}
