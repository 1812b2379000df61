package test

import (
	"net/http"
	"strings"
)

// persona is who sends a request: the headers of an authenticating proxy.
type persona struct {
	name    string
	token   string // confirmed, invalid or none
	project string
	roles   []string
}

// personas are those of the recorded group "access".
var personas = []persona{
	{"none", "none", "", nil},
	{"badtoken", "invalid", "", nil},
	{"norole", "confirmed", "demo", []string{"custom"}},
	{"reader", "confirmed", "demo", []string{"reader"}},
	{"member", "confirmed", "demo", []string{"member", "reader"}},
	{"manager", "confirmed", "demo", []string{"manager", "member", "reader"}},
	{"other", "confirmed", "other", []string{"member", "reader"}},
	{"service", "confirmed", "service", []string{"service"}},
	{"nova", "confirmed", "service", []string{"admin", "member", "reader", "service"}},
	{"admin", "confirmed", "admin", []string{"admin", "member", "reader"}},
}

// passes are the headers by which a service knows who asks.
type passes struct {
	as       func(persona string) http.Header
	memberOf func(project string) http.Header
	service  http.Header // of a service token that is good
}

// proxied is what an authenticating proxy says.
var proxied = passes{as: as, memberOf: memberOf, service: serviceToken("service")}

func memberOf(project string) http.Header {
	header := as("member")
	header.Set("X-Project-Id", project)
	return header
}

// as gives the headers of a persona.
func as(name string) http.Header {
	for _, p := range personas {
		if p.name != name {
			continue
		}
		switch p.token {
		case "none":
			return http.Header{}
		case "invalid":
			return http.Header{"X-Auth-Token": {"not-a-token"}, "X-Identity-Status": {"Invalid"}}
		}
		return http.Header{
			"X-Auth-Token":      {name},
			"X-Identity-Status": {"Confirmed"},
			"X-User-Id":         {name + "-user"},
			"X-Project-Id":      {p.project},
			"X-Roles":           {strings.Join(p.roles, ",")},
		}
	}
	panic("no persona " + name)
}

// serviceToken gives the headers of a service token with the roles.
func serviceToken(roles ...string) http.Header {
	return http.Header{
		"X-Service-Token":           {"service-token"},
		"X-Service-Identity-Status": {"Confirmed"},
		"X-Service-User-Id":         {"nova-user"},
		"X-Service-Project-Id":      {"service"},
		"X-Service-Roles":           {strings.Join(roles, ",")},
	}
}
