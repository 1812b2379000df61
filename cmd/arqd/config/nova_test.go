package config

import (
	"strings"
	"testing"
)

// Who tells Nova: the user of [nova], else the one that tokens are checked as,
// else nobody.
func TestWhoTellsNova(t *testing.T) {
	const own = " ARQD_NOVA__AUTH_URL=http://other ARQD_NOVA__USER_ID=teller ARQD_NOVA__PASSWORD=q ARQD_NOVA__PROJECT_ID=p"
	for name, c := range map[string]struct {
		env   string
		tells bool
		user  string
	}{
		"nobody":                     {"", false, ""},
		"the one who checks tokens":  {"AUTH_STRATEGY=keystone " + arqdUser, true, "u"},
		"one of its own":             {"AUTH_STRATEGY=keystone " + arqdUser + own, true, "teller"},
		"its own, tokens unchecked":  {own, true, "teller"},
		"its own, and silent":        {own + " ARQD_NOVA__ENABLED=false", false, "teller"},
		"one who checks none":        {arqdUser, false, "u"},
		"one who checks none, if so": {arqdUser + " ARQD_NOVA__ENABLED=true", true, "u"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := mustLoad(t, nil, apiEnviron(c.env))
			client := &conf.Nova.Client
			if got := conf.User(client).Credentials.UserID; client.Enabled() != c.tells || got != c.user {
				t.Errorf("tells %v as %q", client.Enabled(), got)
			}
		})
	}
}

func TestHalfAUserOfNovaIsRefused(t *testing.T) {
	_, _, err := Load(nil, strings.Fields("ARQD_NOVA__AUTH_URL=http://other ARQD_NOVA__USERNAME=teller ARQD_NOVA__PROJECT_ID=p"))
	expectError(t, err, "environment ARQD_NOVA__AUTH_URL: [nova] auth_url: the service needs a user in this section or in [keystone_authtoken]: password, user_domain_name must be set")
}
