package http

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/arqd/arqd/actors"
)

func TestErrorsOfTheBackend(t *testing.T) {
	h := serve(t)
	for _, tc := range []struct {
		err    error
		status int
		words  string
		retry  string
	}{
		{actors.Refuse(actors.CodeInvalid, "field: wrong"), 400, "field: wrong", ""},
		{actors.Refuse(actors.CodeNotFound, "no such thing"), 404, "no such thing", ""},
		{actors.Refuse(actors.CodeNoFreeHandle, "no free handle"), 404, "no free handle", ""},
		{actors.Refuse(actors.CodeConflict, "in use"), 409, "in use", ""},
		{actors.Refuse(actors.CodeForbidden, "not yours"), 403, "not yours", ""},
		{actors.Refuse(actors.CodeUnavailable, "disk full"), 503, "disk full", "1"},
		{actors.Refuse(actors.CodeTimeout, "slow"), 503, "outcome is not known", "1"},
		{actors.Refuse(actors.CodeDeviceFailed, "device said no"), 500, "device said no", ""},
		{actors.Refuse(actors.CodeInternal, "secret"), 500, "The service failed", ""},
		{errors.New("secret"), 500, "The service failed", ""},
		{fmt.Errorf("wrapped: %w", actors.Refuse(actors.CodeConflict, "in use")), 409, "in use", ""},
		{fmt.Errorf("gave up: %w", context.DeadlineExceeded), 503, "outcome is not known", "1"},
		{fmt.Errorf("gave up: %w", context.Canceled), 503, "outcome is not known", "1"},
	} {
		h.backend.deleteProfiles = func([]string) error { return tc.err }
		got := h.do("DELETE", "/v2/device_profiles/one", ask{})
		got.fails(tc.status, tc.words)
		got.has("retry-after", tc.retry)
		got.has("openstack-api-version", "accelerator 2.0")
		if strings.Contains(got.body, "secret") {
			t.Errorf("the answer tells internals: %s", got.body)
		}
		if tc.status == 500 && !strings.Contains(h.log.find(t, "request failed")["error"], tc.err.Error()) {
			t.Errorf("%v is not in the log", tc.err)
		}
	}
}

func TestPanicInAHandler(t *testing.T) {
	h := serve(t)
	h.backend.deleteProfiles = func([]string) error { panic("secret") }
	got := h.do("DELETE", "/v2/device_profiles/one", ask{})
	got.fails(500, "The service failed")
	line := h.log.find(t, "panic in a handler")
	if line["panic"] != "secret" || !strings.Contains(line["stack"], "TestPanicInAHandler") ||
		line["request_id"] != got.header["x-openstack-request-id"] {
		t.Errorf("log: %v", line)
	}
	h.do("GET", "/v2", ask{}).gives(200, v2JSON)
}

func TestEveryTextIsValidJSON(t *testing.T) {
	h := serve(t)
	for _, text := range []string{`quote " backslash \ slash /`, "line\nbreak\r\t\x00\x1f\x7f", "ümlaut 日本 😀", "bad \xff utf8"} {
		h.backend.deleteProfiles = func([]string) error { return actors.Refuse(actors.CodeConflict, "%s", text) }
		want := strings.ToValidUTF8(text, "�")
		h.do("DELETE", "/v2/device_profiles/one", ask{}).fails(409, want)
	}
}
