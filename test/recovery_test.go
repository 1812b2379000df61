package test

import (
	"maps"
	"slices"
	"testing"
)

// TestRecoveryOfMany kills the service under load while it holds many requests,
// some of them bound: after the restart each is what it was, down to its attach
// handle. (How long that takes is measured in bench.)
func TestRecoveryOfMany(t *testing.T) {
	const many, bound, hosts, perHost = 20_000, 2_000, 4, 600
	n := newNode(t, options{
		"fake.hosts": "compute1,compute2,compute3,compute4,spare", "fake.handles_per_device": "600", "api.access_log": "false",
	})
	p := n.start()
	c := p.client()
	c.createProfile("many", 200)
	var uuids []string
	for range many / 200 {
		uuids = append(uuids, c.create("many")...)
	}
	deployables := slices.Collect(maps.Values(c.deployables()))
	deployables = slices.DeleteFunc(deployables, func(d deployable) bool { return d.host == "spare" })
	i := 0
	for some := range slices.Chunk(uuids[:bound], 50) {
		c.bind(deployables[i%hosts], newUUID(), some...)
		i++
	}
	want := c.ofProfile("many")
	l := newLoad(c, 4, seedOf(t), "spare")
	all := l.run(p, 200)
	l.awaitEnough(t)
	l.closing.Store(true)
	p.kill()
	all.Wait()

	p = n.start()
	c = p.client()
	got := c.ofProfile("many")
	states := map[string]int{}
	for _, a := range got {
		states[a.State]++
		if a != want[a.UUID] {
			t.Errorf("%+v was %+v", a, want[a.UUID])
		}
	}
	if len(got) != many || states["Bound"] != bound || states["Initial"] != many-bound {
		t.Errorf("%d of %d are there, %v, want %d bound", len(got), many, states, bound)
	}
	l.verify(t, c)
	p.checkHandles(c, (hosts+1)*perHost)
	p.stop()
	n.store("verify")
}

// ofProfile gives the ARQs of a device profile by their uuids.
func (c *client) ofProfile(profile string) map[string]arq {
	c.t.Helper()
	byUUID := map[string]arq{}
	for _, a := range c.arqs("?device_profile_name=" + profile) {
		byUUID[a.UUID] = a
	}
	return byUUID
}
