package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/arqd/arqd/http/openstack"
)

func TestAsWhomArqdComes(t *testing.T) {
	const own = " ARQD_PLACEMENT__AUTH_URL=http://127.0.0.1:5001 ARQD_PLACEMENT__USER_ID=w ARQD_PLACEMENT__PASSWORD=x ARQD_PLACEMENT__PROJECT_ID=q"
	general := openstack.Credentials{AuthType: "password", AuthURL: "http://127.0.0.1:5000", UserID: "u", Password: "hunter2", ProjectID: "p"}
	special := openstack.Credentials{AuthType: "password", AuthURL: "http://127.0.0.1:5001", UserID: "w", Password: "x", ProjectID: "q"}
	for name, c := range map[string]struct {
		env     string
		enabled bool
		who     openstack.Credentials
		region  string
		trusts  bool // any certificate
	}{
		"nobody asks":       {arqdUser, false, general, "", false},
		"asked":             {arqdUser + " ARQD_PLACEMENT__ENABLED=true ARQD_KEYSTONE_AUTHTOKEN__REGION_NAME=r ARQD_KEYSTONE_AUTHTOKEN__INSECURE=true", true, general, "r", true},
		"own region":        {arqdUser + " ARQD_PLACEMENT__REGION_NAME=s ARQD_KEYSTONE_AUTHTOKEN__REGION_NAME=r", false, general, "s", false},
		"own user":          {arqdUser + own + " ARQD_KEYSTONE_AUTHTOKEN__REGION_NAME=r ARQD_KEYSTONE_AUTHTOKEN__INSECURE=true", true, special, "", false},
		"own user, not now": {own + " ARQD_PLACEMENT__ENABLED=false", false, special, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			conf := mustLoad(t, nil, strings.Fields(c.env))
			client := &conf.Placement.Client
			user := conf.User(client)
			if client.Enabled() != c.enabled || !reflect.DeepEqual(user.Credentials, c.who) || user.Region != c.region || user.Connection.Insecure != c.trusts {
				t.Errorf("enabled %v, %+v", client.Enabled(), user)
			}
		})
	}
}
