package test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guide is docs/openstack.md, carried out.
type guide struct {
	t       *testing.T
	blocks  map[string][]string // by language, in order
	names   *strings.Replacer   // of the guide, to what they stand for here
	dir     string
	environ []string // of its shell
}

func openGuide(t *testing.T) *guide {
	t.Helper()
	text, err := os.ReadFile("../docs/openstack.md")
	if err != nil {
		t.Fatal(err)
	}
	g := &guide{t: t, blocks: map[string][]string{}, dir: t.TempDir(), names: strings.NewReplacer()}
	for i, part := range strings.Split(string(text), "\n```") {
		if language, block, found := strings.Cut(part, "\n"); i%2 == 1 && found {
			g.blocks[language] = append(g.blocks[language], block+"\n")
		}
	}
	return g
}

// block gives the nth block of a language, with the names as they are here.
func (g *guide) block(language string, n int) string {
	g.t.Helper()
	if len(g.blocks[language]) <= n {
		g.t.Fatalf("the guide has %d blocks of %s", len(g.blocks[language]), language)
	}
	return g.names.Replace(g.blocks[language][n])
}

// shim stands for a program that takes long to load, and asks one that has.
const shim = `#!/usr/bin/python3 -IS
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect(%q)
with door.makefile('rw') as lines:
    lines.write(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k.startswith('OS_')}]) + '\n')
    lines.flush()
    answer = json.loads(lines.readline())
sys.stdout.write(answer['said'])
sys.exit(answer['status'])
`

// prepare makes the programs of the guide: arqd and the client, whose user is
// the administrator of a cloud.
func (g *guide) prepare(c *cloud) {
	g.t.Helper()
	socket := filepath.Join(g.dir, "client")
	client := &commandLine{companion: startCompanion(g.t, "openstack_client.py", socket)}
	client.hear(&client.commands)
	programs := filepath.Join(g.dir, "bin")
	if err := os.Mkdir(programs, 0o700); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(programs, "openstack"), fmt.Appendf(nil, shim, socket), 0o700); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Symlink(binary(g.t), filepath.Join(programs, "arqd")); err != nil {
		g.t.Fatal(err)
	}
	g.environ = []string{
		"PATH=" + programs + ":/usr/bin:/bin", "HOME=" + g.dir, "COLUMNS=400", "no_proxy=127.0.0.1",
		"OS_AUTH_URL=" + c.keystoneURL(), "OS_USERNAME=admin", "OS_PASSWORD=" + cloudPassword, "OS_PROJECT_NAME=admin",
		"OS_USER_DOMAIN_NAME=Default", "OS_PROJECT_DOMAIN_NAME=Default", "OS_REGION_NAME=" + cloudRegion, "OS_IDENTITY_API_VERSION=3",
	}
}

// shell carries lines out, up to the first that fails, and gives what they print,
// which must have these words in it.
func (g *guide) shell(lines string, wants ...string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 3*clientLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu")
	cmd.Stdin, cmd.Env, cmd.SysProcAttr = strings.NewReader(lines), g.environ, dieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("%v\n%s\n%s", err, lines, out)
	}
	for _, want := range wants {
		if !strings.Contains(string(out), want) {
			g.t.Errorf("nothing of %q in what is printed by\n%s\n%s", want, lines, out)
		}
	}
	return string(out)
}

// agent runs the agent of a host until the test ends.
func (g *guide) agent(conf string) {
	g.t.Helper()
	cmd := exec.Command(binary(g.t), "agent", "--config-file", conf)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &said, &said, dieWithParent()
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || g.t.Failed() {
			g.t.Errorf("the agent: %v\n%s", err, &said)
		}
	})
}

// verifyUnits has systemd look at the units that the guide names, that of agents
// also with each of the files for drivers.
func (g *guide) verifyUnits() {
	g.t.Helper()
	const units = "../docs/systemd"
	more, err := filepath.Glob(units + "/arqd-agent.service.d/*.conf")
	if err != nil || len(more) == 0 {
		g.t.Fatalf("%d files for drivers: %v", len(more), err)
	}
	for _, file := range append([]string{""}, more...) {
		dir := g.t.TempDir()
		for _, name := range []string{"arqd.service", "arqd-agent.service"} {
			text, err := os.ReadFile(filepath.Join(units, name))
			if err != nil {
				g.t.Fatal(err)
			}
			writeFile(g.t, filepath.Join(dir, name), []byte(g.names.Replace(string(text))))
		}
		if file != "" {
			besides := filepath.Join(dir, "arqd-agent.service.d")
			if err := os.CopyFS(besides, os.DirFS(filepath.Dir(file))); err != nil {
				g.t.Fatal(err)
			}
			for _, other := range more {
				if other != file {
					_ = os.Remove(filepath.Join(besides, filepath.Base(other)))
				}
			}
		}
		for _, name := range []string{"arqd.service", "arqd-agent.service"} {
			if out, err := exec.Command("systemd-analyze", "verify", filepath.Join(dir, name)).CombinedOutput(); err != nil || len(out) > 0 {
				g.t.Errorf("%s with %q: %v %s", name, filepath.Base(file), err, out)
			}
		}
	}
}

// TestGuide installs arqd in a cloud as docs/openstack.md says, with its commands
// and its configuration, and has Nova's own client use it with the configuration
// that the guide gives Nova.
func TestGuide(t *testing.T) {
	c := theCloud(t)
	for _, what := range []string{"clients", "curl", "guide"} {
		needs(t, what)
	}
	g := openGuide(t)
	g.prepare(c)
	c.withdraw(t, "accelerator")
	t.Cleanup(func() {
		c.withdraw(t, "accelerator")
		c.dismiss(t, "cyborg")
	})
	n := newNode(t, nil)
	port := freePort(t)
	agents := freePort(t)
	names := []string{
		"http://controller:5000", c.keystone.url, "controller:6666", "127.0.0.1:" + port, "controller:6668", "localhost:" + agents,
		"in controller", "in localhost", "/etc/arqd/controller", g.dir + "/localhost",
		"/etc/arqd/arqd.conf", n.conf, "/etc/arqd", g.dir, "/var/lib/arqd-agent", filepath.Join(g.dir, "agent-state"),
		"/usr/local/bin/arqd", n.program, "NOVA_PASS", cloudPassword, "nvidia_gpu_driver, intel_fpga_driver", "fake_driver",
	}
	g.names = strings.NewReplacer(names...)

	said := g.shell(g.block("sh", 0)+"echo \"password=$CYBORG_PASS\"\n", "cyborg", "http://127.0.0.1:"+port+"/v2")
	_, password, _ := strings.Cut(said, "password=")
	password = strings.TrimSpace(password)
	writeFile(t, n.conf, []byte(strings.Replace(g.block("ini", 0), "CYBORG_PASS", password, 1)+fmt.Sprintf(`
[DEFAULT]
host = compute1
state_path = %s
log_format = json
[api]
host_ip = 127.0.0.1
port = %s
[arqd]
admin_port = 0
[placement]
check_interval = 1
[agents]
host_ip = 127.0.0.1
port = %s
`, n.state(), port, agents)))
	g.shell(g.block("sh", 1))
	out := g.shell(g.block("sh", 2), "#password = <hidden>", "auth_strategy = keystone", "cyborg:arq:create")
	if strings.Contains(out, password) {
		t.Errorf("the password is printed:\n%s", out)
	}
	g.verifyUnits()

	conf := filepath.Join(g.dir, "agent.conf")
	writeFile(t, conf, []byte(g.block("ini", 1)))
	g.shell(g.block("sh", 4), "compute1_FakeDevice")
	p := n.start()
	g.agent(conf)
	g.names = strings.NewReplacer(append(names, "127.0.0.1:6667", host(p.admin))...)
	g.shell("openstack --os-placement-api-version 1.14 resource provider create compute1", "compute1") // as nova-compute does
	eventually(t, time.Minute, "the device is in Placement", func() bool { return len(p.placementPage("?state=synced").Devices) == 1 })
	g.shell(g.block("sh", 3), `{"ready": true, "reasons": []}`, "FPGA", "compute1")
	g.shell(g.block("sh", 5))
	g.shell(g.block("sh", 6), "compute1_FakeDevice", "OWNER_CYBORG", "CUSTOM_FAKE_DEVICE", "16")
	g.shell(g.block("sh", 7), "fpga", "CUSTOM_FAKE_DEVICE")
	if out := g.shell(g.block("sh", 8)); strings.Contains(out, "error") {
		t.Errorf("disabling and enabling: %s", out)
	}
	for _, action := range []string{"disable", "enable"} {
		p.awaitLog(readyLimit, "change")
		if !strings.Contains(p.log.tail(), fmt.Sprintf(`"action":"cyborg:device:%s","outcome":"success"`, action)) {
			t.Errorf("there was no %s", action)
		}
	}
	g.shell(g.block("sh", 9), `"ready": true`, `"state":"synced"`, "arqd_keystone_up 1", "arqd_nova_up", "arqd_placement_devices",
		`arqd_hosts{state="fresh"} 1`)
	if total := len(g.blocks["sh"]); total != 11 {
		t.Errorf("the guide has %d blocks for a shell; not all of them were carried out", total)
	}

	conf = filepath.Join(g.dir, "nova.conf")
	writeFile(t, conf, []byte(g.block("ini", 2)))
	admin := p.client().with(c.passes(t).as("admin"))
	if out := c.novaWalk(t, admin.deployable(), "--profile", "fpga", "--conf", conf); !strings.Contains(out, "every call answered") {
		t.Errorf("Nova's walk did not come to its end:\n%s", out)
	}

	left := newUUID()
	admin.with(c.passes(t).service).bind(admin.deployable(), left, admin.create("fpga")[0])
	g.names = strings.NewReplacer(append(names, "INSTANCE", left)...)
	g.shell("CYBORG_PASS=" + password + "\n" + g.block("sh", 10))
	if got := admin.arqs(""); len(got) > 0 {
		t.Errorf("of the instance is left %v", got)
	}
}

// withdraw takes all services of a type, and their endpoints, out of the catalog.
func (c *cloud) withdraw(t *testing.T, kind string) {
	t.Helper()
	o, err := c.newOperator()
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Services []struct{ ID string } }
	if err := o.call(http.MethodGet, "/services?type="+kind, nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Services {
		if err := o.call(http.MethodDelete, "/services/"+s.ID, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	delete(c.services, kind)
}

// dismiss deletes a user that somebody has made.
func (c *cloud) dismiss(t *testing.T, user string) {
	t.Helper()
	o, err := c.newOperator()
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Users []struct{ ID string } }
	if err := o.call(http.MethodGet, "/users?name="+user, nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, u := range list.Users {
		if err := o.call(http.MethodDelete, "/users/"+u.ID, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}
