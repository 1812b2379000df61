package agents

import (
	"slices"
	"strings"
	"testing"

	"github.com/arqd/arqd/devices/protocol"
)

// The provider of another compute node is not to be had by asking for it.
func TestAProviderThatIsNotProven(t *testing.T) {
	n := start(t, nil)
	open := func(status int, code, provider string) {
		t.Helper()
		n.want(status, code, "POST", protocol.SessionPath("b"), tokenB, text(`{"resource_provider_name": "`+provider+`"}`))
	}
	for _, own := range []string{"", "b", "b-alias"} {
		open(200, "", own)
	}
	for _, anothers := range []string{"a", "victim"} {
		open(403, protocol.CodeForbidden, anothers)
	}
	if !slices.Equal(n.back.hosts, []string{"b", "b", "b"}) {
		t.Errorf("sessions of %q", n.back.hosts)
	}
	if got := n.Stats().Impostors; got != 2 {
		t.Errorf("%d impostors are counted", got)
	}
	if log := n.log.String(); !strings.Contains(log, "names a resource provider that is not its host's") {
		t.Errorf("log: %s", log)
	}
}
