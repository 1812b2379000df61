package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValuesThatDoNotGoTogether(t *testing.T) {
	tests := []struct {
		name string
		env  string // options of [api], and others written out
		want string // without "environment "; "" is good
	}{
		{"none on loopback", "HOST_IP=127.0.0.9", ""},
		{"none on loopback, IPv6", "HOST_IP=::1", ""},
		{"none on localhost", "HOST_IP=localhost", ""},
		{
			"none for all the world", "HOST_IP=0.0.0.0 AUTH_STRATEGY=none",
			"ARQD_API__AUTH_STRATEGY: [api] auth_strategy: none makes every caller the administrator, so it needs a loopback address in [api] host_ip, not 0.0.0.0",
		},
		{
			"none on a name that may be anywhere", "HOST_IP=node-1 AUTH_STRATEGY=none",
			"ARQD_API__AUTH_STRATEGY: [api] auth_strategy: none makes every caller the administrator, so it needs a loopback address in [api] host_ip, not node-1",
		},
		{"headers on loopback", "AUTH_STRATEGY=headers", ""},
		{
			"headers for all the world", "HOST_IP=:: AUTH_STRATEGY=headers",
			"ARQD_API__AUTH_STRATEGY: [api] auth_strategy: headers believes whoever connects, so it needs a loopback address in [api] host_ip, not ::, or [api] enable_ssl_api with [ssl] ca_file",
		},
		{
			"keystone for nobody", "HOST_IP=0.0.0.0 AUTH_STRATEGY=keystone",
			"ARQD_API__AUTH_STRATEGY: [api] auth_strategy: keystone needs a service user in [keystone_authtoken]: auth_url, password, username, user_domain_name, project_name, project_domain_name must be set",
		},
		{
			"keystone with a lost certificate", "AUTH_STRATEGY=keystone " + arqdUser + " ARQD_KEYSTONE_AUTHTOKEN__CAFILE=/nowhere/ca.pem",
			"ARQD_API__AUTH_STRATEGY: [api] auth_strategy: keystone needs a service user in [keystone_authtoken]: cafile: open /nowhere/ca.pem: no such file or directory",
		},
		{"keystone for all the world", "HOST_IP=0.0.0.0 AUTH_STRATEGY=keystone " + arqdUser, ""},
		{
			"placement for nobody", "ARQD_PLACEMENT__ENABLED=true",
			"ARQD_PLACEMENT__ENABLED: [placement] enabled: the service needs a user in this section or in [keystone_authtoken]: auth_url, password, username, user_domain_name, project_name, project_domain_name must be set",
		},
		{
			"placement for half a user", "ARQD_PLACEMENT__AUTH_URL=http://127.0.0.1:5000 " + arqdUser,
			"ARQD_PLACEMENT__AUTH_URL: [placement] auth_url: the service needs a user in this section or in [keystone_authtoken]: password, username, user_domain_name, project_name, project_domain_name must be set",
		},
		{"placement as who checks tokens", "ARQD_PLACEMENT__ENABLED=true " + arqdUser, ""},
		{"one port twice", "PORT=7000 ARQD_ARQD__ADMIN_PORT=7000", "ARQD_ARQD__ADMIN_PORT: [arqd] admin_port: 7000 is the port of the API too ([api] port)"},
		{"one port on two addresses", "PORT=7000 HOST_IP=127.0.0.2 ARQD_ARQD__ADMIN_PORT=7000", ""},
		{"one port by two names", "PORT=7000 HOST_IP=localhost ARQD_ARQD__ADMIN_PORT=7000", "ARQD_ARQD__ADMIN_PORT: [arqd] admin_port: 7000 is the port of the API too ([api] port)"},
		{"one port on any address", "PORT=7000 ARQD_ARQD__ADMIN_HOST=0.0.0.0 ARQD_ARQD__ADMIN_PORT=7000", "ARQD_ARQD__ADMIN_PORT: [arqd] admin_port: 7000 is the port of the API too ([api] port)"},
		{"the agents on the API's port", "ARQD_AGENTS__TOKEN_FILE=x ARQD_AGENTS__PORT=6666", "ARQD_AGENTS__PORT: [agents] port: 6666 is the port of the API too ([api] port)"},
		{"the agents on the operators' port", "ARQD_AGENTS__TOKEN_FILE=x ARQD_AGENTS__PORT=6667", "ARQD_AGENTS__PORT: [agents] port: 6667 is the port of the operators' listener too ([arqd] admin_port)"},
		{"no agents on the API's port", "ARQD_AGENTS__PORT=6666", ""},
		{"any free port three times", "PORT=0 ARQD_ARQD__ADMIN_PORT=0 ARQD_AGENTS__TOKEN_FILE=x ARQD_AGENTS__PORT=0", ""},
		{
			"tokens over the wire", "ARQD_AGENTS__HOST_IP=0.0.0.0 ARQD_AGENTS__TOKEN_FILE=x",
			"ARQD_AGENTS__TOKEN_FILE: [agents] token_file: without cert_file and key_file tokens would go over the wire in the clear, so it needs a loopback address in host_ip, not 0.0.0.0",
		},
		{
			"certificates of agents and none to show them", "ARQD_AGENTS__CA_FILE=/nowhere/ca.pem",
			"ARQD_AGENTS__CA_FILE: [agents] ca_file: without cert_file and key_file there is no TLS to show a certificate in",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Load(nil, apiEnviron(tt.env))
			expectError(t, err, prefixed("environment ", tt.want))
		})
	}
}

const arqdUser = "ARQD_KEYSTONE_AUTHTOKEN__AUTH_URL=http://127.0.0.1:5000 ARQD_KEYSTONE_AUTHTOKEN__USER_ID=u " +
	"ARQD_KEYSTONE_AUTHTOKEN__PASSWORD=hunter2 ARQD_KEYSTONE_AUTHTOKEN__PROJECT_ID=p"

// apiEnviron makes NAME=x into ARQD_API__NAME=x.
func apiEnviron(text string) []string {
	environ := strings.Fields(text)
	for i, kv := range environ {
		if !strings.HasPrefix(kv, envPrefix) {
			environ[i] = "ARQD_API__" + kv
		}
	}
	return environ
}

func TestPolicyFile(t *testing.T) {
	first, second, cwd := t.TempDir(), t.TempDir(), t.TempDir()
	t.Chdir(cwd)
	files := []string{
		writeAs(t, filepath.Join(first, "arqd.conf"), "[oslo_policy]", "enforce_new_defaults = no"),
		writeAs(t, filepath.Join(second, "arqd.conf"), "[DEFAULT]"),
	}
	path := func(environ ...string) string {
		return mustLoad(t, files, environ).OsloPolicy.PolicyFile
	}
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	expect(path(), filepath.Join(second, "policy.yaml")) // nowhere: where it would be
	writeAs(t, filepath.Join(cwd, "policy.yaml"))
	expect(path(), "policy.yaml")
	inFirst := writeAs(t, filepath.Join(first, "policy.yaml"))
	expect(path(), inFirst)
	inSecond := writeAs(t, filepath.Join(second, "policy.yaml"))
	expect(path(), inSecond)
	expect(path("ARQD_OSLO_POLICY__POLICY_FILE="+inFirst), inFirst)
}

func TestPolicyFileThatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	const env = "ARQD_OSLO_POLICY__POLICY_FILE"
	_, _, err := Load(nil, []string{env + "=policy.yaml"})
	expectError(t, err, "environment "+env+": [oslo_policy] policy_file: there is no policy.yaml")

	_, _, err = Load([]string{writeAs(t, filepath.Join(dir, "arqd.conf"), "[oslo_policy]", "policy_file = rules.yaml")}, nil)
	expectError(t, err, dir+"/arqd.conf:2: [oslo_policy] policy_file: there is no "+dir+"/rules.yaml nor rules.yaml")

	if err := os.Mkdir("policy.yaml", 0o700); err != nil {
		t.Fatal(err)
	}
	_, _, err = Load(nil, nil)
	expectError(t, err, "default: [oslo_policy] policy_file: read policy.yaml: is a directory")
}
