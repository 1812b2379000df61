package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each row is one line of a file, in its section, and what is said of it.
func TestBadValuesAreNamed(t *testing.T) {
	tests := []struct{ group, line, want string }{
		{"DEFAULT", "host = two words", `host: "two words" is not a name without blanks`},
		{"DEFAULT", "host =", "host: is empty; it must be a name without blanks"},
		{"DEFAULT", "state_path =", "state_path: is empty; it must be a path"},
		{"DEFAULT", "debug = maybe", `debug: "maybe" is not true or false`},
		{"DEFAULT", "log_format = xml", `log_format: "xml" is not one of text, json`},
		{"api", "host_ip = 300.1.1.1", `host_ip: "300.1.1.1" is not an IP address or a host name`},
		{"api", "host_ip = [::1]", `host_ip: "[::1]" is not an IP address or a host name`},
		{"api", "port = 65536", `port: "65536" is not a port from 0 to 65535`},
		{"api", "port = -1", `port: "-1" is not a port from 0 to 65535`},
		{"api", "port = 6666 # the usual", `port: "6666 # the usual" is not a port from 0 to 65535`},
		{"api", "port =", "port: is empty; it must be a port from 0 to 65535"},
		{"api", "public_endpoint = acc.example.org", `public_endpoint: "acc.example.org" is not a URL such as https://accelerator.example.org:6666, or empty`},
		{"api", "auth_strategy = noauth", `auth_strategy: "noauth" is not one of none, headers, keystone`},
		{"api", "max_body_bytes = 1M", `max_body_bytes: "1M" is not a whole number from 1024 to 67108864`},
		{"api", "read_timeout = 30s", `read_timeout: "30s" is not a number of seconds from 0.1 to 3600`},
		{"api", "read_timeout = NaN", `read_timeout: "NaN" is not a number of seconds from 0.1 to 3600`},
		{"api", "max_inflight_writes = 0", `max_inflight_writes: "0" is not a whole number from 1 to 1048576`},
		{"api", "rate_limit = many", `rate_limit: "many" is not a number from 0 to 1000000`},
		{"oslo_middleware", "trusted_proxies = proxy", `trusted_proxies: "proxy" is not a list of networks separated by commas`},
		{
			"oslo_middleware", "enable_proxy_headers_parsing = true",
			"enable_proxy_headers_parsing: anybody could send these headers, so it needs the addresses of the proxies in trusted_proxies",
		},
		{"cors", "allowed_origin = https://a.example/", `allowed_origin: "https://a.example/" is not a list of origins separated by commas`},
		{"keystone_authtoken", "service_token_roles = a,,b", `service_token_roles: "a,,b" is not a list of names separated by commas`},
		{"arqd", "host_check = yes", `host_check: "yes" is not one of enforce, warn, off`},
		{"fake", "operation_delay = inf", `operation_delay: "inf" is not a number of milliseconds from 0 to 3600000`},
		{"fake", "fail_images = 1234", `fail_images: "1234" is not a list of uuids separated by commas`},
		{"fake", "hosts = a, b, a", `hosts: names "a" twice`},
		{"fake", "hosts = $hots", "hosts: refers to $hots, which is no option; write $$ for the sign $"},
		{"fake", "hosts = ${fake.hosts}", "hosts: refers to itself through [fake] hosts"},
		{"fake", "hosts = " + strings.Repeat("/ ", 90), `hosts: "` + strings.Repeat("/ ", 40) + `"... is not a list of names separated by commas`},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			file := write(t, "# a line", "["+tt.group+"]", tt.line)
			_, _, err := Load([]string{file}, nil)
			expectError(t, err, prefixed(file+":3: ["+tt.group+"] ", tt.want))
		})
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// expectError wants the whole text of an error, or none.
func expectError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got  error %q\nwant error %q", got, want)
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	file := write(t, "[api]", "port = x", "what is this", "host_ip = ???")
	_, _, err := Load([]string{file, "/nonexistent/arqd.conf"}, []string{"ARQD_ARQD__ADMIN_PORT=y"})
	expectError(t, err, strings.Join([]string{
		file + ":3: is neither a [section], a comment nor name = value",
		"configuration file: open /nonexistent/arqd.conf: no such file or directory",
		file + `:4: [api] host_ip: "???" is not an IP address or a host name`,
		file + `:2: [api] port: "x" is not a port from 0 to 65535`,
		`environment ARQD_ARQD__ADMIN_PORT: [arqd] admin_port: "y" is not a port from 0 to 65535`,
	}, "\n"))
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	_, _, err := Load([]string{dir}, nil)
	expectError(t, err, "configuration file: read "+dir+": is a directory")

	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = Load([]string{big}, nil)
	expectError(t, err, "configuration file: "+big+" is longer than 4194304 bytes")
}

// What is no text would come back from the store as another.
func TestWhatIsNoTextInTheEnvironment(t *testing.T) {
	_, _, err := Load(nil, []string{"ARQD_FAKE__HOSTS=c\xff1", "ARQD_KEYSTONE_AUTHTOKEN__PASSWORD=h\xfcnter2"})
	expectError(t, err, "environment ARQD_FAKE__HOSTS: [fake] hosts: is not UTF-8 text\n"+
		"environment ARQD_KEYSTONE_AUTHTOKEN__PASSWORD: [keystone_authtoken] password: is not UTF-8 text")
}

func TestReferencesThatMultiply(t *testing.T) {
	l := newLoader(Options())
	l.addFile("f", []byte("[DEFAULT]\nhost = "+strings.Repeat("x", 1000)+
		"\n[fake]\nhosts = "+strings.Repeat("$host,", 1000)+"\n"))
	_, _, err := l.finish(nil)
	expectError(t, err, "f:4: [fake] hosts: is longer than 65536 bytes")
}

func TestASecretIsNotShownInAnError(t *testing.T) {
	_, _, err := Load(nil, []string{"ARQD_KEYSTONE_AUTHTOKEN__PASSWORD=half$hidden"})
	expectError(t, err, "environment ARQD_KEYSTONE_AUTHTOKEN__PASSWORD: [keystone_authtoken] password: "+
		"holds a reference that leads nowhere; write $$ for the sign $")
	_, _, err = Load(nil, []string{"ARQD_KEYSTONE_AUTHTOKEN__PASSWORD=x", "ARQD_KEYSTONE_AUTHTOKEN__USERNAME=$password"})
	expectError(t, err, "environment ARQD_KEYSTONE_AUTHTOKEN__USERNAME: [keystone_authtoken] username: "+
		"refers to [keystone_authtoken] password, which is secret")

	o := opt("x", "password", "", word(), func(*Config) *string { return new(string) }, "").secret()
	if got := o.complaint("hunter 2"); got != "the value is not a name without blanks" {
		t.Errorf("got %q", got)
	}
}
