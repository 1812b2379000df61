package http

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

const device2JSON = `{"uuid": "dddddddd-0000-4000-8000-000000000002", "type": "FPGA", "vendor": "0xABCD",
	"model": "miss model info", "std_board_info": "{\"device_id\": \"0xabcd\"}",
	"vendor_board_info": "fake_vendor_info", "hostname": "fakehost2",
	"links": [{"href": "http://arqd.test/accelerator/v2/devices/dddddddd-0000-4000-8000-000000000002", "rel": "self"}],
	"created_at": "2026-11-23T15:17:35+00:00", "updated_at": "2026-11-23T15:17:36+00:00"}`

func TestShowDevice(t *testing.T) {
	h := serve(t)
	h.backend.devices = twoDevices()
	path := "/v2/devices/" + device2.String()
	at := func(version string) ask { return ask{headers: map[string]string{versionHeader: version}} }
	h.do("GET", path, ask{}).gives(200, device2JSON)
	h.do("GET", path, at("2.2")).gives(200, device2JSON)
	h.do("GET", path, at("2.3")).gives(200, strings.Replace(device2JSON, `"links"`, `"status": "enabled", "links"`, 1))
	h.backend.devices[0].Disabled, h.backend.devices[0].UpdatedAt = true, 0
	h.do("GET", path, at("2.3")).gives(200, strings.NewReplacer(
		`"links"`, `"status": "maintaining", "links"`, "17:36", "17:35").Replace(device2JSON))
	h.do("GET", "/v2/devices/"+nobody, ask{}).fails(404, nobody)
	h.do("GET", "/v2/devices/nope", ask{}).fails(404, "nope")
	h.do("GET", "/v2/devices/disable", ask{}).fails(404, "disable")
	h.do("GET", path+"?x=y", ask{}).fails(400, `"x"`)
}

func TestListDevices(t *testing.T) {
	h := serve(t)
	h.backend.devices = twoDevices()
	inOrder, newest := []string{"fakehost2", "fakehost"}, []string{"fakehost", "fakehost2"}
	for query, want := range map[string][]string{
		"":                                     inOrder,
		"?type=FPGA":                           newest,
		"?type=fpga":                           newest,
		"?type=GPU":                            nil,
		"?vendor=0xabcd":                       newest,
		"?vendor=nope":                         nil,
		"?hostname=fakehost":                   {"fakehost"},
		"?hostname=FAKEHOST2&type=FPGA":        {"fakehost2"},
		"?type=":                               inOrder,
		"?hostname=&vendor=":                   inOrder,
		"?limit=1":                             {"fakehost2"},
		"?limit=1&marker=" + device2.String():  {"fakehost"},
		"?type=FPGA&limit=1":                   {"fakehost"},
		"?sort_dir=desc":                       newest,
		"?type=FPGA&sort_dir=asc":              inOrder,
		"?sort_key=hostname":                   newest,
		"?type=FPGA&sort_key=id":               inOrder,
		"?sort_key=created_at":                 inOrder,
		"?filters.field=limit&filters.value=1": {"fakehost"},
		"?filters.field=hostname&filters.value=fakehost2": {"fakehost2"},
		"?filters.field=host&filters.value=fakehost2":     {"fakehost2"},
		"?filters.field=vendor&filters.value=nope":        nil,
		"?filters.field=sort_key&filters.value=hostname":  newest,
		"?filters.field=sort_dir&filters.value=asc":       inOrder,
	} {
		checkNames(t, h.do("GET", "/v2/devices"+query, ask{}), "devices", "hostname", want)
	}
	for query, words := range map[string]string{
		"?foo=bar":          `"foo"`,
		"?status=enabled":   `"status"`,
		"?host=fakehost":    `"host"`,
		"?sort_key=nope":    "sort_key",
		"?marker=" + nobody: "marker",
		"?filters.field=sort_key&filters.value=nope": "sort_key",
		"?filters.field=nope&filters.value=1":        "filters.field",
		"?filters.field=name&filters.value=1":        "filters.field",
		"?filters.field=limit&filters.value=x":       "limit",
		"?filters.field=limit":                       "filters.value",
		"?filters.value=1":                           "filters.field",
	} {
		h.do("GET", "/v2/devices"+query, ask{}).fails(400, words)
	}
}

func TestEnableAndDisableDevices(t *testing.T) {
	h := serve(t)
	h.backend.devices = twoDevices()
	enabled := map[uuid.UUID]bool{}
	h.backend.setEnabled = func(id uuid.UUID, on bool) error {
		enabled[id] = on
		return nil
	}
	h.do("POST", "/v2/devices/"+device1.String()+"/disable", ask{}).gives(204, "")
	h.do("POST", "/v2/devices/"+device2.String()+"/enable/", ask{body: "{}"}).gives(204, "")
	if len(enabled) != 2 || enabled[device1] || !enabled[device2] {
		t.Errorf("enabled: %v", enabled)
	}
	h.backend.setEnabled = nil // is not asked below
	h.do("POST", "/v2/devices/"+nobody+"/disable", ask{}).fails(404, nobody)
	h.do("POST", "/v2/devices/nope/disable", ask{}).fails(404, "nope")
	h.do("POST", "/v2/devices/disable/disable", ask{}).fails(404, "disable")
	h.do("POST", "/v2/devices/disable", ask{}).fails(400, "uuid")
	h.do("POST", "/v2/devices/enable", ask{}).fails(400, "uuid")
	h.do("POST", "/v2/devices/"+device1.String()+"/enable", ask{as: "demo"}).fails(403, "cyborg:device:enable")
	h.do("POST", "/v2/devices/"+device1.String()+"/disable?x=y", ask{}).fails(400, `"x"`)
}

const deployable2JSON = `{"uuid": "eeeeeeee-0000-4000-8000-000000000002", "parent_id": null, "root_id": null,
	"name": "fakehost2_FakeDevice", "num_accelerators": 16, "device_id": 1,
	"attributes_list": "[{\"traits1\": \"CUSTOM_FAKE_DEVICE\"}, {\"note\": \"says \\\"hi\\\"\"}]",
	"rp_uuid": "11111111-1111-4111-8111-111111111111", "driver_name": "fake", "bitstream_id": null,
	"links": [
		{"href": "http://arqd.test/accelerator/v2/deployables/eeeeeeee-0000-4000-8000-000000000002", "rel": "self"},
		{"href": "http://arqd.test/accelerator/deployables/eeeeeeee-0000-4000-8000-000000000002", "rel": "bookmark"}],
	"created_at": "2026-11-23T15:17:35+00:00", "updated_at": "2026-11-23T15:17:36+00:00"}`

func TestDeployables(t *testing.T) {
	h := serve(t)
	h.backend.devices = twoDevices()
	h.do("GET", "/v2/deployables/"+deploy2.String(), ask{}).gives(200, deployable2JSON)
	h.do("GET", "/v2/deployables/"+nobody, ask{}).fails(404, nobody)
	h.do("GET", "/v2/deployables/nope", ask{}).fails(400, "uuid")
	h.do("GET", "/v2/deployables/1", ask{}).fails(400, "uuid")
	inOrder, newest := []string{"fakehost2_FakeDevice", "fakehost_FakeDevice"}, []string{"fakehost_FakeDevice", "fakehost2_FakeDevice"}
	for query, want := range map[string][]string{
		"":                            inOrder,
		"?limit=1":                    inOrder[:1],
		"?sort_dir=desc":              newest,
		"?sort_key=name":              inOrder,
		"?marker=" + deploy2.String(): newest[:1],
		"?filters.field=name&filters.value=fakehost_FakeDevice": newest[:1],
		"?filters.field=name&filters.value=FAKEHOST_FakeDevice": nil,
		"?filters.field=root_uuid&filters.value=x":              newest,
		"?filters.field=limit&filters.value=1":                  newest[:1],
		"?filters.field=vendor&filters.value=0xabcd":            newest,
		"?filters.field=hostname&filters.value=fakehost2":       inOrder[:1],
	} {
		checkNames(t, h.do("GET", "/v2/deployables"+query, ask{}), "deployables", "name", want)
	}
	for query, words := range map[string]string{
		"?filters.field=nope&filters.value=1": "filters.field",
		"?filters=%5B%5D":                     `"filters"`,
		"?name=fakehost_FakeDevice":           `"name"`,
		"?foo=bar":                            `"foo"`,
		"?sort_key=attributes_list":           "sort_key",
	} {
		h.do("GET", "/v2/deployables"+query, ask{}).fails(400, words)
	}
}

func TestProgramDeployable(t *testing.T) {
	h := serve(t)
	h.backend.devices = twoDevices()
	image := uuid.MustParse("20000000-0000-4000-8000-000000000001")
	h.backend.program = func(id, got uuid.UUID) (*actors.Deployable, error) {
		if id != deploy2 || got != image {
			t.Errorf("programs %s with %s", id, got)
		}
		programmed := *twoDevices()[0].Deployables[0]
		programmed.BitstreamID = got
		return &programmed, nil
	}
	path := "/v2/deployables/" + deploy2.String() + "/program"
	body := func(path, op, value string) string {
		return `[{"path": ` + path + `, "op": ` + op + `, "value": ` + value + `}]`
	}
	good := `[{"image_uuid": "` + image.String() + `"}]`
	want := strings.Replace(deployable2JSON, `"bitstream_id": null`, `"bitstream_id": "`+image.String()+`"`, 1)
	h.do("PATCH", path, ask{body: body(`"/program"`, `"replace"`, good)}).gives(200, want)
	h.do("PATCH", path+"/", ask{body: body(`"/bitstream_id"`, `"replace"`, good)}).gives(200, want)

	h.do("PATCH", "/v2/deployables/"+nobody+"/program", ask{body: body(`"/program"`, `"replace"`, good)}).fails(404, nobody)
	h.do("PATCH", "/v2/deployables/nope/program", ask{body: body(`"/program"`, `"replace"`, good)}).fails(400, "uuid")
	h.backend.program = nil // is not asked below
	h.do("PATCH", path, ask{as: "demo", body: "[]"}).fails(403, "cyborg:deployable:program")
	for bad, words := range map[string]string{
		"":                                      "body",
		`[]`:                                    "body",
		`{}`:                                    "body",
		`[{}, {}]`:                              "body",
		`[1]`:                                   "body",
		body(`"/bitstream_id"`, `"nope"`, good): "op",
		body(`"/bitstream_id"`, `"remove"`, good):                       "op",
		body(`"/bitstream_id"`, `null`, good):                           "op",
		body(`null`, `"replace"`, good):                                 "path",
		body(`"x"`, `"replace"`, good):                                  "path",
		body(`"/uuid"`, `"replace"`, good):                              "path",
		body(`"/name"`, `"replace"`, `"x"`):                             "path",
		body(`"/program"`, `"replace"`, `null`):                         "value",
		body(`"/program"`, `"replace"`, `"`+image.String()+`"`):         "value",
		body(`"/program"`, `"replace"`, `[]`):                           "value",
		body(`"/program"`, `"replace"`, `[{"x": 1}]`):                   "image_uuid",
		body(`"/program"`, `"replace"`, `[{"image_uuid": "nope"}]`):     "image_uuid",
		body(`"/program"`, `"replace"`, `[{"image_uuid": 5}]`):          "image_uuid",
		body(`"/program"`, `"replace"`, `{"image_uuid": "`+nobody+`"}`): "value",
	} {
		h.do("PATCH", path, ask{body: bad}).fails(400, words)
	}
}
