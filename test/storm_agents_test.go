package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// TestStormOnAgents has agents of two hosts say what no agent should, and strangers,
// too, while another host lives and works as ever: every answer is one of the
// protocol, that host, its devices and who has them do not notice, nothing grows, and
// all that was ever reported can be given up again.
func TestStormOnAgents(t *testing.T) {
	seed := seedOf(t)
	n := newNode(t, withAgents(t, append([]string{calmHost}, wildHosts...)...))
	s := newAgentStorm(n, seed)
	before := s.calmDown()
	length := stormTime(t) / 2
	slices := 1 + length/(20*time.Second)
	for range slices {
		s.rage(length/slices/2, true)
		s.restart()
		s.rage(length/slices/2, false)
		now := s.calmDown()
		t.Logf("%v", now)
		s.p.checkGrowth(before, now)
		if t.Failed() {
			return
		}
	}
	for _, more := range []time.Duration{3 * time.Second, 12 * time.Second, 36 * time.Second} {
		if s.missing() != "" && !t.Failed() { // on a busy machine a short storm is of few requests
			s.rage(more, false)
		}
	}
	if missing := s.missing(); missing != "" {
		t.Errorf("the storm did not reach far: no%s", missing)
	}
	s.checkErrors()
	s.p.stop()
	n.store("verify")
}

// missing says which answers nobody has got that a storm should have.
func (s *agentStorm) missing() (which string) {
	for method, statuses := range map[string][]int{"POST": {200, 400, 403, 409}, "PUT": {200, 400, 401, 403}, "GET": {200, 204}} {
		for _, status := range statuses {
			if !s.got(method, status) {
				which += fmt.Sprintf(" %s %d", method, status)
			}
		}
	}
	return which
}

// agentStorm is a storm on the agents' listener, and those who behave.
type agentStorm struct {
	*storm
	n      *node
	p      *process
	w      *wilds
	calm   *calm
	load   *load
	loader deployable // for images
	rng    *rand.Rand
	// Of the host that behaves: the attributes that it reports, and all that is shown.
	reported []string
	had      string
}

func newAgentStorm(n *node, seed uint64) *agentStorm {
	s := &agentStorm{n: n, w: newWilds(), rng: rand.New(rand.NewPCG(seed, 0)), storm: newStorm("", seed)}
	s.use(n.start())
	s.draft, s.judge = s.w.draft, s.w.judge
	// Agents wait for an answer before they send the next request; of who is refused
	// the body is not read.
	s.unread = func(x *script, answers int) bool {
		return x.broken || len(x.drafts) > 1 || answers == 1 || len(x.sent) > 4096
	}
	s.calm = newCalm(s.p, &s.going)
	s.calm.live(s.p)
	s.calm.rest()
	c := s.p.client()
	s.load = newLoad(c, 2, seed, "")
	s.load.deployables = nil
	for _, d := range c.allDeployables() {
		if d.Name == calmHost+"_FakeDevice" {
			s.loader = d
		} else {
			s.load.deployables = append(s.load.deployables, d)
		}
	}
	for _, name := range calmImages {
		c.createImageProfile(name, newUUID())
	}
	makeGambles(c)
	for _, a := range c.attributes() {
		s.reported = append(s.reported, a.UUID)
	}
	s.had = s.possessions(c)
	c.http.CloseIdleConnections()
	return s
}

// use has all of them turn to a process.
func (s *agentStorm) use(p *process) {
	p.mayFail = true // what hosts do wrong are errors in the log; see checkErrors
	if s.p != nil {
		s.p.past = true
	}
	s.p, s.address = p, host(p.agentsURL())
	s.going.Store(false)
}

// restart starts the service after it was killed, whose store has to be good.
func (s *agentStorm) restart() {
	s.n.store("verify")
	s.use(s.n.start())
	c := s.p.client()
	s.load.verify(s.p.t, c) // who was not answered learns what became of his request
	s.drop(c, calmImages)
	c.http.CloseIdleConnections()
}

// rage has all of them at it for a time, in the end of which the service may be killed.
func (s *agentStorm) rage(length time.Duration, kill bool) {
	c := s.p.client()
	s.open()
	s.calm.live(s.p)
	s.calm.loadImages(c, s.loader)
	working := s.load.run(s.p, -1)
	over := make(chan struct{})
	var others sync.WaitGroup
	goesOn := func() bool {
		select {
		case <-over:
			return false
		default:
			return !s.going.Load()
		}
	}
	g := &gambler{client: c, rng: rand.New(rand.NewPCG(s.rng.Uint64(), 1))}
	others.Go(func() { g.play(goesOn) })
	for _, host := range wildHosts {
		others.Go(func() { s.wake(host, goesOn) })
	}
	end := length
	if kill {
		end += time.Minute // it ends with the service
		others.Go(func() {
			pause(length)
			s.going.Store(true)
			s.load.closing.Store(true)
			s.p.signal(syscall.SIGKILL)
		})
	}
	s.storm.rage(end)
	s.load.resting.Store(true)
	working.Wait()
	s.calm.rest()
	close(over)
	others.Wait()
	if kill {
		s.p.exit(stopLimit)
		s.checkErrors()
		return
	}
	s.report(s.p)
	s.load.verify(s.p.t, c)
	s.checkCalm(c)
	c.http.CloseIdleConnections()
}

// open gives the wild hosts their sessions.
func (s *agentStorm) open() {
	for _, host := range wildHosts {
		a := s.p.agent(host, 0)
		s.w.opened(host, a.open().Session)
		a.http.CloseIdleConnections()
	}
}

// wake looks for commands of a wild host as long as the storm lasts, so that no
// other poll waits long.
func (s *agentStorm) wake(host string, goesOn func() bool) {
	a := s.p.agent(host, 0)
	for goesOn() {
		a.session = s.w.of(host).session
		s.w.sent(a.due())
	}
	a.http.CloseIdleConnections()
}

// due gives the commands that there are, as far as the session counts.
func (a *scriptedAgent) due() []protocol.Command {
	var list protocol.Commands
	got, err := a.do(http.MethodGet, fmt.Sprintf("%s?session=%s&wait=0.1", protocol.CommandsPath(a.host), a.session), nil)
	if err == nil && got.status == http.StatusOK {
		err = json.Unmarshal(got.body, &list)
	}
	if err != nil { // of a service that has gone away nobody hears anything
		return nil
	}
	return list.Commands
}

// checkCalm wants the host that behaves to have what it had.
func (s *agentStorm) checkCalm(c *client) {
	t := s.p.t
	t.Helper()
	t.Logf("the host that behaves: %d heartbeats, %d commands, %d images loaded, %d requests of its clients",
		s.calm.beats.Load(), s.calm.commands.Load(), s.calm.images.Load(), s.load.answered.Load())
	if now := s.possessions(c); now != s.had {
		t.Errorf("of the host that behaves was there:\n%s\nand now:\n%s", s.had, now)
	}
	if s.calm.images.Load() == 0 || s.load.answered.Load() == 0 {
		t.Error("nobody worked on the host that behaves")
	}
}

// calmDown has agents that behave take over the wild hosts, which have nothing any
// more, wants that to go through, and gives what the service holds on to then.
func (s *agentStorm) calmDown() vitals {
	t, c := s.p.t, s.p.client()
	t.Helper()
	s.drop(c, gambles)
	var agents []*scriptedAgent
	for _, host := range wildHosts {
		a := s.p.agent(host, 0)
		a.content.Complete = map[string]bool{fake.Name: true} // the only driver
		eventually(t, time.Minute, "a session of "+host, func() bool {
			got := a.send(http.MethodPost, protocol.SessionPath(host), protocol.OpenSession{
				Versions: []int{1}, AgentVersion: "test", BootID: "boot-after", Drivers: []string{fake.Name},
			})
			var session protocol.Session
			if got.status == http.StatusOK {
				got.read(t, &session)
				a.session, a.seq = session.Session, 0
			}
			return got.status == http.StatusOK
		})
		agents = append(agents, a)
	}
	eventually(t, time.Minute, "nothing is left of the hosts that did not behave", func() bool {
		for _, a := range agents {
			for _, command := range a.due() {
				a.result(command, protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultNoDevice})
			}
			if got := a.send(http.MethodPut, protocol.InventoryPath(a.host), a.inventory()); got.status != http.StatusOK {
				t.Logf("%s: %d %s", a.host, got.status, got.body)
			}
		}
		left := 0
		for _, d := range c.devices() {
			if d.Hostname != calmHost {
				left++
				c.send(http.MethodPost, "/devices/"+d.UUID+"/enable", nil) // it may have been in quarantine
			}
		}
		pause(200 * time.Millisecond)
		return left == 0
	})
	for _, a := range agents {
		a.http.CloseIdleConnections()
	}
	s.p.checkHandles(c, calmDevices*calmHandles)
	s.checkErrors()
	c.http.CloseIdleConnections()
	eventually(t, time.Minute, "agents' connections end", func() bool { return s.p.metrics().value(t, "arqd_agent_connections") == 0 })
	now := s.p.rest()
	delete(now.actors, "device") // of those that are gone they answer for a minute yet
	return now
}

// drop deletes the ARQs of some profiles.
func (s *agentStorm) drop(c *client, profiles []string) {
	var ids []string
	for _, a := range c.arqs("") {
		if slices.Contains(profiles, a.Profile) {
			ids = append(ids, a.UUID)
		}
	}
	for some := range slices.Chunk(ids, 50) {
		c.delete(some...)
	}
}

// checkErrors fails the test for errors in the log that are not about what a wild
// host has done, and for answers of the API that are failures.
func (s *agentStorm) checkErrors() {
	s.p.t.Helper()
	_, errs, failures := s.p.log.faults()
	for _, line := range errs {
		if !strings.Contains(line, `"host":"wild`) || strings.Contains(line, "an agent's call failed") {
			s.p.t.Errorf("arqd logged an error: %s", line)
		}
	}
	for _, line := range failures {
		s.p.t.Errorf("arqd answered 5xx: %s", line)
	}
}
