package http

import "testing"

const versionJSON = `{"id": "v2", "status": "CURRENT", "max_version": "2.3", "min_version": "2.0",
	"links": [{"href": "http://arqd.test/accelerator/v2", "rel": "self"}]}`

const rootJSON = `{"name": "` + serviceName + `", "description": "` + serviceDescription + `",
	"versions": [` + versionJSON + `], "default_version": ` + versionJSON + `}`

const v2JSON = `{"id": "v2.0", "status": "CURRENT", "max_version": "2.3", "min_version": "2.0",
	"links": [{"href": "http://arqd.test/accelerator/v2/", "rel": "self"}]}`

func TestVersionDocuments(t *testing.T) {
	h := serve(t)
	for _, path := range []string{"/", "//", "///", "/accelerator", "/accelerator/"} {
		got := h.do("GET", path, ask{as: "none", headers: map[string]string{versionHeader: "accelerator 9.9"}})
		got.gives(200, rootJSON)
		got.has("content-type", "application/json")
		got.has("openstack-api-version", "")
		got.has("vary", "")
	}
	for _, path := range []string{"/v2", "/v2/", "/v2//", "/accelerator/v2", "/accelerator/v2/"} {
		got := h.do("GET", path, ask{as: "none", headers: map[string]string{versionHeader: "accelerator 2.1"}})
		got.gives(200, v2JSON)
		got.has("openstack-api-version", "accelerator 2.1")
		got.has("openstack-api-minimum-version", "2.0")
		got.has("openstack-api-maximum-version", "2.3")
		got.has("vary", "OpenStack-API-Version")
	}
	got := h.do("GET", "/?a=b", ask{as: "none"})
	got.fails(400, `"a"`)
	got.has("vary", "")
	got = h.do("GET", "//?a=b", ask{as: "none"})
	got.fails(400, `"a"`)
	h.do("GET", "/v2?a=b", ask{as: "none"}).fails(400, `"a"`)
	h.do("GET", "/v2", ask{as: "none", headers: map[string]string{versionHeader: "garbage"}}).failsPlain(406)
}

func TestLinksFollowTheRequestOrThePublicEndpoint(t *testing.T) {
	h := serve(t, func(o *Options) { o.PublicEndpoint = "https://cloud.example:8080/" })
	h.do("GET", "/v2", ask{as: "none"}).gives(200, `{"id": "v2.0", "status": "CURRENT",
		"max_version": "2.3", "min_version": "2.0",
		"links": [{"href": "https://cloud.example:8080/accelerator/v2/", "rel": "self"}]}`)

	h = serve(t)
	conn := h.dial()
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /v2 HTTP/1.1\r\nHost: odd\"host\\\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	got := readAnswer(t, conn, "GET", "/v2")
	if got.status == 200 {
		decode(t, got.body) // a Host of any kind leaves valid JSON
	} else {
		got.fails(400, "HTTP")
	}
}
