package http

import (
	"reflect"
	"strings"
	"testing"

	"github.com/arqd/arqd/actors"
)

const profileJSON = `{"uuid": "aaaaaaaa-0000-4000-8000-000000000001", "name": "one", "description": null,
	"groups": [{"resources:FPGA": "1", "trait:CUSTOM_FAKE_DEVICE": "required"}],
	"created_at": "2026-11-23T15:17:35+00:00", "updated_at": null,
	"links": [{"href": "http://arqd.test/accelerator/v2/device_profiles/aaaaaaaa-0000-4000-8000-000000000001",
		"rel": "self"}]}`

const shownProfileJSON = `{"device_profile": {"uuid": "aaaaaaaa-0000-4000-8000-000000000001", "name": "one",
	"description": null, "groups": [{"resources:FPGA": "1", "trait:CUSTOM_FAKE_DEVICE": "required"}],
	"created_at": "2026-11-23 15:17:35+00:00", "updated_at": "None",
	"links": [{"href": "http://arqd.test/accelerator/v2/device_profiles/aaaaaaaa-0000-4000-8000-000000000001",
		"rel": "self"}]}}`

func TestCreateProfile(t *testing.T) {
	h := serve(t)
	var got actors.ProfileSpec
	h.backend.createProfile = func(spec actors.ProfileSpec) (*actors.Profile, error) {
		err := spec.Validate(256)
		got = spec
		return oneProfile(), err
	}
	const body = `[{"name": "one", "id": 7, "foo": {}, "description": 7, "uuid": "AAAAAAAA00004000800000000000000a",
		"groups": [{"resources: FPGA ": 2, "trait:CUSTOM_X": "required", "accel:x": "é\u0001", "resources:FPGA": " 3 "},
			{}]}]`
	answer := h.do("POST", "/v2/device_profiles", ask{body: body})
	answer.gives(201, profileJSON)
	answer.has("content-type", "application/json")
	answer.has("location", "")

	seven := "7"
	want := actors.ProfileSpec{Name: "one", Description: &seven, Groups: [][]actors.Request{
		{{Key: "resources:FPGA", Value: " 3 "}, {Key: "trait:CUSTOM_X", Value: "required"}, {Key: "accel:x", Value: "é\x01"}},
		{},
	}}
	want.UUID, _ = parseUUID("aaaaaaaa-0000-4000-8000-00000000000a")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the backend got %+v, want %+v", got, want)
	}

	h.do("POST", "/v2/device_profiles", ask{body: `[{"name": "a", "description": null, "uuid": null, "groups": [{}]}]`})
	if got.Description != nil || got.UUID.String() != "00000000-0000-0000-0000-000000000000" {
		t.Errorf("null was not read as absent: %+v", got)
	}
}

func TestProfilesThatAreRefused(t *testing.T) {
	h := serve(t)
	h.backend.createProfile = func(spec actors.ProfileSpec) (*actors.Profile, error) {
		return oneProfile(), spec.Validate(256)
	}
	one := func(members string) string { return "[{" + members + "}]" }
	const groups = `"groups": [{"resources:FPGA": "1"}]`
	for _, tc := range []struct{ name, body, words string }{
		{"object", `{"name": "o", ` + groups + `}`, "body"},
		{"empty list", `[]`, "body"},
		{"two", `[{"name": "a", ` + groups + `}, {"name": "b", ` + groups + `}]`, "body"},
		{"list of strings", `["x"]`, "device profile"},
		{"list of null", `[null]`, "device profile"},
		{"string", `"x"`, "body"},
		{"number", `5`, "body"},
		{"null", `null`, "body"},
		{"name missing", one(groups), "name"},
		{"name empty", one(`"name": "", ` + groups), "name"},
		{"name null", one(`"name": null, ` + groups), "name"},
		{"name number", one(`"name": 5, ` + groups), "name"},
		{"name with a newline", one(`"name": "a\n", ` + groups), "name"},
		{"name too long", one(`"name": "` + strings.Repeat("n", 256) + `", ` + groups), "name"},
		{"groups missing", one(`"name": "a"`), "groups"},
		{"groups empty", one(`"name": "a", "groups": []`), "groups"},
		{"groups null", one(`"name": "a", "groups": null`), "groups"},
		{"groups object", one(`"name": "a", "groups": {"resources:FPGA": "1"}`), "groups"},
		{"groups of strings", one(`"name": "a", "groups": ["x"]`), "groups[0]: must be"},
		{"groups of null", one(`"name": "a", "groups": [{}, null]`), "groups[1]: must be"},
		{"amount null", one(`"name": "a", "groups": [{"resources:FPGA": null}]`), "groups[0]"},
		{"amount list", one(`"name": "a", "groups": [{"resources:FPGA": [1]}]`), "groups[0]"},
		{"amount float", one(`"name": "a", "groups": [{"resources:FPGA": 1.5}]`), "resources:FPGA"},
		{"amount zero", one(`"name": "a", "groups": [{}, {"resources:FPGA": 0}]`), "groups[1]"},
		{"too many", one(`"name": "a", "groups": [{"resources:FPGA": 257}]`), "256"},
		{"accel null", one(`"name": "a", "groups": [{"accel:x": null}]`), "accel:x"},
		{"accel list", one(`"name": "a", "groups": [{"accel:x": [1]}]`), "accel:x"},
		{"accel number", one(`"name": "a", "groups": [{"accel:x": 1}]`), "accel:x"},
		{"uuid malformed", one(`"name": "a", "uuid": "not-a-uuid", ` + groups), "uuid"},
		{"uuid number", one(`"name": "a", "uuid": 5, ` + groups), "uuid"},
		{"uuid zero", one(`"name": "a", "uuid": "00000000-0000-0000-0000-000000000000", ` + groups), "uuid"},
		{"description list", one(`"name": "a", "description": [], ` + groups), "description"},
		{"description true", one(`"name": "a", "description": true, ` + groups), "description"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := h.do("POST", "/v2/device_profiles", ask{body: tc.body})
			got.t = t
			got.fails(400, tc.words)
			got.has("openstack-api-version", "accelerator 2.0")
		})
	}
	h.do("POST", "/v2/device_profiles?x=y", ask{body: `[]`}).fails(400, `"x"`)
	h.do("POST", "/v2/device_profiles", ask{as: "demo", body: `[]`}).fails(403, "cyborg:device_profile:create")
}

func TestBodiesThatAreNotJSON(t *testing.T) {
	h := serve(t)
	for _, path := range []string{"/v2/device_profiles", "/v2/accelerator_requests", "/v2/attributes"} {
		for name, body := range map[string]string{
			"nothing":             "",
			"blanks":              "  \n",
			"cut off":             `[{"name": `,
			"junk behind":         `[] x`,
			"junk before":         `x []`,
			"NaN":                 `[NaN]`,
			"bad escape":          `["\x"]`,
			"bad number":          `[01]`,
			"control character":   "[\"a\x01\"]",
			"not UTF-8":           "[\"\xff\"]",
			"deeper than allowed": strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		} {
			got := h.do("POST", path, ask{body: body})
			got.request += " " + name
			got.fails(400, "body")
		}
		h.do("POST", path, ask{body: "[]", form: true}).fails(400, "Content-Type")
		for contentType, status := range map[string]int{
			"application/x-www-form-urlencoded":          400,
			"application/x-www-form-urlencoded; x=y":     400,
			"text/plain":                                 415,
			"application/xml":                            415,
			"multipart/form-data; boundary=x":            415,
			"application/json-patch+json; charset=utf-8": 415,
		} {
			h.do("POST", path, ask{body: "[]", form: true, headers: map[string]string{"Content-Type": contentType}}).
				fails(status, "Content-Type")
		}
	}
	for _, encoding := range []string{"gzip", "deflate, identity", "identity\r\nContent-Encoding: br"} {
		h.do("POST", "/v2/device_profiles", ask{body: "[]", headers: map[string]string{"Content-Encoding": encoding}}).
			fails(415, "Content-Encoding")
	}
	h.backend.createProfile = func(actors.ProfileSpec) (*actors.Profile, error) { return oneProfile(), nil }
	h.do("POST", "/v2/device_profiles", ask{
		body: `[{"name": "a", "groups": [{}]}]`, headers: map[string]string{"Content-Encoding": "Identity"},
	}).gives(201, profileJSON)
	for _, contentType := range []string{"application/json; charset=utf-8", "APPLICATION/JSON"} {
		h.do("POST", "/v2/device_profiles", ask{
			body: `[{"name": "a", "groups": [{}]}]`, form: true, headers: map[string]string{"Content-Type": contentType},
		}).gives(201, profileJSON)
	}
}

func TestListProfiles(t *testing.T) {
	h := serve(t)
	second := oneProfile()
	second.Name, second.Seq, second.UUID = "aaa", 2, attrib1
	text := `quote " and \`
	second.Description = &text
	h.backend.profiles = []*actors.Profile{oneProfile(), second}
	h.do("GET", "/v2/device_profiles?name=one", ask{}).gives(200, `{"device_profiles": [`+profileJSON+`]}`)
	for query, names := range map[string][]string{
		"":                                {"one", "aaa"},
		"?name=one,aaa":                   {"one", "aaa"},
		"?name=one,%20aaa":                {"one"},
		"?name=one&name=aaa":              {"aaa"},
		"?name=nope":                      nil,
		"?name=":                          nil,
		"?limit=1":                        {"one"},
		"?sort_dir=desc":                  {"aaa", "one"},
		"?sort_dir=desc&limit=1":          {"aaa"},
		"?sort_key=name":                  {"aaa", "one"},
		"?sort_key=name&limit=1":          {"aaa"},
		"?sort_key=name&sort_dir=desc":    {"one", "aaa"},
		"?sort_key=uuid":                  {"one", "aaa"},
		"?sort_key=description&limit=999": {"one", "aaa"},
		"?sort_key=name&marker=" + second.UUID.String(): {"one"},
	} {
		checkNames(t, h.do("GET", "/v2/device_profiles"+query, ask{}), "device_profiles", "name", names)
	}
	for query, words := range map[string]string{
		"?foo=bar":                         `"foo"`,
		"?uuid=" + profile1.String():       `"uuid"`,
		"?limit=0":                         "limit",
		"?limit=-1":                        "limit",
		"?limit=":                          "limit",
		"?limit=x":                         "limit",
		"?marker=x":                        "marker",
		"?marker=":                         "marker",
		"?sort_dir=up":                     "sort_dir",
		"?sort_dir=":                       "sort_dir",
		"?sort_key=groups":                 "sort_key",
		"?sort_key=":                       "sort_key",
		"?name=%zz":                        "percent",
		"?name=%f":                         "percent",
		"?name=%ff":                        "percent",
		"?sort_key=name&marker=" + nobody:  "marker",
		"?=x":                              `""`,
		"?name":                            "",
		"?n%61me=one&nam%65=aaa&limit=%30": "limit",
	} {
		if words != "" {
			h.do("GET", "/v2/device_profiles"+query, ask{}).fails(400, words)
		}
	}
}

// checkNames compares one member of each element of a list.
func checkNames(t *testing.T, got answer, list, member string, want []string) {
	t.Helper()
	if got.status != 200 {
		t.Errorf("%s: status %d: %s", got.request, got.status, got.body)
		return
	}
	document, _ := decode(t, got.body).(map[string]any)
	elements, _ := document[list].([]any)
	var names []string
	for _, element := range elements {
		object, _ := element.(map[string]any)
		name, _ := object[member].(string)
		names = append(names, name)
	}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("%s: %q, want %q", got.request, names, want)
	}
}

func TestShowProfile(t *testing.T) {
	h := serve(t)
	looksLikeUUID := oneProfile()
	looksLikeUUID.Name, looksLikeUUID.UUID = strings.ReplaceAll(nobody, "-", ""), attrib1
	h.backend.profiles = []*actors.Profile{oneProfile(), looksLikeUUID}
	at := func(version string) ask { return ask{headers: map[string]string{versionHeader: version}} }
	for _, id := range []string{
		profile1.String(), profile1.String() + "/", strings.ToUpper(profile1.String()),
		strings.ReplaceAll(profile1.String(), "-", ""),
	} {
		h.do("GET", "/v2/device_profiles/"+id, ask{}).gives(200, shownProfileJSON)
	}
	h.do("GET", "/v2/device_profiles/one", ask{}).fails(406, "2.2")
	h.do("GET", "/v2/device_profiles/one", at("2.1")).fails(406, "2.2")
	h.do("GET", "/v2/device_profiles/one", at("2.2")).gives(200, shownProfileJSON)
	h.do("GET", "/v2/device_profiles/%6Fne", at("2.3")).gives(200, shownProfileJSON)
	h.do("GET", "/v2/device_profiles/nope", at("2.2")).fails(404, "nope")
	h.do("GET", "/v2/device_profiles/%zz", at("2.2")).fails(404, "%zz")
	h.do("GET", "/v2/device_profiles/"+nobody, ask{}).fails(404, nobody)
	h.do("GET", "/v2/device_profiles/"+looksLikeUUID.Name, ask{}).fails(404, "")
	if got := h.do("GET", "/v2/device_profiles/"+looksLikeUUID.Name, at("2.2")); got.status != 200 {
		t.Errorf("a profile whose name looks like a uuid is not shown: %s", got.body)
	}
	h.do("GET", "/v2/device_profiles/one?x=y", at("2.2")).fails(400, `"x"`)
}

func TestDeleteProfiles(t *testing.T) {
	h := serve(t)
	var deleted []string
	h.backend.deleteProfiles = func(names []string) error {
		deleted = names
		return nil
	}
	for path, want := range map[string][]string{
		"/" + profile1.String(): {profile1.String()},
		"/one":                  {"one"},
		"/o%6Ee/":               {"one"},
		"?value=one":            {"one"},
		"?value=a,b,a":          {"a", "b"},
		"?value=a,%20b":         {"a", " b"},
		"?value=a&value=b":      {"b"},
	} {
		got := h.do("DELETE", "/v2/device_profiles"+path, ask{})
		got.gives(204, "")
		got.has("content-type", "")
		got.has("openstack-api-version", "accelerator 2.0")
		if !reflect.DeepEqual(deleted, want) {
			t.Errorf("%s: the backend deletes %q, want %q", path, deleted, want)
		}
	}
	h.backend.deleteProfiles = nil // is not asked below
	h.do("DELETE", "/v2/device_profiles", ask{}).fails(400, "value")
	h.do("DELETE", "/v2/device_profiles?name=one", ask{}).fails(400, `"name"`)
	h.do("DELETE", "/v2/device_profiles?value=", ask{}).fails(404, "")
	h.do("DELETE", "/v2/device_profiles?value=a,", ask{}).fails(404, "")
	h.do("DELETE", "/v2/device_profiles/one", ask{as: "demo"}).fails(403, "cyborg:device_profile:delete")

	h.backend.deleteProfiles = func([]string) error { return actors.Refuse(actors.CodeConflict, "one: is in use") }
	h.do("DELETE", "/v2/device_profiles/one", ask{}).fails(409, "in use")
}
