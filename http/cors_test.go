package http

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

const page = "https://horizon.example"

func forPages(origins ...string) func(*Options) {
	return func(o *Options) {
		o.CORS = CORS{
			Origins: origins, Credentials: true, Expose: []string{"X-OpenStack-Request-ID", "OpenStack-API-Version"},
			Methods: []string{"GET", "POST"}, Headers: []string{"X-Auth-Token"}, MaxAge: time.Hour,
		}
	}
}

// TestPagesOfAllowedOriginsReadAnswers, errors as well.
func TestPagesOfAllowedOriginsReadAnswers(t *testing.T) {
	h := serve(t, forPages(page))
	for path, status := range map[string]int{"/v2": 200, "/nothing": 404, "/v2/accelerator_requests/x": 400} {
		got := h.do("GET", path, ask{headers: map[string]string{"Origin": page}})
		got.is(status)
		got.has("access-control-allow-origin", page)
		got.has("access-control-allow-credentials", "true")
		got.has("access-control-expose-headers", "X-OpenStack-Request-ID,OpenStack-API-Version")
	}
	got := h.do("GET", "/v2", ask{as: "none", headers: map[string]string{"Origin": page}})
	got.has("vary", "OpenStack-API-Version, Origin")
}

func TestOtherPagesDoNot(t *testing.T) {
	for name, h := range map[string]*harness{"others are allowed": serve(t, forPages(page)), "none is": serve(t)} {
		t.Run(name, func(t *testing.T) {
			for _, origin := range []string{"https://evil.example", "http://horizon.example", page + ".evil.example", "null"} {
				got := h.do("GET", "/v2", ask{headers: map[string]string{"Origin": origin}})
				got.is(fasthttp.StatusOK)
				got.has("access-control-allow-origin", "")
				got.has("access-control-allow-credentials", "")
			}
		})
	}
}

// TestAnyPageComesWithoutCredentials: * and cookies do not go together.
func TestAnyPageComesWithoutCredentials(t *testing.T) {
	h := serve(t, forPages("*"))
	got := h.do("GET", "/v2", ask{headers: map[string]string{"Origin": "https://any.example"}})
	got.has("access-control-allow-origin", "*")
	got.has("access-control-allow-credentials", "")
}

// TestPreflight: a browser asks without a token.
func TestPreflight(t *testing.T) {
	h := serve(t, forPages(page))
	for name, tc := range map[string]struct {
		origin, method, headers string
		allowed                 bool
	}{
		"yes":             {page, "POST", "x-auth-token, content-type", true},
		"without headers": {page, "GET", "", true},
		"another method":  {page, "DELETE", "", false},
		"another header":  {page, "POST", "X-Service-Token", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			headers := map[string]string{"Origin": tc.origin, "Access-Control-Request-Method": tc.method}
			if tc.headers != "" {
				headers["Access-Control-Request-Headers"] = tc.headers
			}
			got := h.do("OPTIONS", "/v2/accelerator_requests", ask{as: "none", headers: headers})
			got.is(fasthttp.StatusOK)
			if !tc.allowed {
				got.has("access-control-allow-origin", "")
				got.has("access-control-allow-methods", "")
				return
			}
			got.has("access-control-allow-origin", page)
			got.has("access-control-allow-methods", tc.method)
			got.has("access-control-allow-headers", tc.headers)
			got.has("access-control-max-age", "3600")
			got.has("vary", "Origin")
		})
	}
}

// TestOptionsOfStrangers is what it is without CORS: it needs a token.
func TestOptionsOfStrangers(t *testing.T) {
	h := serve(t, forPages(page))
	for _, headers := range []map[string]string{
		{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
		{"Origin": page},
		{"Access-Control-Request-Method": "POST"},
	} {
		h.do("OPTIONS", "/v2/accelerator_requests", ask{as: "none", headers: headers}).is(fasthttp.StatusUnauthorized)
	}
}
