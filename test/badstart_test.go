package test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const refusalLimit = 20 * time.Second

// refuse checks that arqd refuses to start: exit code 1 and one sentence that
// names what is wrong, and nothing of the program's inside.
func (n *node) refuse(t *testing.T, wants ...string) {
	t.Helper()
	n.refuseFor(t, 1, wants...)
}

// refuseFor is refuse for several faults, of which each has its sentence.
func (n *node) refuseFor(t *testing.T, faults int, wants ...string) {
	t.Helper()
	p := n.launch()
	if code := p.exit(refusalLimit); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	said := p.log.plain()
	if len(said) != faults || !strings.HasPrefix(said[0], "arqd: ") {
		t.Errorf("arqd says %q, want a sentence for each of %d faults", said, faults)
	}
	if p.log.says("ready") {
		t.Error("arqd said that it was ready")
	}
	for _, want := range wants {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("arqd says %q, nothing of %q", said, want)
		}
	}
	for _, inside := range []string{".go:", "goroutine", "runtime.", "0xc0"} {
		if strings.Contains(strings.Join(said, "\n"), inside) {
			t.Errorf("arqd shows its inside: %q", said)
		}
	}
}

func TestBadConfiguration(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	cases := []struct {
		name  string
		opts  options
		wants []string
	}{
		{"port that is no number", options{"api.port": "http"}, []string{"arqd.conf", "port", "http"}},
		{"port out of range", options{"api.port": "65536"}, []string{"arqd.conf", "port", "65536"}},
		{"boolean", options{"DEFAULT.debug": "perhaps"}, []string{"arqd.conf", "debug", "perhaps"}},
		{"choice", options{"arqd.host_check": "sometimes"}, []string{"arqd.conf", "host_check", "sometimes"}},
		{"strategy keystone for nobody", options{"api.auth_strategy": "keystone"}, []string{"auth_strategy", "keystone_authtoken", "auth_url"}},
		{"strategy none off loopback", options{"api.host_ip": "0.0.0.0"}, []string{"auth_strategy", "loopback"}},
		{"address", options{"api.host_ip": "localhost.invalid"}, []string{"host_ip"}},
		{"public endpoint", options{"api.public_endpoint": "nowhere"}, []string{"public_endpoint", "nowhere"}},
		{"number of handles", options{"fake.handles_per_device": "0"}, []string{"handles_per_device"}},
		{"uuid", options{"fake.fail_images": "picture"}, []string{"fail_images", "picture"}},
		{"duration", options{"api.read_timeout": "soon"}, []string{"read_timeout", "soon"}},
		{"missing policy file", options{"oslo_policy.policy_file": missing}, []string{"policy_file", missing}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { newNode(t, c.opts).refuse(t, c.wants...) })
	}
	t.Run("several at once", func(t *testing.T) {
		n := newNode(t, options{"api.port": "http", "DEFAULT.debug": "perhaps", "api.enable_ssl_api": "maybe"})
		n.refuseFor(t, 3, "http", "perhaps", "maybe")
	})
	t.Run("missing file", func(t *testing.T) {
		n := newNode(t, nil)
		n.conf += ".not"
		n.refuse(t, "arqd.conf.not")
	})
	t.Run("line that is no option", func(t *testing.T) {
		n := newNode(t, nil)
		if err := os.WriteFile(n.conf, []byte("[api]\nport 6666\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		n.refuse(t, "arqd.conf", "2")
	})
	t.Run("environment", func(t *testing.T) {
		n := newNode(t, nil)
		t.Setenv("ARQD_API__PORT", "many")
		n.refuse(t, "ARQD_API__PORT", "many")
	})
}

func TestBadPolicyFile(t *testing.T) {
	n := newNode(t, nil)
	file := filepath.Join(n.dir, "policy.yaml")
	n.configure(options{"oslo_policy.policy_file": file})
	for name, text := range map[string]string{
		"no YAML":        "\"cyborg:arq:create\": [",
		"no rule":        "\"cyborg:arq:create\": \"role:admin and\"\n",
		"circle of it":   "\"a\": \"rule:b\"\n\"b\": \"rule:a\"\n",
		"a rule by URL":  "\"cyborg:arq:create\": \"http://127.0.0.1/\"\n",
		"the name twice": "\"cyborg:arq:create\": \"@\"\n\"cyborg:arq:create\": \"!\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			n.refuse(t, "policy.yaml")
		})
	}
}

func TestBusyPorts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for option, name := range map[string]string{"api.port": "port", "arqd.admin_port": "admin_port"} {
		t.Run(name, func(t *testing.T) { newNode(t, options{option: port}).refuse(t, name, "127.0.0.1:"+port, "in use") })
	}
}

func TestUnusableStatePath(t *testing.T) {
	// Root may write where permission bits forbid it, but not into a file.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a file": file, "below a file": filepath.Join(file, "state")} {
		t.Run(name, func(t *testing.T) {
			newNode(t, options{"DEFAULT.state_path": path}).refuse(t, "state_path", file)
		})
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "not a directory" {
		t.Errorf("the file in the way was touched: %q, %v", b, err)
	}
}

// TestSecondProcess: one state directory has one arqd, and the first is not
// disturbed by the second.
func TestSecondProcess(t *testing.T) {
	n := newNode(t, nil)
	p := n.start()
	n.refuse(t, n.state())
	p.client().createProfile("still-there", 1)
	p.stop()
	n.start().client().createProfile("and-again", 1)
}

func TestGarbageInPlaceOfTheStore(t *testing.T) {
	t.Run("a file", func(t *testing.T) {
		n := newNode(t, nil)
		if err := os.MkdirAll(n.state(), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(n.state(), "store"), []byte("garbage"))
		n.refuse(t, filepath.Join(n.state(), "store"))
	})
	t.Run("files of something else", func(t *testing.T) {
		n := newNode(t, nil)
		store := filepath.Join(n.state(), "store")
		if err := os.MkdirAll(store, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(store, "MANIFEST"), []byte("garbage"))
		writeFile(t, filepath.Join(store, "000001.sst"), []byte("garbage"))
		n.refuse(t, store)
	})
}
