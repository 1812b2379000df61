package agent

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// The log says what changes, once.
func TestWhatTheLogSaysOfHealth(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{scanner: &scanner{opt: &Options{Log: slog.New(slog.NewTextHandler(&out, nil))}}}
	before := &findings{}
	for i, step := range []struct {
		health devices.Health
		want   string // "": nothing is new
	}{
		{devices.Health{State: devices.HealthOK}, ""},
		{devices.Health{State: devices.HealthDegraded, Reasons: []string{"few lanes"}}, `level=WARN msg="a device is not well" device=path state=degraded reasons="[few lanes]"`},
		{devices.Health{State: devices.HealthDegraded, Reasons: []string{"few lanes"}}, ""},
		{devices.Health{State: devices.HealthFailed, Reasons: []string{"smoke"}}, `state=failed reasons=[smoke]`},
		{devices.Health{State: devices.HealthOK, Errors: map[devices.ErrorCounter]uint64{devices.ErrorsFatal: 2}}, `level=INFO msg="a device is well again"`},
		{devices.Health{State: devices.HealthOK, Errors: map[devices.ErrorCounter]uint64{devices.ErrorsFatal: 5}}, `errors=pcie_fatal more=3`},
		{devices.Health{State: devices.HealthOK, Errors: map[devices.ErrorCounter]uint64{devices.ErrorsFatal: 5}}, ""},
	} {
		now := &findings{round: i, health: map[string]devices.Health{"path": step.health}}
		out.Reset()
		d.tell(before, now)
		if got := out.String(); strings.Contains(got, step.want) != true || step.want == "" && got != "" {
			t.Errorf("%d: %q, want %q", i, got, step.want)
		}
		before = now
	}
}

// A session speaks of each device once, and then of what is not ok or has
// changed, be it only a count of errors.
func TestWhatTheServiceIsToldOfHealth(t *testing.T) {
	path := devices.ControlPathID{Type: "PCI", Info: "{}"}
	s := &scan{}
	s.content.Devices = []protocol.Device{{Device: devices.Device{ControlPath: path}}}
	counted := func(state devices.HealthState, n uint64) map[string]devices.Health {
		h := devices.Health{State: state, Errors: map[devices.ErrorCounter]uint64{devices.ErrorsFatal: n}}
		if state != devices.HealthOK {
			h.Reasons = []string{"few lanes"}
		}
		return map[string]devices.Health{path.Info: h}
	}
	c := chart{told: map[string]devices.Health{}}
	if news := c.news(s, &findings{round: 1}); len(news) != 0 {
		t.Errorf("of a device that was not examined: %+v", news)
	}
	for i, tt := range []struct {
		state devices.HealthState
		count uint64
		told  int
	}{
		{devices.HealthOK, 0, 1},
		{devices.HealthOK, 0, 0},
		{devices.HealthOK, 1, 1},
		{devices.HealthOK, 1, 0},
		{devices.HealthDegraded, 1, 1},
		{devices.HealthDegraded, 1, 1},
		{devices.HealthOK, 1, 1},
		{devices.HealthOK, 1, 0},
	} {
		found := &findings{round: i + 1, health: counted(tt.state, tt.count)}
		news := c.news(s, found)
		if len(news) != tt.told || tt.told == 1 && news[0].Errors[devices.ErrorsFatal] != tt.count {
			t.Errorf("%d: told %+v", i, news)
		}
		if c.heard(found.round, news); len(c.news(s, found)) != 0 {
			t.Errorf("%d: one look is told twice", i)
		}
	}
}
