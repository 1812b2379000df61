package test

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/arqd/arqd/devices/fake"
)

// newFakeHost makes a host whose agent has fake devices.
func newFakeHost(t *testing.T, host, service string, opts options) *hypervisor {
	t.Helper()
	all := options{"agent.enabled_drivers": fake.Name, "fake.handles_per_device": "4"}
	maps.Copy(all, opts)
	return newHypervisor(t, host, "empty-host", service, all)
}

// The service is killed while a real agent is about to carry out a command, while
// it does, and once it has reported: the bind goes on, and the command is carried
// out once.
func TestTheServiceIsKilledUnderAnAgent(t *testing.T) {
	opts := withAgents(t, "node1")
	opts["agents.port"] = freePort(t)
	n := newNode(t, opts)
	p := n.start()
	relay := newRelay(t, p.agentsURL())
	host := newFakeHost(t, "node1", relay.URL, options{"fake.operation_delay": "300"})
	agent := host.start()
	dep := p.client().awaitDeployables("node1", 1)[0]
	for i, step := range []struct {
		name string
		hold func() <-chan struct{}
	}{
		{"the command is on its way", func() <-chan struct{} { return relay.holdAnswer("/commands", `"id"`) }},
		{"the result is on its way", func() <-chan struct{} { return relay.holdRequest("/result") }},
		{"the acknowledgement is on its way", func() <-chan struct{} { return relay.holdAnswer("/result", "") }},
	} {
		held := step.hold()
		c := p.client()
		image := newUUID()
		c.createImageProfile(image, image)
		id := c.bindTo(image, dep)
		<-held
		p.kill()
		relay.letGo()
		p = n.start()
		if got := p.client().settled(id); got.State != "Bound" {
			t.Errorf("%s: %+v", step.name, got)
		}
		if got := len(agent.log.messages("a command is begun")); got != i+1 {
			t.Errorf("%s: %d commands were begun, want %d", step.name, got, i+1)
		}
		p.client().delete(id)
		p.checkHandles(p.client(), 4)
	}
	agent.stop()
	p.stop()
	n.store("verify")
}

// While the service is away, the agent tries and tries; the newest inventory is
// what it tells once it is back.
func TestTheServiceIsAway(t *testing.T) {
	opts := withAgents(t, "node1")
	opts["agents.port"] = freePort(t)
	n := newNode(t, opts)
	host := newHypervisor(t, "node1", tesla, "http://127.0.0.1:"+opts["agents.port"], nil)
	agent := host.launch()
	agent.awaitLog(readyLimit, "the service does not answer as it should; trying again")
	host.unplug("0000:b0:00.0")
	p := n.start()
	agent.awaitLog(readyLimit, "session opened")
	p.client().awaitDeployables("node1", 1)
}

// A second agent of a host cannot work on the first one's journal; with one of its
// own it takes the first one's place, which then ends and says so.
func TestTwoRealAgentsOfAHost(t *testing.T) {
	p := start(t, withAgents(t, "node1"))
	host := newFakeHost(t, "node1", p.agentsURL(), nil)
	first := host.start()
	second := host.launch()
	if code := second.exit(readyLimit); code != 1 {
		t.Errorf("a second agent with the same journal ended with %d", code)
	}
	third := newFakeHost(t, "node1", p.agentsURL(), nil).start()
	if code := first.exit(stopLimit + readyLimit); code != 3 {
		t.Errorf("the one that was replaced ended with %d", code)
	}
	if !third.running() {
		t.Error("the newer one has ended, too")
	}
	if got := len(p.client().awaitDeployables("node1", 1)); got != 1 {
		t.Errorf("%d deployables", got)
	}
}

// Agents with certificates: the name in it is the host, and a renewed one counts
// from the next session on.
func TestAnAgentWithACertificate(t *testing.T) {
	ca := newAuthority(t)
	for _, name := range []string{"server", "node1", "stranger"} {
		ca.issue(name)
	}
	p := start(t, options{
		"agents.port": "0", "fake.hosts": "", "agents.cert_file": ca.path("server.pem"), "agents.key_file": ca.path("server.key"),
		"agents.ca_file": ca.path("ca.pem"),
	})
	secure := func(name string) options {
		return options{
			"agent.ca_file": ca.path("ca.pem"), "agent.cert_file": ca.path(name + ".pem"), "agent.key_file": ca.path(name + ".key"),
			"agent.token_file": "",
		}
	}
	newFakeHost(t, "node1", p.agentsURL(), secure("node1")).start()
	p.client().awaitDeployables("node1", 1)
	impostor := newFakeHost(t, "node2", p.agentsURL(), secure("stranger")).launch()
	impostor.awaitLog(readyLimit, "the service does not answer as it should; trying again")
	p.awaitLog(readyLimit, "refused")
}

// What the agent needs to run it says, with the line.
func TestAgentsThatDoNotStart(t *testing.T) {
	host := newFakeHost(t, "node1", "http://127.0.0.1:1", nil)
	for change, want := range map[string]string{
		"service_url = http://192.0.2.1:6668": "[agent] service_url: http://192.0.2.1:6668 is not https",
		"service_url = ":                      "[agent] service_url: must be set",
		"token_file = ":                       "[agent] cert_file: or token_file must be set",
		"token_file = /nope":                  "[agent] token_file: open /nope",
		"cert_file = /nope":                   "would have no effect",
		"enabled_drivers = fake_diver":        "did you mean fake_driver?",
		"scan_interval = never":               "[agent] scan_interval",
		"program_timeout = 541":               "[agent] program_timeout",
	} {
		text, err := os.ReadFile(host.node.conf)
		if err != nil {
			t.Fatal(err)
		}
		other := *host
		other.node = newNode(t, nil)
		writeFile(t, other.node.conf, append(text, []byte("\n[agent]\n"+change+"\n")...))
		p := other.launch()
		if code := p.exit(readyLimit); code != 1 {
			t.Errorf("%s: exit code %d", change, code)
		}
		if !strings.Contains(strings.Join(p.log.plain(), ""), want) {
			t.Errorf("%s: said\n%s\nwant %s", change, p.log.tail(), want)
		}
	}
}
