package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/bench/fleet"
	usage "github.com/arqd/arqd/bench/process"
)

// fleetOf gives the settings of a service for so many hosts, half of which have
// tokens and the others certificates, and their agents.
func fleetOf(t *testing.T, hosts int) (options, fleet.Options) {
	t.Helper()
	ca := newAuthority(t)
	ca.issue("server")
	port := freePort(t)
	opt := fleet.Options{URL: "https://127.0.0.1:" + port, TLS: ca.transport("").TLSClientConfig, Devices: 8, Ramp: time.Second, Return: 4 * time.Second}
	var tokens strings.Builder
	for i := range hosts {
		id := fleet.Identity{Host: fmt.Sprintf("node-%04d", i)}
		if i%2 == 0 {
			id.Token = tokenOf(id.Host)
			fmt.Fprintf(&tokens, "%s %s\n", id.Host, id.Token)
		} else {
			ca.issue(id.Host)
			pair, err := tls.LoadX509KeyPair(ca.path(id.Host+".pem"), ca.path(id.Host+".key"))
			if err != nil {
				t.Fatal(err)
			}
			id.Certificate = &pair
		}
		opt.Hosts = append(opt.Hosts, id)
	}
	file := filepath.Join(t.TempDir(), "tokens")
	writeFile(t, file, []byte(tokens.String()))
	return options{
		"agents.token_file": file, "agents.port": port, "agents.cert_file": ca.path("server.pem"), "agents.key_file": ca.path("server.key"),
		"agents.ca_file": ca.path("ca.pem"), "agents.lease": "6", "fake.hosts": "",
	}, opt
}

// Many agents live with one service at the cost of two connections each, and are
// all back within a minute after it was killed, over some time and with each
// session asked for once. `arqd bench agents` does the same with a thousand.
func TestAFleetOfAgents(t *testing.T) {
	const hosts = 50
	opts, opt := fleetOf(t, hosts)
	n := newNode(t, opts)
	p := n.start()
	before, err := usage.Descriptors(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fleet.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	awaitFleet(t, f)
	fresh := func() bool { return p.metrics().value(t, "arqd_hosts", "state", "fresh") == hosts }
	eventually(t, 10*time.Second, "all hosts are fresh", fresh)
	if got := len(p.client().devices()); got != 8*hosts {
		t.Errorf("%d devices of %d hosts", got, hosts)
	}
	eventually(t, 20*time.Second, "each agent has two connections", func() bool {
		after, err := usage.Descriptors(p.cmd.Process.Pid)
		return err == nil && after-before >= 2*hosts-5 && after-before <= 2*hosts+20
	})
	p.kill()
	eventually(t, 10*time.Second, "the agents have noticed", func() bool { return f.Present() == 0 })
	p = n.start()
	awaitFleet(t, f)
	eventually(t, 10*time.Second, "all hosts are fresh again", fresh)
	last := f.Outages()[0]
	if last.Absent != hosts || last.PeakOpens >= hosts {
		t.Errorf("all at once: %+v", last)
	}
	if got := p.metrics().value(t, "arqd_agent_sessions_total"); got != hosts {
		t.Errorf("%v sessions were opened by %d agents", got, hosts)
	}
	if got := p.metrics().value(t, "arqd_agent_alternations_total"); got != 0 {
		t.Errorf("%v alternations", got)
	}
}

func awaitFleet(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := f.AwaitAll(ctx); err != nil {
		t.Fatalf("%d of the agents are present after a minute", f.Present())
	}
}

// arqd runs a command to its end, and gives what it printed.
func arqd(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("arqd %q: %v\n%s", args, err, &errs)
	}
	return string(out)
}

// The command line: tokens are made, agents come with them, and what they cost is
// said.
func TestBenchAgents(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	writeFile(t, file, []byte(arqd(t, "bench", "agents", "--make-tokens", "--hosts", "3")))
	p := start(t, options{"agents.token_file": file, "agents.port": "0", "fake.hosts": ""})
	json := filepath.Join(t.TempDir(), "out.json")
	text := arqd(t, "bench", "agents", "--url", p.agentsURL(), "--token-file", file, "--hosts", "3", "--devices", "2",
		"--ramp", "100ms", "--duration", "500ms", "--server-pid", fmt.Sprint(p.cmd.Process.Pid), "--json", json)
	if !strings.Contains(text, "descriptors") {
		t.Errorf("%s", text)
	}
	if result, err := os.ReadFile(json); err != nil || !strings.Contains(string(result), fleet.Schema) {
		t.Errorf("%s, %v", result, err)
	}
	if got := len(p.client().devices()); got != 6 {
		t.Errorf("%d devices", got)
	}
}
