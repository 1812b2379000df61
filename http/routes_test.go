package http

import "testing"

func TestPathsThatLeadNowhere(t *testing.T) {
	h := serve(t)
	for _, path := range []string{
		"/v1", "/v1/", "/v3", "/nope", "/v2/nope", "/v2/nope/", "/v2/nope/x", "/v2.0", "/V2", "/v2.json",
		"/v2/device_profiles.json", "/v2/accelerator_requests.xml", "/v2/%2e%2e/", "/v2/../v2", "/v2/./devices",
		"/v2//device_profiles", "//v2", "/accelerator/accelerator/v2", "/v2/v2",
		"/v2/accelerator_requests/" + arq1.String() + "/x", "/v2/devices/" + device1.String() + "/nope",
		"/v2/de", "/v2/device", "/acc", "/v2/device_profiles%2F", "/metrics", "/v2/devices/x/enable/x",
	} {
		h.do("GET", path, ask{}).failsPlain(404)
		h.do("GET", path, ask{as: "none"}).unauthorized()
	}
}

func TestMethodsThatAreNotThere(t *testing.T) {
	h := serve(t)
	arq, profile := "/v2/accelerator_requests/"+arq1.String(), "/v2/device_profiles/"+profile1.String()
	device, deployable := "/v2/devices/"+device1.String(), "/v2/deployables/"+deploy1.String()
	attribute := "/v2/attributes/" + attrib1.String()
	for _, tc := range []struct{ method, path, allow string }{
		{"POST", "/v2", "GET"},
		{"TRACE", "/v2", "GET"},
		{"FOO", "/v2", "GET"},
		{"PUT", "/v2/accelerator_requests", "DELETE, GET, PATCH, POST"},
		{"PUT", "/v2/accelerator_requests/", "DELETE, GET, PATCH, POST"},
		{"PUT", "/accelerator/v2/accelerator_requests", "DELETE, GET, PATCH, POST"},
		{"POST", arq, "DELETE, GET, PATCH"},
		{"PATCH", "/v2/device_profiles", "DELETE, GET, POST"},
		{"PATCH", profile, "DELETE, GET"},
		{"POST", "/v2/devices", "GET"},
		{"DELETE", "/v2/devices", "GET"},
		{"DELETE", device, "GET"},
		{"PATCH", device, "GET"},
		{"GET", device + "/disable", "POST"},
		{"PUT", device + "/enable", "POST"},
		{"DELETE", "/v2/deployables", "GET"},
		{"PATCH", deployable, "GET"},
		{"POST", deployable + "/program", "PATCH"},
		{"DELETE", "/v2/attributes", "GET, POST"},
		{"PATCH", attribute, "DELETE, GET"},
	} {
		got := h.do(tc.method, tc.path, ask{body: "{}"})
		got.failsPlain(405)
		got.has("allow", tc.allow)
		h.do(tc.method, tc.path+"?x=y", ask{}).failsPlain(405)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "FOO"} {
		got := h.do(method, "/", ask{as: "none"})
		got.failsPlain(405)
		got.has("allow", "GET")
	}
	h.do("PUT", "/v2/accelerator_requests", ask{as: "none"}).unauthorized()
}

func TestHeadAndOptions(t *testing.T) {
	h := serve(t)
	got := h.do("HEAD", "/v2/accelerator_requests", ask{})
	got.gives(405, "")
	got.has("allow", "DELETE, GET, PATCH, POST")
	h.do("HEAD", "/", ask{as: "none"}).gives(405, "")

	got = h.do("OPTIONS", "/v2/accelerator_requests", ask{})
	got.gives(204, "")
	got.has("allow", "DELETE, GET, PATCH, POST")
	h.do("OPTIONS", "/", ask{as: "none"}).gives(204, "")
}

func TestResourcesAreServedBelowEachMountPoint(t *testing.T) {
	h := serve(t)
	for _, mount := range []string{"", "/v2", "/accelerator", "/accelerator/v2"} {
		for path, body := range map[string]string{
			"/accelerator_requests":  `{"arqs": []}`,
			"/device_profiles/":      `{"device_profiles": []}`,
			"/devices":               `{"devices": []}`,
			"/deployables//":         `{"deployables": []}`,
			"/attributes":            `{"attributes": []}`,
			"/attributes?limit=5&&":  `{"attributes": []}`,
			"/attributes///?limit=5": `{"attributes": []}`,
		} {
			got := h.do("GET", mount+path, ask{})
			got.gives(200, body)
			got.has("openstack-api-version", "accelerator 2.0")
		}
	}
	h.do("GET", "http://arqd.test/v2/devices", ask{}).gives(200, `{"devices": []}`)
}
