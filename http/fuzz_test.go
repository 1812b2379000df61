package http

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/auth"
)

// fuzzServer handles requests without a connection. Its backend takes
// everything that reaches it.
func fuzzServer(tb testing.TB) *Server {
	tb.Helper()
	s := New(Options{QuietAccess: true, Log: slog.New(slog.DiscardHandler)}, obliging(tb), tokenDouble{}, allowAll{}, nil)
	tb.Cleanup(s.end)
	return s
}

func (s *Server) fuzz(t *testing.T, method, path string, headers map[string]string, body []byte) *fasthttp.Response {
	t.Helper()
	var ctx fasthttp.RequestCtx
	var request fasthttp.Request
	request.Header.SetMethod(method)
	request.Header.SetRequestURI(path)
	request.Header.SetHost("arqd.test")
	request.Header.Set("X-Auth-Token", "admin")
	request.Header.Set("X-Service-Token", "svc")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.SetBody(body)
	ctx.Init(&request, nil, nil)
	s.serve(&ctx)
	if ctx.Response.StatusCode() >= 500 {
		t.Errorf("%s %q %v %q: %d %s", method, path, headers, body, ctx.Response.StatusCode(), ctx.Response.Body())
	}
	if answer := ctx.Response.Body(); len(answer) > 0 && !json.Valid(answer) {
		t.Errorf("%s %q %q: not JSON: %s", method, path, body, answer)
	}
	return &ctx.Response
}

var jsonType = map[string]string{"Content-Type": "application/json"}

func FuzzPatchBody(f *testing.F) {
	for _, body := range []string{
		patchOne(addHost, addProvider, addInstance), patchOne(addProject), patchOne(), `{}`, `[]`, `null`,
		`[` + addHost + `]`, `{"nope": []}`, patchOne(`{"path": "//hostname", "op": "remove"}`),
		`{"\u0030": [{"op": "\ud800", "path": 1e5}]}`, `[{"op":"add","path":"/hostname","value":"\u0000"}]`,
		`{"019aa000-0000-7000-8000-000000000001":[{"op":"add"`, `{"a":NaN}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(body))
	}
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		headers := map[string]string{"Content-Type": "application/json", versionHeader: "latest"}
		s.fuzz(t, "PATCH", "/v2/accelerator_requests", headers, body)
		s.fuzz(t, "PATCH", "/v2/accelerator_requests/"+arq1.String(), headers, body)
		s.fuzz(t, "PATCH", "/v2/deployables/"+deploy1.String()+"/program", headers, body)
	})
}

func FuzzDeviceProfileBody(f *testing.F) {
	for _, body := range []string{
		`[{"name": "one", "groups": [{"resources:FPGA": "1", "trait:CUSTOM_X": "required", "accel:x": "y"}]}]`,
		`[{"name": "a", "uuid": "AAAAAAAA-0000-4000-8000-00000000000a", "description": 7, "groups": [{}]}]`,
		`[{"name": "a", "groups": [{"resources: FPGA ": " 1 ", "resources:FPGA": 99999999999999999999}]}]`,
		`{"device_profile_name": "one"}`, `{"deployable_id": "1", "key": "k", "value": 5}`,
		`[]`, `[null]`, `[[[[[[`, `[{"name":"\ud83d","groups":[{"accel:":""}]}]`, `"\u00"`, "\xef\xbb\xbf[]",
	} {
		f.Add([]byte(body))
	}
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		s.fuzz(t, "POST", "/v2/device_profiles", jsonType, body)
		s.fuzz(t, "POST", "/v2/accelerator_requests", jsonType, body)
		s.fuzz(t, "POST", "/v2/attributes", jsonType, body)
	})
}

func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"", "limit=1&marker=" + nobody + "&sort_key=name&sort_dir=desc", "name=a,b&name=%20", "instance=&bind_state=resolved",
		"filters.field=limit&filters.value=1", "a=%zz", "%", "&&=&", "limit=99999999999999999999", "state=Bound,", "x=\xff",
		"deployable_id=-1&key=", "instance=" + nobody + "&bind_state=resolved", "+=+", "value=a,b", "arqs=" + nobody,
	} {
		f.Add(query)
	}
	s := fuzzServer(f)
	known := withPaging("a", "b")
	f.Fuzz(func(t *testing.T, query string) {
		args, err := parseQuery(query, known)
		for _, arg := range args {
			if !slices.Contains(known, arg.name) || !utf8.ValidString(arg.value) {
				t.Errorf("%q: got %q, %v", query, arg, err)
			}
		}
		for _, list := range []string{"accelerator_requests", "device_profiles", "devices", "deployables", "attributes"} {
			s.fuzz(t, "GET", "/v2/"+list+"?"+query, nil, nil)
		}
		s.fuzz(t, "DELETE", "/v2/accelerator_requests?"+query, nil, nil)
		s.fuzz(t, "DELETE", "/v2/device_profiles?"+query, nil, nil)
	})
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/", "//", "/v2", "/v2/%2e%2e/", "/v2/devices/disable", "/v2/devices/x/enable", "/accelerator/v2/attributes//",
		"*", "http://h/v2", "/v2/device_profiles/%zz", "/v2//devices//x", "/v2/de", "//h/v2?x", "/?", "/v2/devices/enable/x",
	} {
		f.Add("GET", path)
	}
	f.Add("POST", "/v2/devices/disable/disable")
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, method, path string) { s.fuzz(t, method, path, nil, nil) })
}

func FuzzMicroversion(f *testing.F) {
	for _, header := range []string{
		"", "accelerator 2.0", "2.1", "latest", "compute 2.90, accelerator 2.1", "accelerator", "-2.1", "accelerator 02.3",
		"accelerator 2.99999999999999999999", ",", " , ,", "accelerator 2.1\naccelerator 2.2", "accelerator +2.+1",
	} {
		f.Add(header)
	}
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, header string) {
		minor, err := negotiate(header)
		if minor < 0 || minor > maxMinor || err != nil && minor != 0 {
			t.Errorf("%q: 2.%d, %v", header, minor, err)
		}
		s.fuzz(t, "GET", "/v2/devices", map[string]string{versionHeader: header}, nil)
	})
}

// obliging is a Backend that takes everything but what must not reach it.
func obliging(tb testing.TB) *backendDouble {
	tb.Helper()
	good := func(name, text string) {
		if text == "" || !utf8.ValidString(text) {
			tb.Errorf("%s reached the backend as %q", name, text)
		}
	}
	return &backendDouble{
		devices: twoDevices(),
		createARQs: func(req actors.CreateARQs) ([]*actors.ARQ, error) {
			good("profile", req.ProfileName)
			return []*actors.ARQ{initialARQ(arq1), boundARQ(arq2)}, nil
		},
		patchARQs: func(_ context.Context, p actors.Patch) error {
			seen := map[uuid.UUID]bool{}
			for _, item := range p.Items {
				if seen[item.ARQ] {
					tb.Errorf("%s reached the backend twice", item.ARQ)
				}
				seen[item.ARQ] = true
				if b := item.Bind; b != nil {
					good("host", b.Hostname)
					if b.ProviderUUID == uuid.Nil || b.InstanceUUID == uuid.Nil {
						tb.Errorf("a zero uuid reached the backend: %+v", b)
					}
				}
			}
			if len(seen) == 0 {
				tb.Error("an empty patch reached the backend")
			}
			return nil
		},
		deleteARQs: func(req actors.DeleteARQs) error {
			if (len(req.ARQs) == 0) == (req.Instance == uuid.Nil) {
				tb.Errorf("a deletion of nothing or of both reached the backend: %+v", req)
			}
			return nil
		},
		createProfile: func(spec actors.ProfileSpec) (*actors.Profile, error) {
			p := &actors.Profile{UUID: spec.UUID, Name: spec.Name, Description: spec.Description}
			for _, group := range spec.Groups {
				p.Groups = append(p.Groups, &actors.Group{Requests: group})
			}
			return p, nil
		},
		deleteProfiles: func(names []string) error {
			for _, name := range names {
				good("name", name)
			}
			return nil
		},
		setEnabled: func(uuid.UUID, bool) error { return nil },
		program: func(_, image uuid.UUID) (*actors.Deployable, error) {
			if image == uuid.Nil {
				tb.Error("the zero image reached the backend")
			}
			return twoDevices()[0].Deployables[0], nil
		},
		createAttribute: func(a actors.NewAttribute) (*actors.Attribute, error) {
			good("key", a.Key)
			return &actors.Attribute{Key: a.Key, Value: a.Value}, nil
		},
		deleteAttribute: func(uuid.UUID) error { return nil },
	}
}

type allowAll struct{}

func (allowAll) Enforce(string, *auth.Target, *auth.Identity) bool { return true }
