package protocol

import (
	"testing"

	"github.com/arqd/arqd/devices"
)

func TestWhatAProblemHides(t *testing.T) {
	const card = `{"domain": "0000", "bus": "3b", "device": "00", "function": "1"}`
	for _, c := range []struct {
		kind  devices.ProblemKind
		where string
		path  string
		hides bool
	}{
		{devices.ProblemUnreadable, "0000:3b:00.1", card, true},
		{devices.ProblemUnreadable, "0000:3b:1f.0", card, true},
		{devices.ProblemUnreadable, "0000:3c:00.1", card, false},
		{devices.ProblemUnreadable, "0001:3b:00.1", card, false},
		{devices.ProblemUnreadable, "nvme0", card, true},
		{devices.ProblemUnreadable, "0000:3c:00.1", "a path of its own", true},
		{devices.ProblemGone, "0000:3b:00.1", card, false},
	} {
		p := Problem{Problem: devices.Problem{Kind: c.kind, Where: c.where}}
		if got := p.Hides(devices.ControlPathID{Info: c.path}); got != c.hides {
			t.Errorf("%s at %s hides %s: %v", c.kind, c.where, c.path, got)
		}
	}
}
