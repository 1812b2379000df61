package keystone

import (
	"testing"
)

// FuzzParse: whatever Keystone answers, there is an identity with exactly one
// scope, or an error; never both and never neither.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"token": {"expires_at": "2100-01-01T00:00:00Z", "user": {"id": "u", "domain": {"id": "d"}}, "project": {"id": "p"}, "roles": [{"name": "admin"}]}}`,
		`{"token": {"expires_at": "2100-01-01T00:00:00Z", "user": {"id": "u"}, "system": {"all": true}, "is_admin_project": false}}`,
		`{"token": {"expires_at": "2100-01-01T00:00:00Z", "user": {"id": "u"}, "domain": {"id": "d"}, "bind": {"kerberos": "x"}}}`,
		`{"token": {"expires_at": "2100-01-01T00:00:00Z", "user": {"id": "u"}, "project": {"id": "p"},
			"application_credential": {"access_rules": [{"service": "accelerator", "method": "GET", "path": "/v2/{x}/**/*"}]}}}`,
		`{"token": null}`, `{"token": {}}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		parsed, err := parse(body)
		if err != nil {
			if parsed != nil {
				t.Errorf("%v, and yet a token", err)
			}
			return
		}
		id := parsed.identity
		scopes := 0
		for _, s := range []string{id.ProjectID, id.DomainID, id.SystemScope} {
			if s != "" {
				scopes++
			}
		}
		if id.UserID == "" || scopes != 1 || id.Service {
			t.Errorf("%q gives %+v", body, id)
		}
		if parsed.rules != nil {
			parsed.rules.allow("accelerator", "GET", "/v2/devices")
		}
	})
}
