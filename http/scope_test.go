package http

import (
	"iter"
	"slices"
	"testing"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/auth"
)

const arqsPath = "/v2/accelerator_requests"

func TestOtherScopesAreForbidden(t *testing.T) {
	h := serve(t)
	for _, who := range []string{"system", "domain"} {
		h.do("GET", arqsPath, ask{as: who}).fails(403, who+" scope")
		h.do("POST", arqsPath, ask{as: who, body: `{"device_profile_name": "p"}`}).fails(403, who+" scope")
		h.do("GET", "/v2/devices", ask{as: who}).fails(403, who+" scope")
	}
}

// Where scopes are not enforced a token without a project owns nothing, and
// makes nothing that nobody would own.
func TestATokenWithoutProjectOwnsNothing(t *testing.T) {
	h := serveWith(t, legacyPolicy(t, auth.AnyScope()))
	h.backend.queryARQs = func(q actors.ARQQuery) (iter.Seq[*actors.ARQ], error) {
		if q.Scope != (actors.Scope{Admin: true}) {
			t.Errorf("asked for %+v", q.Scope)
		}
		return slices.Values([]*actors.ARQ(nil)), nil
	}
	h.do("GET", arqsPath, ask{as: "system"}).gives(200, `{"arqs": []}`)
	h.do("POST", arqsPath, ask{as: "system", body: `{"device_profile_name": "p"}`}).fails(403, "belongs to a project")
	h.do("GET", arqsPath, ask{as: "domain"}).fails(403, "domain scope")
}
