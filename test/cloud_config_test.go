package test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// configure writes what Keystone and Placement read, and finds them ports.
func (c *cloud) configure() error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	c.keystone = &daemon{name: "keystone", dir: c.dir, url: "http://127.0.0.1:" + ports[0], path: "/v3"}
	c.placement = &daemon{name: "placement", dir: c.dir, url: "http://127.0.0.1:" + ports[1], path: "/"}
	return errors.Join(
		c.write("keystone/keystone.conf", keystoneConf),
		c.write("keystone/policy.yaml", "# none\n"),
		c.write("keystone.ini", uwsgiIni, "@PORT@", ports[0], "@FILE@", "/usr/bin/keystone-wsgi-public",
			"@ENV@", "env = OS_KEYSTONE_CONFIG_DIR=@DIR@/keystone\nenv = OS_KEYSTONE_CONFIG_FILES=keystone.conf"),
		c.writeKeys("keystone/fernet"),
		c.writeKeys("keystone/credential"),
		c.write("placement/placement.conf", placementConf),
		c.write("placement/policy.yaml", "# none\n"),
		c.write("placement.ini", uwsgiIni, "@PORT@", ports[1], "@FILE@", "/usr/bin/placement-api",
			"@ENV@", "env = OS_PLACEMENT_CONFIG_DIR=@DIR@/placement"),
	)
}

func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // all together, so that they differ
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		ports = append(ports, port)
	}
	return ports, nil
}

// write makes a file below the cloud's directory, after replacing words.
func (c *cloud) write(name, text string, replace ...string) error {
	replace = append(replace, "@DIR@", c.dir, "@ROOT@", c.keystone.url, "@KEYSTONE@", c.keystoneURL(), "@PASSWORD@", cloudPassword, "@REGION@", cloudRegion)
	for i := 0; i+1 < len(replace); i += 2 {
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	if folder, _, nested := strings.Cut(name, "/"); nested {
		if err := os.MkdirAll(c.path(folder), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(c.path(name), []byte(text), 0o600)
}

// writeKeys makes a key repository as `keystone-manage fernet_setup` does: a
// key in use and the next one.
func (c *cloud) writeKeys(folder string) error {
	if err := os.MkdirAll(c.path(folder), 0o700); err != nil {
		return err
	}
	for _, name := range []string{"0", "1"} {
		var key [32]byte
		_, _ = rand.Read(key[:])
		if err := os.WriteFile(c.path(folder, name), []byte(base64.URLEncoding.EncodeToString(key[:])), 0o600); err != nil {
			return fmt.Errorf("keys of Keystone: %w", err)
		}
	}
	return nil
}

// A cache within the one process keeps a token at tens of milliseconds. Tokens
// may be used for an hour after their end where a service vouches for them.
const keystoneConf = `[DEFAULT]
use_stderr = true
default_log_levels = keystone=WARNING,oslo=WARNING
public_endpoint = @ROOT@
[database]
connection = sqlite:///@DIR@/keystone/keystone.db
sqlite_synchronous = false
[token]
provider = fernet
expiration = 3600
allow_expired_window = 3600
[fernet_tokens]
key_repository = @DIR@/keystone/fernet
[fernet_receipts]
key_repository = @DIR@/keystone/fernet
[credential]
key_repository = @DIR@/keystone/credential
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
[resource]
admin_project_domain_name = Default
admin_project_name = admin
[oslo_policy]
policy_file = @DIR@/keystone/policy.yaml
`

const placementConf = `[DEFAULT]
use_stderr = true
[api]
auth_strategy = keystone
[placement_database]
connection = sqlite:///@DIR@/placement/placement.db
sqlite_synchronous = false
[keystone_authtoken]
www_authenticate_uri = @KEYSTONE@
auth_url = @KEYSTONE@
auth_type = password
username = placement
password = @PASSWORD@
user_domain_id = default
project_domain_id = default
project_name = service
region_name = @REGION@
service_token_roles = service
service_token_roles_required = true
[oslo_policy]
policy_file = @DIR@/placement/policy.yaml
`

// The connection is closed after each answer, and says so: otherwise clients
// would race it.
const uwsgiIni = `[uwsgi]
plugins = python3
http-socket = 127.0.0.1:@PORT@
wsgi-file = @FILE@
need-app = true
add-header = Connection: close
post-buffering = 65536
buffer-size = 65535
die-on-term = true
disable-logging = true
listen = 100
chdir = @DIR@
@ENV@
`
