package http

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

func TestCreateARQs(t *testing.T) {
	h := serve(t)
	var got actors.CreateARQs
	h.backend.createARQs = func(req actors.CreateARQs) ([]*actors.ARQ, error) {
		got = req
		return []*actors.ARQ{initialARQ(arq1), boundARQ(arq2)}, nil
	}
	global := "req-" + nobody
	answer := h.do("POST", "/v2/accelerator_requests/", ask{
		as:   "demo",
		body: `{"device_profile_name": "one", "device_profile_group_id": null, "project_id": "x", "uuid": "y"}`,
		headers: map[string]string{
			requestIDHeader: global,
		},
	})
	answer.gives(201, `{"arqs": [`+initialJSON+`, `+boundJSON+`]}`)
	answer.has("location", "")
	if want := (actors.CreateARQs{ProfileName: "one", ProjectID: "p-demo", RequestID: global}); got != want {
		t.Errorf("the backend got %+v, want %+v", got, want)
	}

	answer = h.do("POST", "/v2/accelerator_requests", ask{as: "demo", body: `{"device_profile_name": 5}`})
	if got.ProfileName != "5" || got.RequestID != answer.header["x-openstack-request-id"] {
		t.Errorf("the backend got %+v", got)
	}

	h.backend.createARQs = func(actors.CreateARQs) ([]*actors.ARQ, error) { return nil, nil }
	h.do("POST", "/v2/accelerator_requests", ask{body: `{"device_profile_name": "g"}`}).gives(201, `{"arqs": []}`)

	h.backend.createARQs = nil // is not asked below
	for _, body := range []string{
		`{}`, `{"foo": "bar"}`, `{"device_profile_name": null}`, `{"device_profile_name": ""}`,
		`{"device_profile_name": ["one"]}`, `{"device_profile_name": {}}`, `{"device_profile_name": true}`,
	} {
		h.do("POST", "/v2/accelerator_requests", ask{body: body}).fails(400, "device_profile_name")
	}
	for _, body := range []string{`[{"device_profile_name": "one"}]`, `"one"`, `1`, `true`, `null`} {
		h.do("POST", "/v2/accelerator_requests", ask{body: body}).fails(400, "body")
	}
}

func TestShowARQ(t *testing.T) {
	h := serve(t)
	h.backend.arqs = []*actors.ARQ{initialARQ(arq1), boundARQ(arq2)}
	path := "/v2/accelerator_requests/"
	for _, id := range []string{
		arq1.String(), arq1.String() + "/", strings.ToUpper(arq1.String()), strings.ReplaceAll(arq1.String(), "-", ""),
	} {
		h.do("GET", path+id, ask{as: "demo"}).gives(200, initialJSON)
	}
	h.do("GET", path+arq2.String(), ask{as: "norole"}).gives(200, boundJSON)
	h.do("GET", path+arq2.String(), ask{as: "admin"}).gives(200, boundJSON)
	h.do("GET", path+arq2.String(), ask{as: "other"}).fails(404, arq2.String())
	h.do("GET", path+nobody, ask{}).fails(404, nobody)
	h.do("GET", path+uuid.Nil.String(), ask{}).fails(404, "")
	for _, malformed := range []string{"not-a-uuid", "1", "{" + arq1.String() + "}", "urn:uuid:" + arq1.String()} {
		h.do("GET", path+malformed, ask{}).fails(400, "uuid")
	}
}

func TestPatchNeedsAService(t *testing.T) {
	h := serve(t)
	body := `{"` + arq1.String() + `": [{"path": "/hostname", "op": "remove"}]}`
	for _, path := range []string{"/v2/accelerator_requests", "/v2/accelerator_requests/" + arq1.String()} {
		h.do("PATCH", path, ask{as: "demo", body: body}).fails(403, "X-Service-Token")
		h.do("PATCH", path, ask{as: "admin", body: body}).fails(403, "X-Service-Token")
		h.do("PATCH", path, ask{as: "demo", body: "nonsense"}).fails(403, "X-Service-Token")
		h.do("PATCH", path, ask{as: "demo", service: "bad", body: body}).unauthorized()
		h.do("PATCH", path, ask{as: "none", service: "svc", body: body}).unauthorized()
	}
}

func TestPatchReachesTheBackend(t *testing.T) {
	h := serve(t)
	var got actors.Patch
	h.backend.patchARQs = func(_ context.Context, req actors.Patch) error {
		got = req
		return nil
	}
	list := `[{"path": "/hostname", "op": "add", "value": "host"},
		{"path": "/device_rp_uuid", "op": "add", "value": "` + provider.String() + `"},
		{"path": "/instance_uuid", "op": "add", "value": "` + instance.String() + `"}]`
	bind := actors.PatchItem{ARQ: arq1, Bind: &actors.BindTo{
		Hostname: "host", ProviderUUID: provider, InstanceUUID: instance,
	}}
	one := "/v2/accelerator_requests/" + arq1.String()
	for _, tc := range []struct {
		path, body string
		want       []actors.PatchItem
	}{
		{"/v2/accelerator_requests", `{"` + arq1.String() + `": ` + list + `}`, []actors.PatchItem{bind}},
		{"/v2/accelerator_requests/", `{"` + arq2.String() + `": [{"path": "hostname", "op": "remove"}], "` +
			arq1.String() + `": ` + list + `}`, []actors.PatchItem{{ARQ: arq2}, bind}},
		{one, `{"` + strings.ToUpper(arq1.String()) + `": ` + list + `}`, []actors.PatchItem{bind}},
		{one, list, []actors.PatchItem{bind}},
	} {
		answer := h.do("PATCH", tc.path, ask{as: "demo", service: "svc", body: tc.body})
		answer.gives(202, "")
		answer.has("content-type", "")
		want := actors.Patch{
			Scope: actors.Scope{ProjectID: "p-demo"}, Items: tc.want, RequestID: answer.header["x-openstack-request-id"],
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s: the backend got %+v, want %+v", tc.path, tc.body, got, want)
		}
	}

	h.backend.patchARQs = nil // is not asked below
	service := func(body string) ask { return ask{as: "demo", service: "svc", body: body} }
	h.do("PATCH", one, service(`{"`+arq2.String()+`": `+list+`}`)).fails(400, arq2.String())
	h.do("PATCH", one, service(`{"`+arq1.String()+`": `+list+`, "`+arq2.String()+`": `+list+`}`)).fails(400, arq2.String())
	h.do("PATCH", one+"?x=y", service(list)).fails(400, `"x"`)
	h.do("PATCH", "/v2/accelerator_requests", service(list)).fails(400, "body")
	h.do("PATCH", "/v2/accelerator_requests/nope", service(list)).fails(404, "nope")
	h.do("PATCH", "/v2/accelerator_requests/"+uuid.Nil.String(), service(list)).fails(404, "")
	h.do("PATCH", "/v2/accelerator_requests", service("")).fails(400, "body")
}

func TestDeleteARQs(t *testing.T) {
	h := serve(t)
	var got actors.DeleteARQs
	h.backend.deleteARQs = func(req actors.DeleteARQs) error {
		got = req
		return nil
	}
	demo := actors.Scope{ProjectID: "p-demo"}
	for _, tc := range []struct {
		path string
		ask  ask
		want actors.DeleteARQs
	}{
		{"?arqs=" + arq1.String(), ask{as: "demo"}, actors.DeleteARQs{Scope: demo, ARQs: []uuid.UUID{arq1}}},
		{"/" + arq1.String(), ask{as: "demo"}, actors.DeleteARQs{Scope: demo, ARQs: []uuid.UUID{arq1}}},
		{
			"?arqs=" + arq2.String() + "," + strings.ToUpper(arq1.String()) + "," + arq2.String(),
			ask{as: "demo", service: "svc"},
			actors.DeleteARQs{Scope: demo, ARQs: []uuid.UUID{arq2, arq1}, Service: true},
		},
		{"?arqs=" + arq1.String() + "&arqs=" + arq2.String(), ask{as: "demo"}, actors.DeleteARQs{
			Scope: demo, ARQs: []uuid.UUID{arq2},
		}},
		{"?instance=" + instance.String(), ask{service: "svc"}, actors.DeleteARQs{
			Scope: actors.Scope{ProjectID: "p-admin", Admin: true}, Instance: instance, Service: true,
		}},
	} {
		answer := h.do("DELETE", "/v2/accelerator_requests"+tc.path, tc.ask)
		answer.gives(204, "")
		answer.has("content-type", "")
		tc.want.RequestID = answer.header["x-openstack-request-id"]
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: the backend got %+v, want %+v", tc.path, got, tc.want)
		}
	}
}

func TestDeletesThatAreRefused(t *testing.T) {
	h := serve(t)
	for _, tc := range []struct {
		path, service string
		status        int
		words         string
	}{
		{"", "", 400, "arqs"},
		{"?arqs=" + arq1.String() + "&instance=" + instance.String(), "svc", 400, "Exactly one"},
		{"?arqs=", "", 400, "arqs"},
		{"?arqs=nope", "", 404, "nope"},
		{"?arqs=" + arq1.String() + ",", "", 404, ""},
		{"?arqs=" + arq1.String() + ",%20" + arq2.String(), "", 404, arq2.String()},
		{"?instance=" + instance.String(), "", 403, "X-Service-Token"},
		{"?instance=nope", "svc", 400, "instance"},
		{"?instance=", "svc", 400, "instance"},
		{"?instance=" + uuid.Nil.String(), "svc", 400, "instance"},
		{"?foo=bar", "svc", 400, `"foo"`},
		{"/nope", "", 404, "nope"},
		{"/" + arq1.String() + "?arqs=x", "", 400, `"arqs"`},
	} {
		h.do("DELETE", "/v2/accelerator_requests"+tc.path, ask{as: "demo", service: tc.service}).
			fails(tc.status, tc.words)
	}
}
