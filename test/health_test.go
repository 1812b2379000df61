package test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// says sends a heartbeat with the health of the agent's first device.
func (a *scriptedAgent) says(h devices.Health) {
	a.t.Helper()
	a.want(200, http.MethodPost, protocol.HeartbeatPath(a.host), protocol.Heartbeat{
		Session: a.session, Digest: a.content.Digest(),
		Health: []protocol.DeviceHealth{{Device: a.content.Devices[0].ControlPath, Health: h}},
	})
}

// shown gives what the API shows of the health of the one device: the status,
// and the attributes.
func shown(c *client) (status, health, reason string) {
	c.t.Helper()
	var list struct {
		Devices []struct{ Status string }
	}
	c.with(http.Header{"OpenStack-API-Version": {"accelerator 2.3"}}).want(200, http.MethodGet, "/devices", nil).read(c.t, &list)
	var all struct{ Attributes []attribute }
	c.want(200, http.MethodGet, "/attributes", nil).read(c.t, &all)
	for _, a := range all.Attributes {
		switch a.Key {
		case "health":
			health = a.Value
		case "health_reason":
			reason = a.Value
		}
	}
	return list.Devices[0].Status, health, reason
}

// A device counts a fatal error while a guest has a part of it: it takes no bind,
// Placement has all of it reserved, the guest keeps what it has; all that
// survives, and ends when the device has been well for a while.
func TestADeviceSickensAndRecovers(t *testing.T) {
	s := newScheduled(t)
	opts := withAgents(t, "compute1")
	maps.Copy(opts, s.opts)
	opts["agents.health_hold"] = "2"
	n := newNode(t, opts)
	p := n.start()
	p.mayFail = true // that a device is quarantined is an error in the log
	s.must(http.MethodPost, "/resource_providers", map[string]any{"name": "compute1", "uuid": s.root})
	a := p.agent("compute1", 1)
	a.open()
	a.report()
	counted := func(errors uint64) devices.Health {
		return devices.Health{State: devices.HealthOK, Errors: map[devices.ErrorCounter]uint64{devices.ErrorsFatal: errors}}
	}
	a.says(counted(1))
	s.sees("4-0")
	c := p.client()
	c.createProfile("one", 1)
	ids := append(c.create("one"), c.create("one")...)
	c.bind(c.deployable(), newUUID(), ids[0])

	a.says(counted(2))
	s.sees("4-4")
	const reason = "it has counted fatal PCIe errors"
	wantShown := func(p *process, status, health, reason string) {
		t.Helper()
		if st, h, r := shown(p.client()); st != status || h != health || r != reason {
			t.Errorf("shown as %s, %s for %q; want %s, %s for %q", st, h, r, status, health, reason)
		}
	}
	wantShown(p, "maintaining", "quarantined", reason)
	c.want(409, http.MethodPatch, "/accelerator_requests", bindBody(c.deployable(), newUUID(), ids[1]))
	m := p.metrics()
	if m.value(t, "arqd_devices_health", "health", "quarantined") != 1 || m.value(t, "arqd_arqs_on_quarantined_devices") != 1 ||
		m.value(t, "arqd_device_quarantines_total") != 1 {
		t.Error("metrics do not tell of it")
	}

	p.kill()
	p = n.start()
	p.mayFail = true
	wantShown(p, "maintaining", "quarantined", reason)
	if got := p.client().arq(ids[0]); got.State != "Bound" {
		t.Errorf("the guest's is %s", got.State)
	}
	a.dial(p)
	a.open()
	a.report()
	a.says(counted(2))
	eventually(t, time.Minute, "the device is well again", func() bool {
		a.beat()
		_, health, _ := shown(p.client())
		return health == "healthy"
	})
	wantShown(p, "enabled", "healthy", "")
	s.sees("4-0")
	c = p.client()
	c.bind(c.deployable(), newUUID(), ids[1])
	p.stop()
	n.store("verify")
}
