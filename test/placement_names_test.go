package test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// parent is the provider that another one is below in Placement.
func (s *scheduled) parent(provider string) string {
	s.t.Helper()
	var have struct {
		Parent string `json:"parent_provider_uuid"`
	}
	_, text := s.placement.Call(s.t, http.MethodGet, "/resource_providers/"+provider, nil)
	if err := json.Unmarshal(text, &have); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
	return have.Parent
}

// TestAHostThatNovaCallsOtherwise: real Placement has the devices of a host, with
// a real agent, below the provider that its agent names; a bind names it too; and
// it cannot be that of another compute node.
func TestAHostThatNovaCallsOtherwise(t *testing.T) {
	const long, short = "compute1.example.org", "compute1"
	s := newScheduled(t)
	tokens := filepath.Join(t.TempDir(), "tokens")
	writeFile(t, tokens, []byte(short+" "+tokenOf(short)+" "+long+"\n"))
	s.opts["agents.token_file"], s.opts["agents.port"], s.opts["fake.hosts"] = tokens, "0", ""
	n := newNode(t, s.opts)
	p := n.start()
	roots := map[string]string{short: newUUID(), long: newUUID(), "compute2": newUUID()}
	for name, id := range roots {
		s.must(http.MethodPost, "/resource_providers", map[string]any{"name": name, "uuid": id})
	}
	calls := func(provider string) *hypervisor {
		return newHypervisor(t, short, arria, p.agentsURL(), options{"agent.resource_provider_name": provider})
	}
	agent := calls(long).start()
	card := p.client().awaitDeployables(short, 2)[0]
	below := func(name string) {
		t.Helper()
		eventually(t, time.Minute, "the card is below "+name, func() bool { return s.parent(card.Provider) == roots[name] })
	}
	below(long)
	var page struct {
		Devices []struct {
			Root string `json:"host_provider"`
		}
	}
	p.operators().want(200, http.MethodGet, "/placement", nil).read(t, &page)
	if len(page.Devices) != 2 || page.Devices[0].Root != long {
		t.Errorf("operators see %+v", page)
	}

	c := p.client()
	c.createProfile("one", 1)
	asNova, asAnother := card, card
	asNova.host, asAnother.host = long, "compute2"
	bound := c.create("one")[0]
	c.want(http.StatusConflict, http.MethodPatch, "/accelerator_requests", bindBody(asAnother, newUUID(), bound))
	c.bind(asNova, newUUID(), bound)
	if got := c.arq(bound); got.State != "Bound" || got.Hostname != long {
		t.Errorf("%+v", got)
	}
	agent.stop()

	refused := calls("compute2").launch()
	refused.mayFail = true
	refused.awaitLog(readyLimit, "the service does not answer as it should; trying again")
	if said := refused.log.tail(); !strings.Contains(said, "forbidden: resource_provider_name") {
		t.Errorf("the agent says %s", said)
	}
	refused.stop()
	if got := s.parent(card.Provider); got != roots[long] {
		t.Errorf("below %s", got)
	}

	agent = calls("").start()
	below(short)
	agent.stop()
	p.stop()
	n.store("verify")
}
