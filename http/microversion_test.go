package http

import (
	"errors"
	"testing"
)

func TestNegotiation(t *testing.T) {
	const latest = maxMinor
	for _, tc := range []struct {
		header string
		minor  int
		err    error
	}{
		{"", 0, nil},
		{"  ", 0, nil},
		{"accelerator 2.0", 0, nil},
		{"accelerator 2.1", 1, nil},
		{"accelerator 2.3", 3, nil},
		{"accelerator latest", latest, nil},
		{"accelerator LATEST", latest, nil},
		{"2.1", 1, nil},
		{"latest", latest, nil},
		{"compute 2.90, accelerator 2.1", 1, nil},
		{"accelerator 2.1, compute 2.90", 1, nil},
		{"accelerator 2.1,accelerator 2.2", 2, nil},
		{"compute 2.1\naccelerator 2.3", 3, nil},
		{"accelerator  2.2", 2, nil},
		{"accelerator\t2.2", 2, nil},
		{"ACCELERATOR 2.2", 2, nil},
		{"accelerator 2.1 ", 1, nil},
		{"accelerator 02.1", 1, nil},
		{"accelerator 2.03", 3, nil},

		{"accelerator 2.4", 0, errVersionRange},
		{"accelerator 2.99", 0, errVersionRange},
		{"accelerator 2.99999999999999999999", 0, errVersionRange},
		{"accelerator 1.0", 0, errVersionRange},
		{"accelerator 3.0", 0, errVersionRange},
		{"accelerator -2.1", 0, errVersionRange},
		{"accelerator 2.-1", 0, errVersionRange},
		{"2.99", 0, errVersionRange},

		{"accelerator", 0, errVersionUnparsable},
		{"accelerator 2", 0, errVersionUnparsable},
		{"accelerator 2.", 0, errVersionUnparsable},
		{"accelerator .1", 0, errVersionUnparsable},
		{"accelerator 2.x", 0, errVersionUnparsable},
		{"accelerator 2.1.0", 0, errVersionUnparsable},
		{"accelerator 2.1 x", 0, errVersionUnparsable},
		{"accelerator garbage", 0, errVersionUnparsable},
		{"garbage", 0, errVersionUnparsable},
		{"compute 2.1", 0, errVersionUnparsable},
		{",", 0, errVersionUnparsable},
		{"-", 0, errVersionUnparsable},
	} {
		minor, err := negotiate(tc.header)
		if minor != tc.minor || !errors.Is(err, tc.err) {
			t.Errorf("%q: 2.%d, %v; want 2.%d, %v", tc.header, minor, err, tc.minor, tc.err)
		}
	}
}

func TestVersionHeadersOfAnswers(t *testing.T) {
	h := serve(t)
	asking := func(version string) ask { return ask{headers: map[string]string{"openstack-API-version": version}} }

	got := h.do("GET", "/v2/devices", asking("accelerator 2.2"))
	got.gives(200, `{"devices": []}`)
	got.has("openstack-api-version", "accelerator 2.2")

	got = h.do("GET", "/v2/devices/"+nobody, asking("latest"))
	got.fails(404, nobody)
	got.has("openstack-api-version", "accelerator 2.3")
	got.has("vary", "OpenStack-API-Version")

	got = h.do("GET", "/v2/devices", asking("accelerator 2.99"))
	got.failsPlain(406)
	got.has("vary", "OpenStack-API-Version")
	got.has("openstack-api-minimum-version", "2.0")
	got.has("openstack-api-maximum-version", "2.3")

	got = h.do("GET", "/v2/devices", asking("garbage"))
	got.failsPlain(406)
	got.has("vary", "")
	got.has("openstack-api-minimum-version", "")

	got = h.do("GET", "/v2/devices", ask{headers: map[string]string{"X-OpenStack-Cyborg-API-Version": "2.3"}})
	got.has("openstack-api-version", "accelerator 2.0")
	h.do("GET", "/v2/devices", ask{as: "none", headers: map[string]string{versionHeader: "garbage"}}).unauthorized()
}

func TestAcceptHeader(t *testing.T) {
	h := serve(t)
	for accept, ok := range map[string]bool{
		"":                                 true,
		"*/*":                              true,
		"application/json":                 true,
		"Application/JSON":                 true,
		"application/*":                    true,
		"text/html, */*;q=0.1":             true,
		"application/json; charset=utf-8":  true,
		"text/html,application/json;q=0.5": true,
		"application/xml":                  false,
		"text/html":                        false,
		"application/json;q=0":             false,
		"application/json; q=0.000, a/b":   false,
		"garbage":                          false,
	} {
		got := h.do("GET", "/v2/devices", ask{headers: map[string]string{"Accept": accept}})
		if ok {
			got.gives(200, `{"devices": []}`)
			continue
		}
		got.failsPlain(406)
		got.has("vary", "")
	}
}
