package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/http/openstack"
)

// write makes a configuration file and gives its name.
func write(t *testing.T, lines ...string) string {
	t.Helper()
	return writeAs(t, filepath.Join(t.TempDir(), "arqd.conf"), lines...)
}

func writeAs(t *testing.T, name string, lines ...string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func mustLoad(t *testing.T, files, environ []string) *Config {
	t.Helper()
	c, warnings, err := Load(files, environ)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Errorf("unexpected warning: %s", w)
	}
	return c
}

// defaultClient is a section about another service with nothing in it.
func defaultClient(serviceType string) Client {
	return Client{
		ServiceUser: ServiceUser{
			Credentials: openstack.Credentials{AuthType: openstack.AuthPassword},
			Connection:  openstack.Connection{Timeout: 20 * time.Second, Retries: 1},
		},
		Use: UseAuto, ServiceType: serviceType, Interfaces: []string{"internal", "public"},
	}
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, nil, nil)
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Default: Default{Host: machine, StatePath: "arqd-state", LogFormat: LogText},
		API: API{
			HostIP: "127.0.0.1", Port: 6666, AuthStrategy: AuthNone, MaxBodyBytes: 1 << 20, MaxHeaderBytes: 16384,
			ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, RequestTimeout: 30 * time.Second, MaxInflightWrites: 4096,
			OverloadPatience: time.Second, AccessLog: true, AuditLog: true, RateBurst: 100,
		},
		CORS: CORS{
			AllowCredentials: true, MaxAge: time.Hour,
			ExposeHeaders: []string{"X-OpenStack-Request-ID", "OpenStack-API-Version", "OpenStack-API-Minimum-Version", "OpenStack-API-Maximum-Version"},
			AllowMethods:  []string{"GET", "POST", "PATCH", "DELETE"},
			AllowHeaders:  []string{"X-Auth-Token", "X-OpenStack-Request-ID", "OpenStack-API-Version"},
		},
		KeystoneAuthtoken: KeystoneAuthtoken{
			ServiceUser: ServiceUser{
				Credentials: openstack.Credentials{AuthType: openstack.AuthPassword},
				Connection:  openstack.Connection{Timeout: 10 * time.Second, Retries: 3},
			},
			Interface: "internal", TokenCacheTime: 5 * time.Minute,
			ServiceTokenRoles: []string{"service"}, ServiceTokenRolesRequired: true, ServiceType: "accelerator",
		},
		Nova:       Nova{Client: defaultClient("compute")},
		Placement:  Placement{Client: defaultClient("placement"), CheckInterval: 10 * time.Minute},
		Glance:     Glance{Client: defaultClient("image"), DownloadTimeout: 10 * time.Minute},
		OsloPolicy: OsloPolicy{EnforceNewDefaults: true, EnforceScope: true, PolicyFile: "policy.yaml"},
		Arqd: Arqd{
			HostCheck: HostCheckEnforce, MdevCreatedBy: MdevByAgent, AdminHost: "127.0.0.1", AdminPort: 6667,
			BindTimeout: time.Minute, HoldFailed: true, MaxARQsPerProfile: 256, ShutdownTimeout: 30 * time.Second,
		},
		Agents: Agents{HostIP: "127.0.0.1", Port: 6668, Lease: 30 * time.Second, DeadAfter: 5 * time.Minute, HealthHold: 5 * time.Minute},
		Fake:   Fake{Hosts: []string{machine}, DevicesPerHost: 1, HandlesPerDevice: 16},
	}
	want.options, want.settings = c.options, c.settings
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got  %+v\nwant %+v", *c, want)
	}
	if got := c.Source("api", "port"); got != "default" {
		t.Errorf("source of a default: %q", got)
	}
}

func TestValues(t *testing.T) {
	image := uuid.New()
	c := mustLoad(t, []string{write(
		t,
		"[DEFAULT]", "host = node-1", "debug = ON", "log_format = json", "state_path = '/var/lib/arqd'",
		"[api]", "public_endpoint = https://acc.example.org/accelerator/", "port = 0", "read_timeout = 0.5",
		"[keystone_authtoken]", "service_token_roles = service, nova", "auth_url = https://k.example.org/identity/",
		"auth_type = v3applicationcredential", "application_credential_secret = a$$b", "region_name = Region One",
		"token_cache_time = -1", "insecure = yes", "cafile = /etc/ca.pem",
		"[arqd]", "host_check = warn",
		"[fake]", "hosts = $host,", "  ${DEFAULT.host}-2", "operation_delay = 250", "fail_images = "+image.String(),
	)}, nil)
	checks := []struct {
		what      string
		got, want any
	}{
		{"host", c.Default.Host, "node-1"},
		{"debug", c.Default.Debug, true},
		{"log_format", c.Default.LogFormat, LogJSON},
		{"state_path loses its quotes", c.Default.StatePath, "/var/lib/arqd"},
		{"public_endpoint loses its last slash", c.API.PublicEndpoint, "https://acc.example.org/accelerator"},
		{"port 0", c.API.Port, 0},
		{"half a second", c.API.ReadTimeout, 500 * time.Millisecond},
		{"roles", c.KeystoneAuthtoken.ServiceTokenRoles, []string{"service", "nova"}},
		{"the service user", c.KeystoneAuthtoken.Credentials, openstack.Credentials{
			AuthType: openstack.AuthApplicationCredential, AuthURL: "https://k.example.org/identity", ApplicationCredentialSecret: "a$b",
		}},
		{"the way to Keystone", c.KeystoneAuthtoken.Connection, openstack.Connection{
			CAFile: "/etc/ca.pem", Insecure: true, Timeout: 10 * time.Second, Retries: 3,
		}},
		{"region", c.KeystoneAuthtoken.Region, "Region One"},
		{"no cache", c.KeystoneAuthtoken.TokenCacheTime, -time.Second},
		{"the address of Keystone is where clients are sent", c.KeystoneAuthtoken.WWWAuthenticateURI, "https://k.example.org/identity"},
		{"host_check", c.Arqd.HostCheck, HostCheckWarn},
		{"hosts over two lines, substituted", c.Fake.Hosts, []string{"node-1", "node-1-2"}},
		{"milliseconds", c.Fake.OperationDelay, 250 * time.Millisecond},
		{"images", c.Fake.FailImages, []uuid.UUID{image}},
	}
	for _, check := range checks {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.what, check.got, check.want)
		}
	}
}

func TestWhatComesLaterWins(t *testing.T) {
	first := write(t, "[api]", "port = 1", "port = 2", "host_ip = ::1", "max_body_bytes = 2048")
	second := write(t, "[api]", "port = 3", "host_ip = 127.0.0.2")
	c := mustLoad(t, []string{first, second}, []string{"HOME=/root", "ARQD_API__PORT=4", "ARQD_DEFAULT__HOST=x"})
	for _, tt := range []struct{ group, name, value, source string }{
		{"api", "port", "4", "environment ARQD_API__PORT"},
		{"api", "host_ip", "127.0.0.2", second + ":3"},
		{"api", "max_body_bytes", "2048", first + ":5"},
		{"DEFAULT", "host", "x", "environment ARQD_DEFAULT__HOST"},
		{"fake", "hosts", "x", "default"},
	} {
		if got := c.settings[key{tt.group, tt.name}].text; got != tt.value {
			t.Errorf("[%s] %s: got %q, want %q", tt.group, tt.name, got, tt.value)
		}
		if got := c.Source(tt.group, tt.name); got != tt.source {
			t.Errorf("[%s] %s: source %q, want %q", tt.group, tt.name, got, tt.source)
		}
	}
}

func TestEveryOptionCanBeSetFromTheEnvironment(t *testing.T) {
	options := Options()
	for i := range options {
		o := &options[i]
		l := newLoader(Options())
		l.addEnviron([]string{o.EnvName() + "=" + o.Default})
		if got := l.settings[o.key()].from.env; got != o.EnvName() || len(l.warnings) > 0 {
			t.Errorf("%s: set by %q, warnings %v", o.EnvName(), got, l.warnings)
		}
	}
}

func TestChanged(t *testing.T) {
	before := mustLoad(t, nil, nil)
	after := mustLoad(t, nil, []string{"ARQD_DEFAULT__DEBUG=true", "ARQD_API__PORT=7000"})
	got := map[string]bool{}
	for _, o := range before.Changed(after) {
		got[o.Name] = o.Reloadable
	}
	if want := map[string]bool{"debug": true, "port": false}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if same := before.Changed(before); same != nil {
		t.Errorf("nothing changed, got %v", same)
	}
}

func TestMultiValuedOptionsAddUp(t *testing.T) {
	var dirs []string
	options := []Option{
		opt("x", "dir", "none", multi(path(), "paths"), func(*Config) *[]string { return &dirs }, "Directories."),
	}
	load := func(environ ...string) []string {
		l := newLoader(options)
		l.addFile("a", []byte("[x]\ndir = 1\ndir = 2\n"))
		l.addFile("b", []byte("[x]\ndir = 3\n"))
		l.addEnviron(environ)
		for k, s := range l.settings {
			if !l.byKey[k].set(nil, s.text) {
				t.Fatalf("%s refused %q", k, s.text)
			}
		}
		return dirs
	}
	if got, want := load(), []string{"1", "2", "3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
	if got, want := load("ARQD_X__DIR=4"), []string{"4"}; !reflect.DeepEqual(got, want) {
		t.Errorf("environment: got %q, want %q", got, want)
	}
}
