package http

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

const attributeJSON = `{"uuid": "bbbbbbbb-0000-4000-8000-000000000001", "deployable_id": 1, "key": "traits1",
	"value": "CUSTOM_FAKE_DEVICE", "created_at": "2026-11-23T15:17:35+00:00", "updated_at": null,
	"links": [{"href": "http://arqd.test/accelerator/v2/attributes/bbbbbbbb-0000-4000-8000-000000000001",
		"rel": "self"}]}`

func TestShowAndListAttributes(t *testing.T) {
	h := serve(t)
	h.backend.devices = twoDevices()
	h.do("GET", "/v2/attributes/"+attrib1.String(), ask{}).gives(200, attributeJSON)
	h.do("GET", "/v2/attributes/"+nobody, ask{}).fails(404, nobody)
	h.do("GET", "/v2/attributes/nope", ask{}).fails(400, "uuid")
	h.do("GET", "/v2/attributes?limit=1", ask{}).gives(200, `{"attributes": [`+attributeJSON+`]}`)
	all := []string{"traits1", "rc", "note"} // the order of their ids
	for query, want := range map[string][]string{
		"":                            all,
		"?deployable_id=1":            {"traits1", "note"},
		"?deployable_id=99999":        nil,
		"?deployable_id=-1":           nil,
		"?deployable_id=0":            all,
		"?key=rc":                     {"rc"},
		"?key=nope":                   nil,
		"?key=":                       all,
		"?key=rc&deployable_id=1":     nil,
		"?sort_key=key":               {"note", "rc", "traits1"},
		"?sort_dir=desc&limit=2":      {"note", "rc"},
		"?marker=" + attrib2.String(): {"note"},
	} {
		checkNames(t, h.do("GET", "/v2/attributes"+query, ask{}), "attributes", "key", want)
	}
	for query, words := range map[string]string{
		"?deployable_id=abc": "deployable_id",
		"?deployable_id=":    "deployable_id",
		"?foo=bar":           `"foo"`,
	} {
		h.do("GET", "/v2/attributes"+query, ask{}).fails(400, words)
	}
}

func TestCreateAttribute(t *testing.T) {
	h := serve(t)
	var got actors.NewAttribute
	h.backend.createAttribute = func(a actors.NewAttribute) (*actors.Attribute, error) {
		got = a
		return twoDevices()[0].Deployables[0].Attributes[0], nil
	}
	given := uuid.MustParse("bbbbbbbb-0000-4000-8000-00000000000a")
	for body, want := range map[string]actors.NewAttribute{
		`{"deployable_id": 1, "key": "k", "value": "v", "foo": 1}`: {DeployableID: 1, Key: "k", Value: "v"},
		`{"deployable_id": "1", "key": "k", "value": 5}`:           {DeployableID: 1, Key: "k", Value: "5"},
		`{"deployable_id": 1, "key": "k", "value": ""}`:            {DeployableID: 1, Key: "k"},
		`{"deployable_id": 1, "key": "k", "value": "v", "uuid": "BBBBBBBB-0000-4000-8000-00000000000A"}`: {
			DeployableID: 1, Key: "k", Value: "v", UUID: given,
		},
	} {
		h.do("POST", "/v2/attributes", ask{body: body}).gives(201, attributeJSON)
		if got != want {
			t.Errorf("%s: the backend got %+v, want %+v", body, got, want)
		}
	}
	h.backend.createAttribute = nil // is not asked below
	for body, words := range map[string]string{
		`{"deployable_id": 1, "value": "b"}`:                                            "key",
		`{"deployable_id": 1, "key": "", "value": "b"}`:                                 "key",
		`{"deployable_id": 1, "key": "b"}`:                                              "value",
		`{"deployable_id": 1, "key": "b", "value": null}`:                               "value",
		`{"deployable_id": 1, "key": "b", "value": {}}`:                                 "value",
		`{"key": "a", "value": "b"}`:                                                    "deployable_id",
		`{}`:                                                                            "deployable_id",
		`[{"deployable_id": 1, "key": "a", "value": "b"}]`:                              "body",
		`{"deployable_id": "x", "key": "a", "value": "b"}`:                              "deployable_id",
		`{"deployable_id": 1.5, "key": "a", "value": "b"}`:                              "deployable_id",
		`{"deployable_id": 1e99, "key": "a", "value": "b"}`:                             "deployable_id",
		`{"deployable_id": 1, "key": "a", "value": "b", "uuid": "nope"}`:                "uuid",
		`{"deployable_id": 1, "key": "` + strings.Repeat("k", 256) + `", "value": "b"}`: "key",
	} {
		h.do("POST", "/v2/attributes", ask{body: body}).fails(400, words)
	}
	h.do("POST", "/v2/attributes", ask{as: "demo", body: `{}`}).fails(403, "cyborg:attribute:create")
}

func TestDeleteAttribute(t *testing.T) {
	h := serve(t)
	h.backend.deleteAttribute = func(id uuid.UUID) error {
		if id != attrib1 {
			return actors.Refuse(actors.CodeNotFound, "no attribute %s", id)
		}
		return nil
	}
	h.do("DELETE", "/v2/attributes/"+attrib1.String(), ask{}).gives(204, "")
	h.do("DELETE", "/v2/attributes/"+nobody, ask{}).fails(404, nobody)
	h.do("DELETE", "/v2/attributes/nope", ask{}).fails(404, "nope")
	h.do("DELETE", "/v2/attributes/"+attrib1.String(), ask{as: "demo"}).fails(403, "cyborg:attribute:delete")
}
