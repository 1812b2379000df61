package test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// scriptedAgent is a host's agent that says what a test wants.
type scriptedAgent struct {
	*client
	host    string
	boot    string
	session uuid.UUID
	seq     uint64
	content protocol.Content
}

func tokenOf(host string) string { return "the-token-of-" + host }

// withAgents gives options under which the hosts have agents with tokens, and
// none has fake devices.
func withAgents(t *testing.T, hosts ...string) options {
	t.Helper()
	var text strings.Builder
	for _, host := range hosts {
		fmt.Fprintf(&text, "%s %s\n", host, tokenOf(host))
	}
	file := filepath.Join(t.TempDir(), "tokens")
	writeFile(t, file, []byte(text.String()))
	return options{"agents.token_file": file, "agents.port": "0", "fake.hosts": ""}
}

func (p *process) agentsURL() string {
	p.t.Helper()
	p.awaitLog(readyLimit, "agents of compute hosts are listened to")
	return p.log.url("agents of compute hosts are listened to")
}

// agent makes the agent of a host with n fake devices of 4 handles each.
func (p *process) agent(host string, n int) *scriptedAgent {
	p.t.Helper()
	a := &scriptedAgent{host: host, boot: "boot-1"}
	a.dial(p)
	found, err := fake.New(fake.Options{Host: host, DevicesPerHost: n, HandlesPerDevice: 4}).Discover(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	a.content.Complete = map[string]bool{fake.Name: true}
	for _, d := range found.Devices {
		a.content.Devices = append(a.content.Devices, protocol.Device{Driver: fake.Name, Device: d})
	}
	return a
}

// dial has the agent talk to a process.
func (a *scriptedAgent) dial(p *process) {
	a.client = newClient(p.t, p.agentsURL(), &http.Transport{}).
		with(http.Header{"Authorization": {"Bearer " + tokenOf(a.host)}})
}

// open begins a session.
func (a *scriptedAgent) open() protocol.Session {
	a.t.Helper()
	var s protocol.Session
	a.want(200, http.MethodPost, protocol.SessionPath(a.host), protocol.OpenSession{
		Versions: []int{1}, AgentVersion: "test", BootID: a.boot, Drivers: []string{fake.Name},
		Capabilities: []devices.CommandKind{devices.ProgramFPGA},
	}).read(a.t, &s)
	a.session, a.seq = s.Session, 0
	return s
}

func (a *scriptedAgent) inventory() protocol.Inventory {
	a.seq++
	return protocol.Inventory{Session: a.session, Seq: a.seq, Scan: a.seq, Digest: a.content.Digest(), Content: a.content}
}

// report sends the inventory, and wants it taken.
func (a *scriptedAgent) report() protocol.InventoryReply {
	a.t.Helper()
	var r protocol.InventoryReply
	a.want(200, http.MethodPut, protocol.InventoryPath(a.host), a.inventory()).read(a.t, &r)
	return r
}

func (a *scriptedAgent) beat() *answer {
	a.t.Helper()
	return a.send(http.MethodPost, protocol.HeartbeatPath(a.host), protocol.Heartbeat{Session: a.session, Digest: a.content.Digest()})
}

// refused wants a refusal with a code.
func (a *scriptedAgent) refused(status int, code string, got *answer) {
	a.t.Helper()
	var e protocol.Error
	got.read(a.t, &e)
	if got.status != status || e.Code != code {
		a.t.Errorf("%d %s, want %d %s", got.status, &e, status, code)
	}
}

// poll gives the commands that there are, or that come in a while.
func (a *scriptedAgent) poll(seconds int) []protocol.Command {
	a.t.Helper()
	got := a.send(http.MethodGet, fmt.Sprintf("%s?session=%s&wait=%d", protocol.CommandsPath(a.host), a.session, seconds), nil)
	if got.status == http.StatusNoContent {
		return nil
	}
	var list protocol.Commands
	got.read(a.t, &list)
	return list.Commands
}

func (a *scriptedAgent) fetch() protocol.Command {
	a.t.Helper()
	got := a.poll(20)
	if len(got) != 1 {
		a.t.Fatalf("%d commands, want one", len(got))
	}
	return got[0]
}

func (a *scriptedAgent) result(c protocol.Command, r protocol.Result) *answer {
	a.t.Helper()
	r.Session = a.session
	return a.send(http.MethodPost, protocol.ResultPath(a.host, c.ID), r)
}

// An agent's devices are there, can be bound, and survive: also with packed
// bodies, and next to another host's.
func TestAgentsOfTwoHosts(t *testing.T) {
	n := newNode(t, withAgents(t, "node1", "node2"))
	p := n.start()
	one, two := p.agent("node1", 2), p.agent("node2", 1)
	if s := one.open(); !s.WantFull || s.KnownDigest != "" {
		t.Errorf("%+v", s)
	}
	two.open()
	one.report()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := json.NewEncoder(z).Encode(two.inventory()); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	two.with(http.Header{"Content-Encoding": {"gzip"}}).want(200, http.MethodPut, protocol.InventoryPath("node2"), packed.Bytes())
	c := p.client()
	c.createProfile("one", 1)
	id := c.create("one")[0]
	c.bind(c.deployables()["node2"], newUUID(), id)
	if got := c.arq(id); got.State != "Bound" || got.Hostname != "node2" {
		t.Errorf("%+v", got)
	}
	if got := p.metrics().value(t, "arqd_hosts", "state", "fresh"); got != 2 {
		t.Errorf("%v fresh hosts", got)
	}
	p.kill()
	p = n.start()
	one.dial(p)
	one.refused(409, protocol.CodeSessionUnknown, one.beat())
	if s := one.open(); s.KnownDigest != one.content.Digest() {
		t.Errorf("after a restart %q is known", s.KnownDigest)
	}
	if got := p.client().devices(); len(got) != 3 {
		t.Errorf("%d devices after a restart", len(got))
	}
	p.checkHandles(p.client(), 12)
}

// Who is not the host is refused, and that is in the log; tokens are not.
func TestAnImpostor(t *testing.T) {
	ca := newAuthority(t)
	for _, name := range []string{"server", "node1", "node2"} {
		ca.issue(name)
	}
	p := start(t, options{
		"agents.port": "0", "fake.hosts": "", "agents.cert_file": ca.path("server.pem"), "agents.key_file": ca.path("server.key"),
		"agents.ca_file": ca.path("ca.pem"),
	})
	open := protocol.OpenSession{Versions: []int{1}, AgentVersion: "test", BootID: "b"}
	newClient(t, p.agentsURL(), ca.transport("node1")).want(200, http.MethodPost, protocol.SessionPath("node1"), open)
	newClient(t, p.agentsURL(), ca.transport("node2")).want(403, http.MethodPost, protocol.SessionPath("node1"), open)
	p.awaitLog(10*time.Second, "refused")
	if _, err := newClient(t, p.agentsURL(), ca.transport("")).do(http.MethodPost, protocol.SessionPath("node1"), open); err == nil {
		t.Error("somebody without a certificate is let in")
	}
	if got := p.metrics().value(t, "arqd_agent_identity_refused_total", "reason", "impostor"); got != 1 {
		t.Errorf("%v impostors are counted", got)
	}
}

// The bad devices of an inventory are refused, each with its reason, and the
// good ones taken; what is beyond the bounds is refused as a whole.
func TestBadInventories(t *testing.T) {
	p := start(t, withAgents(t, "node1", "node2"))
	two := p.agent("node2", 1)
	two.open()
	two.report()
	a := p.agent("node1", 5)
	a.open()
	deployable := func(n int) *devices.Deployable { return &a.content.Devices[n].Deployables[0] }
	deployable(0).Name = two.content.Devices[0].Deployables[0].Name
	deployable(1).AttachHandles[0].Info = "{"
	a.content.Devices[2].Type = "TOASTER"
	for n := range 70 { // more than a record takes
		deployable(3).Attributes = append(deployable(3).Attributes, devices.Attribute{Key: fmt.Sprint("a", n), Value: strings.Repeat("x", protocol.MaxText)})
	}
	reasons := []string{"does not begin with the name of the host", "is not a JSON object", "there is no type", "917504 at most"}
	r := a.report()
	if len(r.Refused) != len(reasons) {
		t.Fatalf("refused: %+v", r.Refused)
	}
	for i, want := range reasons {
		if r.Refused[i].CPIDInfo != a.content.Devices[i].ControlPath.Info || !strings.Contains(r.Refused[i].Reason, want) {
			t.Errorf("refused %+v, want %q", r.Refused[i], want)
		}
	}
	if got := p.client().devices(); len(got) != 2 {
		t.Errorf("%d devices, want the good one and the other host's", len(got))
	}
	put := func(inv any) *answer { return a.send(http.MethodPut, protocol.InventoryPath("node1"), inv) }
	stale := a.inventory()
	a.report()
	a.refused(409, protocol.CodeStale, put(stale))
	other := a.with(http.Header{"If-Match": {protocol.ETag(strings.Repeat("0", 64))}})
	a.refused(412, protocol.CodeDigestDiffers, other.send(http.MethodPut, protocol.InventoryPath("node1"), a.inventory()))
	many := a.inventory()
	many.Devices = make([]protocol.Device, protocol.MaxDevices+1)
	a.refused(400, protocol.CodeInvalid, put(many))
	wrong := a.inventory()
	wrong.Digest = strings.Repeat("0", 64)
	a.refused(400, protocol.CodeInvalid, put(wrong))
	a.refused(413, protocol.CodeTooLarge, put(make([]byte, protocol.MaxBody+1)))
	if got := p.client().devices(); len(got) != 2 {
		t.Errorf("%d devices after what was refused", len(got))
	}
}

// Two agents of one host: the newer one wins.
func TestTwoAgentsOfAHost(t *testing.T) {
	p := start(t, withAgents(t, "node1"))
	one, two := p.agent("node1", 1), p.agent("node1", 1)
	one.open()
	one.report()
	two.open()
	one.refused(409, protocol.CodeSessionReplaced, one.beat())
	two.report()
	if got := two.beat(); got.status != 200 {
		t.Errorf("%d", got.status)
	}
}

// An agent that falls silent: what needs it is refused, what does not goes on,
// and in the end nothing is given.
func TestASilentAgent(t *testing.T) {
	opts := withAgents(t, "node1")
	opts["agents.lease"], opts["agents.dead_after"] = "1", "2"
	p := start(t, opts)
	p.mayFail = true // that a host has died is an error in the log
	a := p.agent("node1", 1)
	a.open()
	a.report()
	inState := func(state string) func() bool {
		return func() bool { return p.metrics().value(t, "arqd_hosts", "state", state) == 1 }
	}
	c := p.client()
	c.createProfile("one", 1)
	dep := c.deployable()
	eventually(t, 20*time.Second, "the host is dead", inState("dead"))
	c.want(409, http.MethodPatch, "/accelerator_requests", bindBody(dep, newUUID(), c.create("one")[0]))
	if got := a.beat(); got.status != 200 {
		t.Errorf("%d", got.status)
	}
	if len(c.devices()) != 1 {
		t.Error("the device of a dead host is gone")
	}
}

// The service is killed at each step of a bind that an agent prepares: it goes
// on under the same command, and nothing is done twice that was reported.
func TestKilledWhileAnAgentPrepares(t *testing.T) {
	for _, step := range []string{"accepted", "fetched", "reported"} {
		t.Run(step, func(t *testing.T) {
			n := newNode(t, withAgents(t, "node1"))
			p := n.start()
			a := p.agent("node1", 1)
			a.open()
			a.report()
			c := p.client()
			c.createImageProfile("image", newUUID())
			id := c.create("image")[0]
			c.bind(c.deployable(), newUUID(), id)
			var before protocol.Command
			if step != "accepted" {
				before = a.fetch()
			}
			if step == "reported" {
				if got := a.result(before, protocol.Result{State: protocol.ResultDone}); got.status != 200 {
					t.Fatalf("%d %s", got.status, got.body)
				}
			}
			p.kill()
			p = n.start()
			a.dial(p)
			a.open()
			if step == "reported" {
				if more := a.poll(1); len(more) != 0 {
					t.Errorf("sent again after its result: %+v", more)
				}
			} else {
				again := a.fetch()
				if step == "fetched" && again.ID != before.ID {
					t.Errorf("another command: %+v, before %+v", again, before)
				}
				if got := a.result(again, protocol.Result{State: protocol.ResultDone}); got.status != 200 {
					t.Fatalf("%d %s", got.status, got.body)
				}
				differing := a.result(again, protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultError})
				if differing.status != 409 {
					t.Errorf("another result: %d %s", differing.status, differing.body)
				}
				p.mayFail = true // it is an error in the log
			}
			if got := p.client().settled(id); got.State != "Bound" {
				t.Errorf("in the end: %+v", got)
			}
			p.checkHandles(p.client(), 4)
			p.stop()
			n.store("verify")
		})
	}
}

// Many agents wait at little cost, and the service does not wait for them when
// it stops.
func TestStoppingWhileAgentsWait(t *testing.T) {
	p := start(t, withAgents(t, "node1"))
	a := p.agent("node1", 1)
	a.open()
	answered := make(chan error, 1)
	go func() {
		_, err := a.do(http.MethodGet, fmt.Sprintf("%s?session=%s&wait=60", protocol.CommandsPath(a.host), a.session), nil)
		answered <- err
	}()
	eventually(t, 20*time.Second, "the poll is there", func() bool { return p.metrics().value(t, "arqd_agent_connections") >= 1 })
	p.stop()
	<-answered
}
