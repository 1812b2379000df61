package config

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

func TestPrintSaysWhereValuesComeFrom(t *testing.T) {
	file := write(t, "[api]", "port = 7000", "[fake]", "hosts = $host", "  , b")
	c := mustLoad(t, []string{file}, []string{"ARQD_DEFAULT__HOST=a", "ARQD_FAKE__FAIL_IMAGES="})
	got := printed(t, c)
	for _, want := range []string{
		"\n[api]\n",
		"\n# Port on which the API listens; 0 takes any free one.\n# (port; from " + file + ":2)\nport = 7000\n",
		"\n# (string; from environment ARQD_DEFAULT__HOST)\nhost = a\n",
		"\n# (list of names; from " + file + ":4)\nhosts = a , b\n",
		"\n# (port; from default)\n#admin_port = 6667\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not in the output: %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func printed(t *testing.T, c *Config) string {
	t.Helper()
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWhatIsPrintedCanBeRead(t *testing.T) {
	for name, environ := range map[string][]string{
		"defaults": nil,
		"values":   {"ARQD_API__PORT=7000", "ARQD_FAKE__HOSTS=a,b", "ARQD_DEFAULT__DEBUG=on", "ARQD_API__MAX_BODY_BYTES=2000"},
		"signs":    {"ARQD_DEFAULT__STATE_PATH='$$a b\"", "ARQD_SSL__CERT_FILE=\"x\"", "ARQD_FAKE__HOSTS="},
	} {
		t.Run(name, func(t *testing.T) {
			before, _, err := Load(nil, environ)
			if err != nil {
				t.Fatal(err)
			}
			file := write(t, printed(t, before))
			after, _, err := Load([]string{file}, nil)
			if err != nil {
				t.Fatal(err)
			}
			after.OsloPolicy.PolicyFile = before.OsloPolicy.PolicyFile // looked for beside the file
			after.settings = before.settings
			after.options = before.options
			if !reflect.DeepEqual(before, after) {
				t.Errorf("before %+v\nafter  %+v", before, after)
			}
		})
	}
}

func TestPrintHidesSecrets(t *testing.T) {
	var password string
	var dirs []string
	l := newLoader([]Option{
		opt("x", "password", "", optional(text()), func(*Config) *string { return &password }, "Word.").secret(),
		opt("x", "dir", "", multi(text(), "paths"), func(*Config) *[]string { return &dirs }, "Places."),
	})
	l.addFile("f", []byte("[x]\npassword = hunter2\ndir = 1\ndir = 2\n"))
	l.substitute()
	got := printed(t, &Config{options: l.options, settings: l.settings})
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "\n#password = <hidden>\n") {
		t.Errorf("a secret in:\n%s", got)
	}
	user := printed(t, mustLoad(t, nil, []string{
		"ARQD_KEYSTONE_AUTHTOKEN__PASSWORD=hunter2", "ARQD_KEYSTONE_AUTHTOKEN__APPLICATION_CREDENTIAL_SECRET=hunter3",
	}))
	if strings.Contains(user, "hunter") || strings.Count(user, "<hidden>") != 2 {
		t.Errorf("a secret in:\n%s", user)
	}
	if !strings.Contains(got, "\ndir = 1\ndir = 2\n") {
		t.Errorf("not one line a value:\n%s", got)
	}
}

func TestDocumentation(t *testing.T) {
	const name = "../../../docs/configuration.md"
	var want bytes.Buffer
	if err := WriteMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/configuration.md is stale: go test ./cmd/arqd/config -run TestDocumentation -update")
	}
}

func TestTheTableIsSound(t *testing.T) {
	seen := map[key]bool{}
	order := []string{}
	options := Options()
	for i := range options {
		o := &options[i]
		if seen[o.key()] {
			t.Errorf("%s twice", o.key())
		}
		seen[o.key()] = true
		if len(order) == 0 || order[len(order)-1] != o.Group {
			order = append(order, o.Group)
		}
		if o.Help == "" || !strings.HasSuffix(o.Help, ".") {
			t.Errorf("%s: help %q is no sentence", o.key(), o.Help)
		}
	}
	want := []string{"DEFAULT", "api", "ssl", "keystone_authtoken", "nova", "placement", "glance", "oslo_policy", "arqd", "quota", "fake", "agents", "oslo_middleware", "cors"}
	if !reflect.DeepEqual(order, want) {
		t.Errorf("sections %q, want each once: %q", order, want)
	}
}
