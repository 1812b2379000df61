package http

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/auth"
)

// TestEveryChangeIsAudited: who, what, of whom, and what became of it; also when
// the access log is off.
func TestEveryChangeIsAudited(t *testing.T) {
	h := serve(t, func(o *Options) { o.QuietAccess = true })
	h.backend.createARQs = func(actors.CreateARQs) ([]*actors.ARQ, error) {
		return []*actors.ARQ{initialARQ(arq1), initialARQ(arq2)}, nil
	}
	h.backend.patchARQs = func(context.Context, actors.Patch) error { return nil }
	h.backend.deleteARQs = func(d actors.DeleteARQs) error {
		if d.Instance != uuid.Nil {
			return errOutcomeUnknown
		}
		return actors.Refuse(actors.CodeNotFound, "no such ARQ")
	}
	bind := `{"` + arq2.String() + `": [{"path": "/hostname", "op": "remove"}]}`
	for name, tc := range map[string]struct {
		method, path, body string
		as, service        string
		want               map[string]string
	}{
		"create": {
			method: "POST", path: "/v2/accelerator_requests", body: `{"device_profile_name": "p"}`, as: "demo",
			want: map[string]string{
				"action": "cyborg:arq:create", "outcome": "success", "status": "201", "user_id": "u-demo", "project_id": "p-demo",
				"roles": "member,reader", "count": "2", "resources": arq1.String() + "," + arq2.String(),
			},
		},
		"bind": {
			method: "PATCH", path: "/v2/accelerator_requests", body: bind, as: "demo", service: "nova",
			want: map[string]string{"action": "cyborg:arq:update", "outcome": "accepted", "resources": arq2.String()},
		},
		"without the service token": {
			method: "PATCH", path: "/v2/accelerator_requests", body: bind, as: "demo",
			want: map[string]string{"outcome": "denied", "status": "403", "reason": errNoServiceToken.message},
		},
		"without a token": {
			method: "DELETE", path: "/v2/accelerator_requests?arqs=x", as: "none",
			want: map[string]string{"outcome": "denied", "status": "401", "reason": auth.ErrUnauthorized.Error(), "path": "/v2/accelerator_requests?arqs=x"},
		},
		"refused": {
			method: "DELETE", path: "/v2/accelerator_requests/" + arq2.String(), as: "demo",
			want: map[string]string{"action": "cyborg:arq:delete", "outcome": "refused", "status": "404", "reason": "no such ARQ"},
		},
		"not known": {
			method: "DELETE", path: "/v2/accelerator_requests?instance=" + uuid.NewString(), as: "demo", service: "nova",
			want: map[string]string{"outcome": "unknown", "status": "503"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			got := h.do(tc.method, tc.path, ask{as: tc.as, service: tc.service, body: tc.body})
			line := h.log.find(t, "change")
			tc.want["request_id"] = got.header["x-openstack-request-id"]
			for key, want := range tc.want {
				if line[key] != want {
					t.Errorf("%s=%q, want %q", key, line[key], want)
				}
			}
		})
	}
}

// TestReadsAreNotAudited, nor are changes written twice, and the lines can be
// turned off.
func TestReadsAreNotAudited(t *testing.T) {
	for name, tc := range map[string]struct {
		change          func(*Options)
		requests, lines int
	}{
		"as it comes": {func(*Options) {}, 1, 1},
		"quiet audit": {func(o *Options) { o.QuietAudit = true }, 2, 0},
		"both quiet":  {func(o *Options) { o.QuietAudit, o.QuietAccess = true, true }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, tc.change)
			h.backend.deleteARQs = func(actors.DeleteARQs) error { return nil }
			h.do("GET", "/v2", ask{})
			h.do("DELETE", "/v2/accelerator_requests/"+arq1.String(), ask{}).is(fasthttp.StatusNoContent)
			requests, changes := h.log.count("request"), h.log.count("change")
			if requests != tc.requests || changes != tc.lines {
				t.Errorf("%d access lines and %d audit lines, want %d and %d", requests, changes, tc.requests, tc.lines)
			}
		})
	}
}

func TestAnAuditLineIsBounded(t *testing.T) {
	text := listed(make([]uuid.UUID, 10_000))
	if n := strings.Count(text, uuid.Nil.String()); n != maxListed || !strings.HasSuffix(text, ",...") {
		t.Errorf("%d uuids are listed", n)
	}
}
